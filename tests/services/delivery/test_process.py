"""Delivery as a process, beside a real broker, a real store and receivers that check and sign.

The broker is shared by the session, so every test uses destinations of its own.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiohttp import web

from shared.contracts import topics
from shared.contracts.stored import Settled
from shared.store import keys as store_keys
from tests import keys
from tests.services.delivery.running import World, until
from tests.services.delivery.support import Push, Receiver, Submission, accept, make_submission, publish_lane, status

pytestmark = [pytest.mark.servers]

QUICK = {"backoff_first_s": "0.2", "backoff_most_s": "0.5", "metadata_max_age_ms": "1000", "session_timeout_ms": "6000"}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().serve() as receiver:
        yield receiver


def new_name() -> str:
    return f"jobcenter-{uuid4().hex[:10]}"


async def connect(world: World, receiver: Receiver, *names: str) -> None:
    entries = [keys.jobcenter_entry("a", name, url=receiver.url_of(name)) for name in names]
    await world.publish(*entries)


async def send(world: World, name: str, count: int, *attachments: bytes) -> list[Submission]:
    made = [await make_submission(name, *attachments).store(world.store) for _ in range(count)]
    await publish_lane(world.producer, *made)
    return made


async def settled(world: World, submission: Submission) -> Settled | None:
    body = await world.store.get(store_keys.settled(submission.id, 0))
    return None if body is None else Settled.model_validate_json(body)


async def all_settled(world: World, submissions: list[Submission]) -> bool:
    return all([await settled(world, each) is not None for each in submissions])


async def steps(world: World, submission: Submission) -> list[str]:
    events = await world.bodies(topics.EVENTS)
    return [event["step"] for event in events if event["submission_id"] == str(submission.id)]


async def test_a_dead_a_slow_and_a_refusing_jobcenter_leave_a_healthy_one_alone(world: World) -> None:
    well, dead, slow, broken = (new_name() for _ in range(4))
    async with Receiver().serve() as healthy, Receiver().serve() as hanging, Receiver().serve() as failing:
        released = asyncio.Event()

        async def wait(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
            await released.wait()
            return await accept(receiver, request, push)

        hanging.behaviour = wait
        failing.before = status(500)
        await connect(world, healthy, well)
        await connect(world, hanging, slow)
        await connect(world, failing, broken)
        await world.publish(keys.jobcenter_entry("a", dead, url="http://127.0.0.1:1/x"))
        waiting = [*await send(world, dead, 3), *await send(world, slow, 6), *await send(world, broken, 3)]
        delivery = await world.service("delivery", **QUICK)
        fine = await send(world, well, 40, b"attachment" * 5000)
        await until(lambda: all_settled(world, fine))
        assert len(healthy.pushes) == 40
        assert not any([await settled(world, each) for each in waiting])
        await until(lambda: len(hanging.pushes) == 4)  # its window, and no more

        failing.before = lambda: None
        await world.publish(keys.jobcenter_entry("a", dead, url=healthy.url_of(dead)))
        released.set()
        await until(lambda: all_settled(world, waiting))
        assert await steps(world, fine[0]) == ["pushing", "acknowledged"]
        assert "attempt-failed" in await steps(world, waiting[0])
        assert delivery.lines("lane waits")
        assert await delivery.end() == 0


async def test_killed_between_push_and_settlement_it_delivers_again_and_settles_once(
    world: World, receiver: Receiver
) -> None:
    name = new_name()
    await connect(world, receiver, name)
    pushed = asyncio.Event()

    async def answer_too_late(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        pushed.set()
        await asyncio.Event().wait()
        raise AssertionError

    receiver.behaviour = answer_too_late
    [submission] = await send(world, name, 1)
    delivery = await world.service("delivery", **QUICK)
    await asyncio.wait_for(pushed.wait(), 20)
    await delivery.end(signal.SIGKILL)
    assert await settled(world, submission) is None

    receiver.behaviour = accept
    again = await world.service("delivery", **QUICK)
    await until(lambda: all_settled(world, [submission]))
    first = await settled(world, submission)
    assert len({push.delivery_id for push in receiver.pushes}) == 1
    assert len(receiver.pushes) == 2
    assert await again.end(signal.SIGKILL) != 0

    # killed once more, before its offset was committed or after: it neither pushes nor settles again
    await world.service("delivery", **QUICK)
    [later] = await send(world, name, 1)
    await until(lambda: all_settled(world, [later]))
    assert await settled(world, submission) == first
    assert len(receiver.pushes) == 3


async def test_poison_on_a_lane_is_kept_and_does_not_block(world: World, receiver: Receiver) -> None:
    name = new_name()
    await connect(world, receiver, name)
    lane = topics.lane(name)
    await world.producer.send_raw(lane, b"k", b"\xff not a message")
    await world.producer.send_raw(lane, b"k", None)
    missing = make_submission(name)  # nothing of it is in the store
    await publish_lane(world.producer, missing)
    [good] = await send(world, name, 1)
    await world.service("delivery", **QUICK)
    await until(lambda: all_settled(world, [good]))
    letters = {
        body["source_offset"]: body for body in await world.bodies(topics.DEAD_LETTER) if body["source_topic"] == lane
    }
    assert {offset: body["reason"] for offset, body in letters.items()} == {
        0: "message-unreadable",
        1: "message-unreadable",
        2: "outcome-missing",
    }


async def test_a_new_destination_is_served_without_a_restart(world: World, receiver: Receiver) -> None:
    first, second = new_name(), new_name()
    await connect(world, receiver, first)
    delivery = await world.service("delivery", **QUICK)
    before = await send(world, first, 1)
    await until(lambda: all_settled(world, before))
    await connect(world, receiver, second)
    made = await send(world, second, 3)
    await until(lambda: all_settled(world, made), 30)
    assert await delivery.end() == 0


@pytest.mark.slow
async def test_two_replicas_lose_nothing_over_rebalances(world: World) -> None:
    names = [new_name() for _ in range(6)]
    async with Receiver().serve() as receiver:
        await connect(world, receiver, *names)
        one = await world.service("delivery", number=1, **QUICK)
        made = [each for name in names for each in await send(world, name, 10)]
        two = await world.service("delivery", number=2, **QUICK)
        made += [each for name in names for each in await send(world, name, 10)]
        await one.end(signal.SIGKILL)
        made += [each for name in names for each in await send(world, name, 5)]
        await until(lambda: all_settled(world, made), 60, 0.3)
        received = {push.manifest.submission_id for push in receiver.pushes}
        assert received == {each.id for each in made}
        assert await two.end() == 0


async def test_ending_drains_what_is_in_flight(world: World, receiver: Receiver) -> None:
    name = new_name()
    await connect(world, receiver, name)
    begun, released = asyncio.Event(), asyncio.Event()

    async def slow(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        begun.set()
        await released.wait()
        return await accept(receiver, request, push)

    receiver.behaviour = slow
    [submission] = await send(world, name, 1)
    delivery = await world.service("delivery", **QUICK)
    await asyncio.wait_for(begun.wait(), 20)
    assert delivery.process is not None
    delivery.process.terminate()
    await until(lambda: delivery.lines("draining"))
    released.set()
    assert await asyncio.wait_for(delivery.process.wait(), 30) == 0
    assert await settled(world, submission) is not None
    assert len(receiver.pushes) == 1

    again = await world.service("delivery", **QUICK)
    [later] = await send(world, name, 1)
    await until(lambda: all_settled(world, [later]))
    assert len(receiver.pushes) == 2  # the first was committed: it is not even read again
    assert (await steps(world, submission)).count("acknowledged") == 1
    assert await again.end() == 0
