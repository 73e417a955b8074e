"""Reading `directory.jobcenters` without a consumer group: every reader needs all of it, from the first record on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.errors import KafkaUnavailable
from shared.kafka.settings import KafkaSettings

POLL_MS = 400
"""How long one poll waits for new records; with it a change is seen well within two seconds."""
CLOSE_S = 2.0


def client_options(kafka: KafkaSettings | str) -> dict[str, Any]:
    """How to connect; a bare address speaks plain text."""
    return (kafka if isinstance(kafka, KafkaSettings) else KafkaSettings(bootstrap=kafka)).client_options()


def make_consumer(kafka: KafkaSettings | str) -> AIOKafkaConsumer:
    """A consumer that commits nothing and finds a restarted broker again quickly."""
    return AIOKafkaConsumer(
        **client_options(kafka),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=POLL_MS,
        request_timeout_ms=10_000,
        retry_backoff_ms=200,
        metadata_max_age_ms=5_000,
    )


async def close(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, whatever state it and the broker are in; takes at most `CLOSE_S`.

    aiokafka 0.14 cancels its own pending fetches when stopping, and now and then lets their `CancelledError` out to the
    caller, whose task would then die of a cancellation that nobody asked for. In a task of its own it hurts nobody.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait({stopping}, timeout=CLOSE_S)
    if stopping.cancelled() or not stopping.done() or stopping.exception() is not None:
        stopping.cancel()
        closing = asyncio.create_task(consumer._client.close())  # what an interrupted stop leaves open
        await asyncio.wait({stopping, closing}, timeout=CLOSE_S)


async def assign_all(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Take every partition of the topic. Raises `KafkaUnavailable` when the topic does not exist (yet)."""
    # without a subscription a consumer knows no topic at all, and aiokafka 0.14 has no public way to ask for one
    await consumer._client.set_topics((topic,))
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise KafkaUnavailable(f"topic {topic} does not exist")
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    consumer.assign(partitions)
    return partitions


async def behind(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]:
    """How many offsets each partition's end is ahead; negative when the topic was made anew."""
    ends = await consumer.end_offsets(partitions)
    return {partition: ends[partition] - await consumer.position(partition) for partition in partitions}


async def read_records(kafka: KafkaSettings | str, topic: str) -> list[tuple[str, bytes | None]]:
    """All that the topic holds now, in its order: key and value (`None` = tombstone), good or not.

    Raises `KafkaError`, or `KafkaUnavailable` when the topic does not exist.
    """
    consumer = make_consumer(kafka)
    found: list[tuple[str, bytes | None]] = []
    try:
        await consumer.start()
        partitions = await assign_all(consumer, topic)
        await consumer.seek_to_beginning(*partitions)
        while any(lag > 0 for lag in (await behind(consumer, partitions)).values()):
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                found += [(key_text(record.key), record.value) for record in records]
    finally:
        await close(consumer)
    return found


def key_text(key: bytes | None) -> str:
    """A record's key as text; whatever is no ASCII becomes something that no id can be."""
    return (key or b"").decode("ascii", "backslashreplace")
