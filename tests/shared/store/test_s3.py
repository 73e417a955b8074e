"""What the real store does when the server does not: never wrong, never late, never blocking."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.errors import Misconfigured, StoreUnavailable
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from tests.conftest import S3Access
from tests.support.servers import AnyStore

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def error_xml(code: str) -> bytes:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>secret words</Message></Error>'.encode()


@asynccontextmanager
async def store_over(answer: Answer, **settings: float) -> AsyncIterator[S3Store]:
    """A store whose server is a function."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        values = StoreSettings(
            endpoint=f"127.0.0.1:{server.port}",
            access_key="a",
            secret_key="b",
            bucket="bucket",
            secure=False,
            **settings,
        )
        async with S3Store.open(values) as store:
            yield store


@pytest.fixture
async def real(s3: S3Access, bucket: str) -> AsyncIterator[S3Store]:
    async with S3Store.open(StoreSettings(**s3, bucket=bucket, secure=False)) as store:
        yield store


@pytest.mark.parametrize("status", [301, 403, 500, 503])
async def test_every_other_answer_is_unavailable_and_says_only_the_code(status: int) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=error_xml("SlowDown"))

    async with store_over(answer) as store:
        for operation in (store.get("k"), store.put("k", b""), store.size("k"), store.list("k"), store.check()):
            with pytest.raises(StoreUnavailable, match=f"{status} SlowDown") as caught:
                await operation
            assert "secret words" not in str(caught.value)


async def test_a_missing_bucket_is_not_a_missing_object() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=404, body=error_xml("NoSuchBucket"))

    async with store_over(answer) as store:
        for operation in (store.get("k"), store.exists("k"), store.delete("k")):
            with pytest.raises(StoreUnavailable):
                await operation


async def test_a_dead_server_is_noticed_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = StoreSettings(
        endpoint=f"127.0.0.1:{port}", access_key="a", secret_key="b", bucket="bucket", secure=False
    )
    async with S3Store.open(settings) as store:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await store.put_new("k", b"x")
        assert time.monotonic() - began < 1


async def test_a_silent_server_is_given_up_in_time() -> None:
    async def answer(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with store_over(answer, operation_timeout_s=0.3) as store:
        for operation in (store.get("k"), store.put("k", b""), store.put_new("k", b"x"), store.list("")):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await operation
            assert time.monotonic() - began < 1


class Ambiguous:
    """A server that stores what it is sent but breaks the connection instead of answering."""

    def __init__(self, *, keeps: bytes | None) -> None:
        self.keeps = keeps
        self.requests: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request.method)
        if request.method == "PUT":
            await request.read()
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if self.keeps is None:
            return web.Response(status=404, body=error_xml("NoSuchKey"))
        return web.Response(body=self.keeps)


async def test_a_write_without_answer_that_arrived_is_our_own() -> None:
    server = Ambiguous(keeps=b"mine")
    async with store_over(server.answer) as store:
        assert await store.put_new("k", b"mine") is True
    assert server.requests[-1] == "GET"


async def test_a_write_without_answer_that_another_won_is_lost() -> None:
    async with store_over(Ambiguous(keeps=b"theirs").answer) as store:
        assert await store.put_new("k", b"mine") is False


async def test_a_write_without_answer_and_without_effect_stays_undecided() -> None:
    async with store_over(Ambiguous(keeps=None).answer) as store:
        with pytest.raises(StoreUnavailable):
            await store.put_new("k", b"mine")


async def test_a_conflict_is_tried_again() -> None:
    answers = [409, 409, 200]

    async def answer(request: web.Request) -> web.Response:
        if request.method == "PUT":
            return web.Response(status=answers.pop(0))
        return web.Response(status=404, body=error_xml("NoSuchKey"))

    async with store_over(answer) as store:
        assert await store.put_new("k", b"mine") is True
    assert answers == []


async def test_a_stopped_upload_is_given_up_but_a_slow_sender_is_not() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/dead"):
            await asyncio.Event().wait()  # never takes a byte
        await request.read()
        return web.Response()

    async def slow(pieces: int) -> AsyncIterator[bytes]:
        for _ in range(pieces):
            await asyncio.sleep(0.15)  # longer than the idle limit: the sender's pause, not the store's
            yield b"x" * 100_000

    async with store_over(answer, idle_timeout_s=0.1, connect_timeout_s=0.1) as store:
        await store.put_stream("alive", 300_000, slow(3))
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await store.put_stream("dead", 100_000, slow(1))
        assert time.monotonic() - began < 2


async def test_a_body_cut_off_while_reading_is_unavailable() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        await response.write(b"x" * 1000)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with store_over(answer) as store:
        with pytest.raises(StoreUnavailable):
            await store.get("k")
        with pytest.raises(StoreUnavailable):
            async with store.get_stream("k") as stream:
                assert stream is not None
                async for _ in stream.chunks:
                    pass


