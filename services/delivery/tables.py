"""Follows a compacted topic of states, newest record of each key: `delivery.control` and `delivery.lanes`.

Every replica reads all of it, without a group, from the first record on; so what operators said survives restarts and
rebalances. The broker answers a waiting fetch as soon as there is a record, and `on_change` follows at once: nothing
waits for a timer. The broker may go and come back: what was known stays.
An unreadable record changes nothing and is told: a hold that somebody set must not end by a broken byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.control import Control, LaneState
from shared.directory.reading import POLL_MS, assign_all, behind, close, key_text, make_consumer
from shared.errors import KafkaUnavailable, MessageError
from shared.kafka.cloudevents import read
from shared.kafka.settings import KafkaSettings
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

STALL_S = 10.0
RETRY_S = 0.5
T = TypeVar("T", Control, LaneState)


class TableFollower(Generic[T]):
    """Order of use: `start` (returns when everything there was has been read), `get` at any time, `stop`."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        model: type[T],
        on_change: Callable[[], None] = lambda: None,
        *,
        upon: Callable[[T, T | None], T] = lambda row, before: row,
    ) -> None:
        """`on_change` runs on the event loop after records were taken in; must be quick and must not raise. `upon` says
        what counts after a record, by what counted before."""
        self._kafka = kafka
        self._topic = topic
        self._model: type[T] = model
        self._on_change = on_change
        self._upon: Callable[[T, T | None], T] = upon
        self._rows: dict[str, T] = {}
        self._next: dict[TopicPartition, int] = {}
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def get(self, destination: str) -> T | None:
        return self._rows.get(destination)

    async def start(self) -> None:
        """Waits for broker and topic to appear."""
        self._task = asyncio.create_task(self._run(), name=f"follow {self._topic}")
        waiting = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait({self._task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task in done:
            self._task.result()

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._session()
            except (KafkaError, KafkaUnavailable, OSError, TimeoutError) as error:
                emit(log, logging.WARNING, "following again", topic=self._topic, error=error)
                await self._pause()
            except asyncio.CancelledError:
                # aiokafka 0.14 lets cancellations of its own tasks out when the broker vanishes; ours would count here.
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                emit(log, logging.WARNING, "following again", topic=self._topic)
                await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), RETRY_S)

    async def _session(self) -> None:
        consumer = make_consumer(self._kafka)
        try:
            await consumer.start()
            partitions = await assign_all(consumer, self._topic)
            starts = await consumer.beginning_offsets(partitions)
            for partition in partitions:
                consumer.seek(partition, max(starts[partition], self._next.get(partition, 0)))
            await self._follow(consumer, partitions)
        finally:
            await close(consumer)

    async def _follow(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        loop = asyncio.get_running_loop()
        progress_at = loop.time()
        while not self._stopping.is_set():
            async with asyncio.timeout(STALL_S):
                lag = await behind(consumer, partitions)
            if min(lag.values()) < 0:
                self._next.clear()
                raise KafkaUnavailable("the topic was made anew")
            if not any(lag.values()):
                progress_at = loop.time()
                self._ready.set()
            elif loop.time() - progress_at > STALL_S:
                raise KafkaUnavailable("the consumer stalls")
            # never cancelled: in aiokafka that would disable the consumer's poll check
            polled = await consumer.getmany(timeout_ms=POLL_MS)
            for partition, records in polled.items():
                for record in records:
                    self._take(key_text(record.key), record.value, list(record.headers))
                    self._next[partition] = record.offset + 1
            if polled:
                progress_at = loop.time()
                self._on_change()

    def _take(self, key: str, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        if value is None:
            self._rows.pop(key, None)
            return
        try:
            _, row = read(self._model, headers, value)
        except MessageError:
            emit(log, logging.ERROR, "unreadable record ignored", topic=self._topic)
            return
        if row.destination == key:
            self._rows[key] = self._upon(row, self._rows.get(key))
        else:
            emit(log, logging.ERROR, "misplaced record ignored", topic=self._topic)
