"""The router as a process on a real broker: the Faust shell loses nothing, whoever kills it when."""

from __future__ import annotations

import asyncio
import functools
import signal
from uuid import uuid4

import pytest

from shared.contracts import topics
from tests import keys
from tests.services.delivery.running import World, until
from tests.services.delivery.support import Submission, make_submission
from tests.services.router.test_route import OSNABRUECK, jobcenter_of

pytestmark = [pytest.mark.servers]


async def send(world: World, count: int, **claims: object) -> list[Submission]:
    made = [make_submission(jobcenter_of(OSNABRUECK), postcode=OSNABRUECK, **claims) for _ in range(count)]
    await asyncio.gather(*(world.producer.send(topics.RECEIVED, each.id, each.received()) for each in made))
    return made


async def routed(world: World, made: list[Submission]) -> bool:
    bodies = await world.bodies(topics.lane(jobcenter_of(OSNABRUECK)))
    return {str(each.id) for each in made} <= {body["submission_id"] for body in bodies if "submission_id" in body}


@pytest.fixture(autouse=True)
async def _connected(world: World) -> None:
    await world.publish(keys.jobcenter_entry("a", jobcenter_of(OSNABRUECK)))


async def test_it_routes_past_poison_and_commits_on_ending(world: World) -> None:
    first = await send(world, 20)
    mark = uuid4().hex.encode()
    await world.producer.send_raw(topics.RECEIVED, b"k", b"poison " + mark)
    await world.producer.send_raw(topics.RECEIVED, b"k", None)
    second = await send(world, 20)
    router = await world.service("router")
    await until(lambda: routed(world, first + second))
    letters = await world.bodies(topics.DEAD_LETTER)
    assert len([body for body in letters if body["source_topic"] == topics.RECEIVED]) >= 2
    before = len(await world.bodies(topics.lane(jobcenter_of(OSNABRUECK))))
    assert await router.end() == 0

    await world.service("router")
    third = await send(world, 1)
    await until(lambda: routed(world, third))
    assert len(await world.bodies(topics.lane(jobcenter_of(OSNABRUECK)))) == before + 1  # nothing was read again


@pytest.mark.slow
async def test_killed_over_and_over_it_loses_nothing(world: World) -> None:
    made: list[Submission] = []
    for _ in range(3):
        router = await world.service("router")
        sent = await send(world, 300)
        made += sent
        # killed in the midst: something is through, most is not
        await until(functools.partial(any_event, world, sent), every_s=0.01)
        await router.end(signal.SIGKILL)
    await world.service("router")
    await until(lambda: routed(world, made), 60, 0.3)


async def any_event(world: World, made: list[Submission]) -> bool:
    ids = {str(each.id) for each in made}
    return any(event["submission_id"] in ids for event in await world.bodies(topics.EVENTS))


async def test_a_lane_without_its_topic_is_made_and_holds_nobody_up(world: World) -> None:
    """Deleted by hand, or a broker set up anew: the entry is there, the topic is not."""
    from shared.kafka.admin import admin_client

    async with admin_client(world.kafka) as client:
        await client.delete_topics([topics.lane(jobcenter_of(OSNABRUECK))])
    router = await world.service("router")
    made = await send(world, 3)
    await until(lambda: routed(world, made))
    assert await router.end() == 0
