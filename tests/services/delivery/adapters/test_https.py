"""The contract of every adapter, run on HTTPS push against a real server: whose fault is what, and what arrives."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.adapters.https import retry_after_s
from services.delivery.adapters.multipart import PushBody
from services.delivery.adapters.port import Adapter, Consignment, HandedOver
from services.delivery.parts import StoredParts
from services.delivery.settings import DeliverySettings
from services.delivery.wiring import make_adapters
from shared.contracts.directory import HttpsAdapter
from shared.contracts.manifest import Part
from shared.errors import JobcenterError, MessageError, StoreUnavailable
from shared.store import keys as store_keys
from shared.store.memory import MemoryStore
from shared.trust.answers import verify_answer
from tests import keys
from tests.services.delivery.support import Push, Receiver, Submission, accept, make_submission, signed, status

BIG = random.Random(5).randbytes(900_000).hex().encode()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().serve() as receiver:
        yield receiver


@pytest.fixture
def push(session: aiohttp.ClientSession, tmp_path: Path) -> Adapter:
    return make_adapters(settings_for(tmp_path), session)


def settings_for(folder: Path, **changes: float) -> DeliverySettings:
    key = folder / "push.jwk"
    key.write_text(json.dumps(keys.private_jwk("push")))
    key.chmod(0o600)
    limits = {"connect_timeout_s": 15.0, "idle_timeout_s": 15.0, "answer_timeout_s": 15.0} | changes
    return DeliverySettings(push_key_file=key, DIRECTORY_ANCHOR_FILE=folder, **limits)  # type: ignore[call-arg, arg-type]


async def consignment(
    receiver: Receiver | str, submission: Submission, store: MemoryStore | None = None
) -> Consignment:
    if store is None:
        store = MemoryStore()
        await submission.store(store)
    url = receiver if isinstance(receiver, str) else receiver.url_of("jobcenter-a")
    return Consignment(
        delivery_id=submission.delivery_id,
        manifest=submission.manifest,
        manifest_token=submission.token,
        destination=keys.destination("a").model_copy(update={"adapter": HttpsAdapter(url=url)}),
        traceparent=submission.traceparent,
        open_part=StoredParts(store, submission.manifest, submission.outcome.inline).open,
    )


async def test_every_byte_arrives_and_the_answer_comes_back(push: Adapter, receiver: Receiver) -> None:
    submission = make_submission("jobcenter-a", BIG, b"small")
    before = datetime.now(UTC)
    token = await push.deliver(await consignment(receiver, submission))
    answer = verify_answer(
        token,
        destination=keys.destination("a"),
        delivery_id=submission.delivery_id,
        manifest=submission.manifest,
        manifest_token=submission.token,
        handed_over_at=before,
    )
    assert answer.verdict == "accept"
    [got] = receiver.pushes
    assert got.parts == {str(part_id): body for part_id, body in submission.parts.items()}


async def test_the_trace_goes_along(push: Adapter, receiver: Receiver) -> None:
    seen = []

    async def note(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        seen.append(request.headers["Traceparent"])
        return await accept(receiver, request, push)

    receiver.behaviour = note
    submission = make_submission()
    await push.deliver(await consignment(receiver, submission))
    assert seen == [submission.traceparent]


@pytest.mark.parametrize("code", [204, 301, 307, 400, 401, 403, 404, 409, 413, 429, 500, 502, 503])
async def test_every_other_status_is_the_jobcenters_failure(push: Adapter, receiver: Receiver, code: int) -> None:
    receiver.before = status(code, Location="http://127.0.0.1:1/")
    with pytest.raises(JobcenterError) as failure:
        await push.deliver(await consignment(receiver, make_submission()))
    assert failure.value.code == "http-status"


async def test_202_means_that_the_answer_comes_later(push: Adapter, receiver: Receiver) -> None:
    async def later(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        return web.Response(status=202)

    receiver.behaviour = later
    assert await push.deliver(await consignment(receiver, make_submission())) is HandedOver.ANSWER_LATER


async def test_202_before_everything_was_sent_is_no_hand_over(push: Adapter, receiver: Receiver) -> None:
    receiver.before = status(202)
    with pytest.raises(JobcenterError):
        await push.deliver(await consignment(receiver, make_submission("jobcenter-a", BIG * 8)))


async def test_the_probe_is_signed_and_empty(push: Adapter, receiver: Receiver) -> None:
    load = await consignment(receiver, make_submission())
    await push.probe(load.destination)
    assert receiver.probes == 1
    receiver.before_probe = status(429, **{"Retry-After": "7"})
    with pytest.raises(JobcenterError) as failure:
        await push.probe(load.destination)
    assert (failure.value.code, failure.value.retry_after_s) == ("http-status", 7)


async def test_a_probe_of_a_closed_port_is_the_jobcenters_failure(push: Adapter) -> None:
    load = await consignment("http://127.0.0.1:1/x", make_submission())
    with pytest.raises(JobcenterError) as failure:
        await push.probe(load.destination)
    assert failure.value.code == "connect"


async def test_retry_after_is_passed_on(push: Adapter, receiver: Receiver) -> None:
    receiver.before = status(503, **{"Retry-After": "17"})
    with pytest.raises(JobcenterError) as failure:
        await push.deliver(await consignment(receiver, make_submission()))
    assert failure.value.retry_after_s == 17


async def test_a_closed_port_is_the_jobcenters_failure(push: Adapter) -> None:
    with pytest.raises(JobcenterError) as failure:
        await push.deliver(await consignment("http://127.0.0.1:1/x", make_submission()))
    assert failure.value.code == "connect"


async def test_no_endpoint_is_the_jobcenters_failure(push: Adapter) -> None:
    load = await consignment("http://127.0.0.1:1/x", make_submission())
    bare = load.destination.model_copy(update={"adapter": None})
    with pytest.raises(JobcenterError):
        await push.deliver(Consignment(**{**load.__dict__, "destination": bare}))


async def test_a_server_without_tls_where_tls_is_due(push: Adapter, receiver: Receiver) -> None:
    url = receiver.url_of("jobcenter-a").replace("http:", "https:")
    with pytest.raises(JobcenterError) as failure:
        await push.deliver(await consignment(url, make_submission()))
    assert failure.value.code == "tls"


async def test_silence_is_a_timeout(session: aiohttp.ClientSession, receiver: Receiver, tmp_path: Path) -> None:
    released = asyncio.Event()

    async def silent(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    receiver.behaviour = silent
    push = make_adapters(settings_for(tmp_path, answer_timeout_s=0.2), session)
    with pytest.raises(JobcenterError) as failure:
        await push.deliver(await consignment(receiver, make_submission()))
    released.set()
    assert failure.value.code == "timeout"


async def test_a_receiver_that_stops_reading_is_a_timeout(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    released = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
    port = server.sockets[0].getsockname()[1]
    push = make_adapters(settings_for(tmp_path, idle_timeout_s=0.3), session)
    submission = make_submission("jobcenter-a", BIG * 8)
    try:
        with pytest.raises(JobcenterError) as failure:
            await push.deliver(await consignment(f"http://127.0.0.1:{port}/x", submission))
    finally:
        released.set()
        server.close()
    assert failure.value.code == "timeout"


async def test_a_connection_cut_after_the_push_is_the_jobcenters_failure(push: Adapter, receiver: Receiver) -> None:
    async def cut(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    receiver.behaviour = cut
    with pytest.raises(JobcenterError) as failure:
        await push.deliver(await consignment(receiver, make_submission()))
    assert failure.value.code == "connect"


@pytest.mark.parametrize(
    "response",
    [
        lambda: web.json_response({"ok": True}),
        lambda: web.Response(text="OK"),
        lambda: signed("x" * 300_000),
        lambda: web.Response(body=b"\xff\xfe", content_type="application/jose"),
    ],
)
async def test_a_200_that_is_no_signed_answer_counts_for_nothing(
    push: Adapter, receiver: Receiver, response: object
) -> None:
    async def careless(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        return response()  # type: ignore[operator, no-any-return]

    receiver.behaviour = careless
    with pytest.raises(JobcenterError) as failure:
        await push.deliver(await consignment(receiver, make_submission()))
    assert failure.value.code == "answer-invalid"


@pytest.mark.parametrize("fault", [MessageError("part-altered"), StoreUnavailable("cut off")])
async def test_errors_of_reading_are_never_the_jobcenters(push: Adapter, receiver: Receiver, fault: Exception) -> None:
    async def failing(part: Part) -> AsyncIterator[bytes]:
        yield b"x"
        raise fault

    load = await consignment(receiver, make_submission("jobcenter-a", BIG))
    with pytest.raises(type(fault)) as failure:
        await push.deliver(Consignment(**{**load.__dict__, "open_part": failing}))
    assert failure.value is fault
    assert receiver.pushes == []


async def test_an_altered_part_is_never_handed_over_complete(push: Adapter, receiver: Receiver) -> None:
    submission, store = make_submission("jobcenter-a", BIG), MemoryStore()
    await submission.store(store)
    key = store_keys.part(submission.id, submission.manifest.parts[2].id)
    store.objects[key] = store.objects[key][:-1] + b"!"
    with pytest.raises(MessageError) as failure:
        await push.deliver(await consignment(receiver, submission, store))
    assert failure.value.reason == "part-altered"
    assert receiver.pushes == []


async def test_a_refusal_before_the_body_is_read_is_understood(push: Adapter, receiver: Receiver) -> None:
    receiver.before = status(429, **{"Retry-After": "3"})
    with pytest.raises(JobcenterError) as failure:
        await push.deliver(await consignment(receiver, make_submission("jobcenter-a", BIG * 4)))
    assert failure.value.code in ("http-status", "connect")


async def test_cancelling_closes_the_connection(push: Adapter, receiver: Receiver) -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def slow(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        begun.set()
        await released.wait()
        return web.Response()

    receiver.behaviour = slow
    task = asyncio.create_task(push.deliver(await consignment(receiver, make_submission())))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    released.set()


async def test_the_announced_length_is_the_bodys(receiver: Receiver) -> None:
    submission = make_submission("jobcenter-a", b"a", BIG)
    body = PushBody(await consignment(receiver, submission))
    assert sum([len(chunk) async for chunk in body.chunks()]) == body.length


NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@given(st.text(max_size=40))
def test_any_retry_after_is_seconds_or_nothing(value: str) -> None:
    seconds = retry_after_s(value, NOW)
    assert seconds is None or seconds >= 0


def test_retry_after_in_its_two_forms() -> None:
    assert retry_after_s("120", NOW) == 120
    assert retry_after_s("Sun, 22 Nov 2026 12:02:00 GMT", NOW) == 120
    assert retry_after_s("Sun, 22 Nov 2026 11:02:00 GMT", NOW) == 0
    assert retry_after_s(None, NOW) is None
    assert retry_after_s("-5", NOW) is None
