"""The short way to the store over connections that break, lie, or are closed just when they are used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared.errors import StoreUnavailable
from shared.store.presign import Signed
from shared.store.s3 import S3Store, open_session
from shared.store.settings import StoreSettings
from shared.store.wire import MAX_ERROR_BYTES, Ambiguous, NotSent, Wire

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TIMEOUT_S = 5.0


class Server:
    """Raw sockets; `answers` says for each connection what each request on it gets. None: closed without a word."""

    def __init__(self, *answers: list[bytes | None]) -> None:
        self.answers = [list(each) for each in answers]
        self.requests: list[bytes] = []
        self.connections = 0
        self.idle = asyncio.Event()
        """A connection has had all its answers."""
        self.closed = asyncio.Event()
        self.greet = asyncio.Event()
        """Set: idle connections get an answer that nobody asked for."""
        self.greeted = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = self.answers[self.connections]
        self.connections += 1
        try:
            for answer in answers:
                head = await reader.readuntil(b"\r\n\r\n")
                _, found, length = head.lower().partition(b"content-length: ")
                body = await reader.readexactly(int(length.split(b"\r\n")[0])) if found else b""
                self.requests.append(head + body)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
            self.idle.set()
            ended, greeting = asyncio.create_task(reader.read()), asyncio.create_task(self.greet.wait())
            await asyncio.wait({ended, greeting}, return_when=asyncio.FIRST_COMPLETED)
            if greeting.done():
                writer.write(OK)
                await writer.drain()
                self.greeted.set()
            greeting.cancel()
            await ended
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client closed it: that is what some tests are about
        finally:
            writer.close()
            self.closed.set()


@asynccontextmanager
async def wired(server: Server, **more: float) -> AsyncIterator[tuple[Wire, Signed, StoreSettings]]:
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        await server.serve(reader, writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    settings = StoreSettings(
        endpoint=f"127.0.0.1:{port}", access_key="a", secret_key="b", bucket="bucket", secure=False, **more
    )
    async with open_session(settings) as session:
        assert session.connector is not None
        yield Wire(session.connector, "http", 1.0), Signed(f"127.0.0.1:{port}", "/bucket/k?x=1"), settings
    listening.close()
    await asyncio.wait_for(asyncio.gather(*serving), TIMEOUT_S)


async def test_a_request_is_exactly_what_was_given() -> None:
    server = Server([OK, OK])
    async with wired(server) as (wire, to, _):
        reply = await wire.request("PUT", to, timeout_s=TIMEOUT_S, body=b"\0body", headers={"If-None-Match": "*"})
        assert (reply.status, reply.body, reply.repeated) == (200, b"ok", False)
        assert reply.headers["content-length"] == "2"
        await wire.request("GET", to, timeout_s=TIMEOUT_S)
    host = to.netloc.encode()
    assert server.requests == [
        b"PUT /bucket/k?x=1 HTTP/1.1\r\nHost: " + host + b"\r\nIf-None-Match: *\r\nContent-Length: 5\r\n\r\n\0body",
        b"GET /bucket/k?x=1 HTTP/1.1\r\nHost: " + host + b"\r\n\r\n",
    ]
    assert server.connections == 1, "kept alive"


async def test_an_empty_body_has_a_length() -> None:
    server = Server([OK])
    async with wired(server) as (wire, to, _):
        await wire.request("PUT", to, timeout_s=TIMEOUT_S)
    assert b"Content-Length: 0\r\n" in server.requests[0]


async def test_a_connection_closed_under_a_request_is_replaced_once() -> None:
    server = Server([OK, None], [OK])
    async with wired(server) as (wire, to, _):
        assert not (await wire.request("GET", to, timeout_s=TIMEOUT_S)).repeated
        assert (await wire.request("GET", to, timeout_s=TIMEOUT_S)).repeated
    assert (server.connections, len(server.requests)) == (2, 3)


async def test_closed_twice_nobody_knows() -> None:
    server = Server([None], [None])
    async with wired(server) as (wire, to, _):
        with pytest.raises(Ambiguous):
            await wire.request("PUT", to, timeout_s=TIMEOUT_S, body=b"x")
    assert len(server.requests) == 2, "and not a third time"


@pytest.mark.parametrize(("found", "won"), [(b"mine", True), (b"their", False)])
async def test_who_won_a_write_that_was_sent_twice_is_read_back(found: bytes, won: bool) -> None:
    refused = b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
    there = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(found), found)
    server = Server([None], [refused, there])
    async with wired(server) as (_, _, settings), S3Store.open(settings) as store:
        assert await store.put_new("k", b"mine") is won
    assert [request[:3] for request in server.requests] == [b"PUT", b"PUT", b"GET"]


async def test_a_refused_write_that_was_sent_once_is_lost_without_asking_again() -> None:
    refused = b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
    server = Server([OK, refused])
    async with wired(server) as (_, _, settings), S3Store.open(settings) as store:
        assert await store.get("k") == b"ok"
        assert await store.put_new("k", b"mine") is False
    assert (server.connections, len(server.requests)) == (1, 2)


async def test_what_nobody_asked_for_is_no_answer() -> None:
    """Else every later request on that connection would get the one before's object."""
    other = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"
    server = Server([OK], [other])
    async with wired(server) as (wire, to, _):
        await wire.request("GET", to, timeout_s=TIMEOUT_S)
        await asyncio.wait_for(server.idle.wait(), TIMEOUT_S)
        server.greet.set()
        await asyncio.wait_for(server.greeted.wait(), TIMEOUT_S)
        connector: Any = wire._connector

        async def arrived() -> None:
            while not any(waiting.should_close for idle in connector._conns.values() for waiting, _ in idle):
                await asyncio.sleep(0)

        await asyncio.wait_for(arrived(), TIMEOUT_S)
        assert (await wire.request("GET", to, timeout_s=TIMEOUT_S)).body == b"right"


