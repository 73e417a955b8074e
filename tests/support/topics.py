"""Reads a topic from its beginning to its present end, as any consumer outside could."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.directory.reading import close


@dataclass(frozen=True)
class Message:
    """`body` is parsed JSON; None for a tombstone or for what is no JSON."""

    key: str | None
    headers: dict[str, str]
    body: Any
    raw: bytes | None


async def read_topic(bootstrap: str, topic: str) -> list[Message]:
    """Every message that is on the topic now; order holds within a partition only."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        found = await consumer._client.fetch_all_metadata()
        partitions = [TopicPartition(topic, number) for number in found.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        messages: list[Message] = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    messages += [_message(record) for record in batch]
        return messages
    finally:
        await close(consumer)


async def wait_for_message(
    bootstrap: str, topic: str, wanted: Callable[[Message], bool], timeout_s: float = 30.0
) -> Message:
    """The first message that is wanted, as soon as it is there."""
    deadline = time.monotonic() + timeout_s
    while True:
        for message in await read_topic(bootstrap, topic):
            if wanted(message):
                return message
        assert time.monotonic() < deadline, f"nothing wanted came on {topic} within {timeout_s:.0f} s"
        await asyncio.sleep(0.2)


def _message(record: Any) -> Message:
    try:
        body = json.loads(record.value) if record.value else None
    except ValueError:
        body = None
    headers = {name: value.decode() for name, value in record.headers}
    return Message(record.key.decode() if record.key else None, headers, body, record.value)
