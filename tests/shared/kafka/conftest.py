from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from shared.contracts.topics import Topic
from shared.kafka.admin import apply_topics
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings


@asynccontextmanager
async def started(settings: KafkaSettings) -> AsyncIterator[Producer]:
    producer = Producer(settings, client_id="test")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@pytest.fixture
async def topic(kafka: str) -> str:
    """A topic with four partitions."""
    name = f"test.producer.{uuid4()}"
    assert await apply_topics(kafka, [Topic(name, "id", "test", 4)]) == [name]
    return name


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[Producer]:
    async with started(KafkaSettings(bootstrap=kafka, probe_interval_s=0.2)) as producer:
        yield producer


@pytest.fixture
async def patient(kafka: str) -> AsyncIterator[Producer]:
    """For what is about many messages, not about time."""
    async with started(KafkaSettings(bootstrap=kafka, send_timeout_s=30)) as producer:
        yield producer