async def test_a_body_cut_off_is_no_body() -> None:
    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    server = Server()
    server.serve = half  # type: ignore[method-assign]
    async with wired(server) as (wire, to, _):
        with pytest.raises(Ambiguous):
            await wire.request("GET", to, timeout_s=TIMEOUT_S)


async def test_silence_ends_in_time_and_the_connection_is_closed() -> None:
    server = Server([b""])
    async with wired(server) as (wire, to, _):
        with pytest.raises(Ambiguous):
            await wire.request("GET", to, timeout_s=0.1)
        await asyncio.wait_for(server.closed.wait(), TIMEOUT_S)


async def test_a_cancelled_request_leaves_no_connection_behind() -> None:
    server = Server([b""], [OK])
    async with wired(server) as (wire, to, _):
        asked = asyncio.create_task(wire.request("GET", to, timeout_s=TIMEOUT_S))
        await asyncio.wait_for(server.idle.wait(), TIMEOUT_S)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await asyncio.wait_for(server.closed.wait(), TIMEOUT_S)
        assert (await wire.request("GET", to, timeout_s=TIMEOUT_S)).body == b"ok"
    assert server.connections == 2


async def test_a_full_pool_means_not_sent() -> None:
    server = Server([b""], [OK])
    async with wired(server, max_connections=1) as (wire, to, _):
        waiting = asyncio.create_task(wire.request("GET", to, timeout_s=TIMEOUT_S))
        await asyncio.wait_for(server.idle.wait(), TIMEOUT_S)
        with pytest.raises(NotSent):
            await wire.request("PUT", to, timeout_s=0.1, body=b"x")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert len(server.requests) == 1


async def test_of_an_error_only_the_beginning_is_kept() -> None:
    text = b"<Code>SlowDown</Code>" + b"x" * (4 * MAX_ERROR_BYTES)
    server = Server([b"HTTP/1.1 503 Slow\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)])
    async with wired(server) as (_, _, settings), S3Store.open(settings) as store:
        with pytest.raises(StoreUnavailable, match="503 SlowDown"):
            await store.get("k")


async def test_answers_in_pieces_are_put_together() -> None:
    pieces = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with wired(Server([pieces])) as (wire, to, _):
        assert (await wire.request("GET", to, timeout_s=TIMEOUT_S)).body == b"abcde"


async def test_an_error_in_pieces_is_read_to_its_end() -> None:
    """Else a key would be free or not depending on where the network cuts."""
    first_read = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<Error><Code>NoSuchKey</Code></Error>"
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:15])
        await writer.drain()
        await asyncio.wait_for(first_read.wait(), TIMEOUT_S)
        writer.write(body[15:])
        await writer.drain()
        writer.close()

    server = Server()
    server.serve = slow  # type: ignore[method-assign]
    async with wired(server) as (_, _, settings), S3Store.open(settings) as store:
        asked = asyncio.create_task(store.get("k"))
        while not any(getattr(each, "_payload", None) for each in _busy(store)):
            await asyncio.sleep(0)
        first_read.set()
        assert await asked is None


def _busy(store: S3Store) -> list[Any]:
    """Connections that wait for an answer, or for its end."""
    connector: Any = store.session.connector
    return list(connector._acquired)
