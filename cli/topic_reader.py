"""Read a topic without a consumer group: nothing is committed, nobody's position moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.directory.reading import close
from shared.errors import KafkaUnavailable, Misconfigured

Record = Any
"""aiokafka's `ConsumerRecord`, which has no types."""


class TopicReader:
    """All partitions of one topic, from the beginning or from now on."""

    def __init__(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._ends = ends

    async def records(self, *, follow: bool, idle_s: float | None = None) -> AsyncIterator[Record]:
        """Records as they are read; without `follow` up to where the topic ended when it was opened.

        With `idle_s`, reading also ends when nothing came for so many seconds.
        """
        ends = {partition: end for partition, end in self._ends.items() if end > 0}
        done = {partition for partition in ends if await self._consumer.position(partition) >= ends[partition]}
        while follow or len(done) < len(ends):
            # never cancelled: cancelling a read would disable the consumer's poll check for good
            batches = await self._consumer.getmany(timeout_ms=int((idle_s or 1.0) * 1000))
            if not batches and idle_s is not None:
                return
            for partition, batch in batches.items():
                for record in batch:
                    yield record
                    if record.offset + 1 >= ends.get(partition, 0):
                        done.add(partition)


@asynccontextmanager
async def read_topic(bootstrap: str, topic: str, *, from_beginning: bool) -> AsyncIterator[TopicReader]:
    """Open a topic. Raises `Misconfigured` when there is none of that name, `KafkaUnavailable` without a broker."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
    except KafkaError as error:
        raise KafkaUnavailable(f"no broker at {bootstrap}: {type(error).__name__}") from None
    try:
        # a consumer without a subscription knows no topic at all, and aiokafka 0.14 has no public way to ask for one
        await consumer._client.set_topics((topic,))
        if not consumer.partitions_for_topic(topic):
            raise Misconfigured(f"there is no topic {topic}")
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        if from_beginning:
            await consumer.seek_to_beginning(*partitions)
        else:
            await consumer.seek_to_end(*partitions)
        yield TopicReader(consumer, ends)
    except KafkaError as error:
        raise KafkaUnavailable(f"{topic} cannot be read: {type(error).__name__}") from None
    finally:
        await close(consumer)
