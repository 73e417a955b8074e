"""A router that does not go on is found out; one that is merely waiting, or has nothing to do, is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.router.watch import RouterWatch
from shared.contracts.topics import Topic
from shared.kafka.admin import apply_topics
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from shared.settings import Profile

pytestmark = [pytest.mark.servers]


async def backlog(kafka: KafkaSettings) -> tuple[str, str]:
    """A topic of three messages, of which a group has committed one."""
    topic, group = f"watched-{uuid4().hex[:8]}", f"group-{uuid4().hex[:8]}"
    await apply_topics(kafka, [Topic(topic, "k", "c", 1)])
    producer = Producer(kafka, client_id="test")
    await producer.start()
    for _ in range(3):
        await producer.send_raw(topic, b"k", b"v")
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.commit({TopicPartition(topic, 0): 1})
    await consumer.stop()
    return topic, group


def watch(kafka: KafkaSettings, topic: str, group: str, is_waiting: Callable[[], bool]) -> RouterWatch:
    return RouterWatch(
        kafka,
        group_id=group,
        topic=topic,
        assigned=lambda: {0},
        is_waiting=is_waiting,
        interval_s=0.05,
        limit_s=0.1,
    )


async def test_a_backlog_that_nobody_works_on_is_a_stall(kafka: str) -> None:
    settings = KafkaSettings(bootstrap=kafka, profile=Profile.DEVELOPMENT)
    topic, group = await backlog(settings)
    await asyncio.wait_for(watch(settings, topic, group, lambda: False).run(), 20)


async def test_waiting_for_something_of_ours_is_no_stall(kafka: str) -> None:
    settings = KafkaSettings(bootstrap=kafka, profile=Profile.DEVELOPMENT)
    topic, group = await backlog(settings)
    asked = 0

    def is_waiting() -> bool:
        nonlocal asked
        asked += 1
        return True

    running = asyncio.create_task(watch(settings, topic, group, is_waiting).run())
    async with asyncio.timeout(20):
        while asked < 6:
            await asyncio.sleep(0.02)
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
