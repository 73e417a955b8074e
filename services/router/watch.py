"""Watches the router's progress from outside: what its group committed, against what the broker has.

The consumer inside Faust can stall after a broker's restart without saying so. While messages wait for something of
ours (Kafka's answer, the store, the directory), waiting is right and nothing is stalled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.directory.reading import close
from shared.errors import KafkaUnavailable
from shared.kafka.admin import admin_client
from shared.kafka.settings import KafkaSettings
from shared.kafka.watchdog import Reading, Watchdog


class RouterWatch:
    """`run` returns when the router makes no progress any more; only a restart helps then. Cancel it to stop."""

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        group_id: str,
        topic: str,
        assigned: Callable[[], set[int]],
        is_waiting: Callable[[], bool],
        interval_s: float,
        limit_s: float,
    ) -> None:
        """`assigned` answers the partitions of `topic` that are this process's."""
        self._kafka = kafka
        self._group_id = group_id
        self._topic = topic
        self._assigned = assigned
        self._is_waiting = is_waiting
        self._interval_s = interval_s
        self._watchdog = Watchdog(limit_s)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                readings = await self._read()
            except (KafkaUnavailable, KafkaError, OSError, TimeoutError):
                continue  # the broker is away: nothing can be told now
            if self._watchdog.observe(asyncio.get_running_loop().time(), readings):
                return

    async def _read(self) -> dict[str, Reading]:
        partitions = [TopicPartition(self._topic, number) for number in self._assigned()]
        if not partitions:
            return {}
        async with admin_client(self._kafka) as client:
            committed = await client.list_consumer_group_offsets(self._group_id, partitions=partitions)
        consumer = AIOKafkaConsumer(**self._kafka.client_options())
        await consumer.start()
        try:
            ends = await consumer.end_offsets(partitions)
        finally:
            await close(consumer)
        waiting = self._is_waiting()
        return {
            str(partition.partition): Reading(max(0, committed[partition].offset), ends[partition], not waiting)
            for partition in partitions
            if partition in committed
        }
