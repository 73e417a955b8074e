"""The broker itself fails. It is the session's, so every test here leaves it running."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from devtools.servers import KafkaServer
from shared.contracts import topics
from shared.store import keys as store_keys
from tests import keys
from tests.services.delivery.running import Service, World, until
from tests.services.delivery.support import Receiver, Submission, make_submission
from tests.services.router.test_route import OSNABRUECK, jobcenter_of

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture
def broker(kafka_server: KafkaServer) -> Iterator[KafkaServer]:
    yield kafka_server
    kafka_server.process.resume()


async def send(world: World, count: int) -> list[Submission]:
    name = jobcenter_of(OSNABRUECK)
    made = [await make_submission(name, postcode=OSNABRUECK).store(world.store) for _ in range(count)]
    await asyncio.gather(*(world.producer.send(topics.RECEIVED, each.id, each.received()) for each in made))
    return made


async def all_settled(world: World, made: list[Submission]) -> bool:
    return all([await world.store.exists(store_keys.settled(each.id, 0)) for each in made])


async def readiness(service: Service) -> dict[str, bool]:
    port = service.lines("ready")[-1]["port"]

    def ask() -> dict[str, bool]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready") as answer:
                return dict(json.load(answer)["checks"])
        except urllib.error.HTTPError as refusal:
            with refusal:
                return dict(json.load(refusal)["checks"])

    return await asyncio.to_thread(ask)


async def test_a_frozen_broker_and_a_stop_in_the_midst_lose_nothing(world: World, broker: KafkaServer) -> None:
    async with Receiver().serve() as receiver:
        name = jobcenter_of(OSNABRUECK)
        await world.publish(keys.jobcenter_entry("a", name, url=receiver.url_of(name)))
        router = await world.service("router", stop_budget_s="1")
        delivery = await world.service("delivery", commit_timeout_s="1")
        first = await send(world, 5)
        await until(lambda: all_settled(world, first))
        await until_ready(router)
        await until_ready(delivery)

        second = await send(world, 100)
        broker.process.pause()
        await until(lambda: unready(router))
        await router.end()
        await delivery.end()
        broker.process.resume()

        await world.service("router")
        await world.service("delivery")
        await until(lambda: all_settled(world, second), 60, 0.3)
        assert {push.manifest.submission_id for push in receiver.pushes} == {each.id for each in first + second}


async def until_ready(service: Service) -> None:
    async def good() -> bool:
        return all((await readiness(service)).values())

    await until(good)


async def unready(service: Service) -> bool:
    return not (await readiness(service))["kafka"]


async def test_a_restarted_broker_is_found_again(world: World, broker: KafkaServer) -> None:
    async with Receiver().serve() as receiver:
        name = jobcenter_of(OSNABRUECK)
        await world.publish(keys.jobcenter_entry("a", name, url=receiver.url_of(name)))
        router, delivery = await world.service("router"), await world.service("delivery")
        first = await send(world, 5)
        await until(lambda: all_settled(world, first))
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        await until(lambda: world.producer.healthy)
        second = await send(world, 20)
        await until(lambda: all_settled(world, second), 60, 0.3)
        assert not router.ended
        assert not delivery.ended
