from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from shared.contracts.topics import Topic
from shared.kafka.admin import apply_topics
from shared.kafka.settings import KafkaSettings
from shared.kafka.topic_watch import TopicWatch
from shared.settings import Profile

pytestmark = [pytest.mark.servers]


async def until_good(watch: TopicWatch) -> None:
    async with asyncio.timeout(15):
        while not watch.good:
            await asyncio.sleep(0.02)


async def test_a_missing_topic_is_told_until_it_is_there(kafka: str) -> None:
    topic = Topic(f"watched-{uuid4().hex[:8]}", "k", "c", 1)
    settings = KafkaSettings(bootstrap=kafka, profile=Profile.DEVELOPMENT)
    asked: list[int] = []

    def wanted() -> tuple[Topic, ...]:
        asked.append(1)
        return (topic,)

    watch = TopicWatch(settings, wanted, retry_s=0.05)
    watch.start()
    async with asyncio.timeout(15):
        while len(asked) < 3:
            await asyncio.sleep(0.02)
    assert not watch.good
    await apply_topics(settings, [topic])
    await until_good(watch)
    await watch.stop()


async def test_one_broker_is_too_weak_for_production(kafka: str) -> None:
    topic = Topic(f"watched-{uuid4().hex[:8]}", "k", "c", 1)
    await apply_topics(kafka, [topic])
    asked: list[int] = []

    def wanted() -> tuple[Topic, ...]:
        asked.append(1)
        return (topic,)

    watch = TopicWatch(KafkaSettings(bootstrap=kafka), wanted, retry_s=0.05)
    watch.start()
    async with asyncio.timeout(15):
        while len(asked) < 3:
            await asyncio.sleep(0.02)
    assert not watch.good
    await watch.stop()


async def test_a_broker_that_is_away_does_not_end_the_watch() -> None:
    watch = TopicWatch(KafkaSettings(bootstrap="127.0.0.1:1"), lambda: (), retry_s=0.05)
    watch.start()
    await watch.stop()
    assert not watch.good