async def test_lists_are_read_to_their_end() -> None:
    async def answer(request: web.Request) -> web.Response:
        start = int(request.query.get("continuation-token", "0"))
        keys = "".join(f"<Contents><Key>k/{number:03d}&amp;</Key></Contents>" for number in range(start, start + 10))
        more = start < 20
        following = f"<NextContinuationToken>{start + 10}</NextContinuationToken>" if more else ""
        namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
        return web.Response(
            text=f'<ListBucketResult xmlns="{namespace}"><IsTruncated>{str(more).lower()}</IsTruncated>'
            f"{following}{keys}</ListBucketResult>"
        )

    async with store_over(answer) as store:
        assert await store.list("k/") == [f"k/{number:03d}&" for number in range(30)]


def versioning(status: str) -> bytes:
    return f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode()


@pytest.mark.parametrize(
    ("versioned", "locked"),
    [("Enabled", False), ("Suspended", False), ("", True)],
)
async def test_a_bucket_in_which_erasing_does_not_erase_is_refused(versioned: str, locked: bool) -> None:
    async def answer(request: web.Request) -> web.Response:
        if "versioning" in request.query:
            return web.Response(body=versioning(versioned) if versioned else b"<VersioningConfiguration/>")
        assert "object-lock" in request.query
        if locked:
            enabled = b"<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
            return web.Response(body=b"<ObjectLockConfiguration>" + enabled + b"</ObjectLockConfiguration>")
        return web.Response(status=404, body=error_xml("ObjectLockConfigurationNotFoundError"))

    async with store_over(answer) as store:
        with pytest.raises(Misconfigured, match="erasing would not erase"):
            await store.check_bucket()


async def test_presigning_touches_no_network() -> None:
    settings = StoreSettings(
        endpoint="store.invalid:9000", access_key="a", secret_key="b", bucket="bucket", secure=True
    )
    async with S3Store.open(settings) as store:
        url = store.presign("GET", "some/key")
    assert str(url).startswith("https://store.invalid:9000/bucket/some/key?")
    assert "X-Amz-Signature" in url.query


@pytest.mark.servers
async def test_an_ordinary_bucket_is_accepted_and_a_missing_one_is_not(real: S3Store, s3: S3Access) -> None:
    await real.ensure_bucket()
    await real.check_bucket()
    missing = S3Store(StoreSettings(**s3, bucket="never-created", secure=False), real.session)
    with pytest.raises(Misconfigured, match="does not exist"):
        await missing.check_bucket()
    with pytest.raises(StoreUnavailable):
        await missing.exists("k")
    await missing.ensure_bucket()
    await missing.check_bucket()


@pytest.mark.servers
async def test_wrong_keys_are_refused_by_the_store(s3: S3Access, bucket: str) -> None:
    wrong = {**s3, "secret_key": "not-the-secret"}
    async with S3Store.open(StoreSettings(**wrong, bucket=bucket, secure=False)) as store:
        with pytest.raises(StoreUnavailable, match="403"):
            await store.get("k")


@pytest.mark.servers
async def test_a_frozen_store_is_given_up_in_time_and_used_again(s3_server: AnyStore, real: S3Store) -> None:
    await real.put("k", b"before")
    s3_server.process.pause()
    try:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await real.put_new("k2", b"frozen")
        assert time.monotonic() - began < 2.1
    finally:
        s3_server.process.resume()
    assert await real.get("k") == b"before"


UPLOAD_AND_DIE = """
import asyncio, os, signal, sys
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings

async def main():
    endpoint, access, secret, bucket, key = sys.argv[1:]
    settings = StoreSettings(endpoint=endpoint, access_key=access, secret_key=secret, bucket=bucket, secure=False)
    async def chunks():
        for _ in range(60):
            yield b"x" * 100_000
        await asyncio.sleep(0.3)  # until the bytes have left this process
        os.kill(os.getpid(), signal.SIGKILL)
    async with S3Store.open(settings) as store:
        await store.put_stream(key, 50_000_000, chunks())

asyncio.run(main())
"""


@pytest.mark.servers
async def test_an_upload_of_a_killed_process_leaves_nothing(real: S3Store, s3: S3Access, bucket: str) -> None:
    """The kernel closes a killed process's sockets. Ended by FIN, versitygw 1.8.0 keeps what it has."""
    arguments = [s3["endpoint"], s3["access_key"], s3["secret_key"], bucket, "a/parts/1"]
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", UPLOAD_AND_DIE, *arguments], check=False)
    assert done.returncode == -9
    assert await real.put_new("a/parts/1", b"taken") is True
    assert await real.get("a/parts/1") == b"taken"
