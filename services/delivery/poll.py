"""Kafka's side of the lanes: polls, pauses, commits, watches progress. Transport only; decisions are in `lanes`.

Traps of aiokafka 0.14 that this module is shaped by:

- Cancelling `getmany` switches its poll check off for good, so the one poll task is never cancelled: it polls with a
  timeout and looks at the stop flag. It never awaits a delivery.
- `pause` is forgotten on every rebalance, so every round of the poll task pauses again what is full.
- Rebalancing is eager: everything is revoked and assigned anew. Lanes are only suspended between the two.
- A pattern subscription meets new topics with the metadata refresh only, hence `metadata_max_age_ms`.
- After a broker's restart a consumer may stall without saying so, hence the watchdog, which asks the broker itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord

from services.delivery.lanes import Lanes
from services.delivery.settings import DeliverySettings
from services.delivery.settle import Record
from shared.contracts import topics
from shared.errors import KafkaUnavailable
from shared.kafka.settings import KafkaSettings
from shared.kafka.watchdog import Reading, Watchdog
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

PATTERN = "^" + topics.LANE_PREFIX.replace(".", r"\.") + ".+"
POLL_MS = 200


class Stalled(Exception):
    """The consumer makes no progress, or may not go on. The process must be started anew."""


def make_consumer(kafka: KafkaSettings, settings: DeliverySettings) -> AIOKafkaConsumer:
    """Overrides what aiokafka would do by default with what loses nothing."""
    return AIOKafkaConsumer(
        **kafka.client_options(),
        client_id=f"delivery-{settings.instance_id}",
        group_id=settings.group_id,
        group_instance_id=settings.instance_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        metadata_max_age_ms=settings.metadata_max_age_ms,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.session_timeout_ms // 5,
        rebalance_timeout_ms=settings.rebalance_timeout_ms,
        max_poll_records=settings.max_poll_records,
        max_partition_fetch_bytes=settings.max_partition_fetch_bytes,
        fetch_max_wait_ms=POLL_MS,
        request_timeout_ms=settings.session_timeout_ms + 5_000,
        retry_backoff_ms=200,
    )


class LanePoller(ConsumerRebalanceListener):  # type: ignore[misc]
    """Order of use: `start`, `await run()` until it ends or raises `Stalled`, `stop` from elsewhere makes it end."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        lanes: Lanes,
        settings: DeliverySettings,
        *,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._consumer = consumer
        self._lanes = lanes
        self._settings = settings
        self._on_progress = on_progress
        self._stopping = asyncio.Event()
        self._watchdog = Watchdog(settings.stall_limit_s)
        self.joined = asyncio.Event()
        self.trouble: str | None = None
        lanes.on_space = self._resume

    async def start(self) -> None:
        """Joins the group. Raises `KafkaUnavailable` when no broker answers; may then be called again."""
        self._consumer.subscribe(pattern=PATTERN, listener=self)
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise KafkaUnavailable(f"consumer: {type(error).__name__}") from None

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Serves until `stop`; then drains within the budget, commits what is done and leaves the consumer closed."""
        helpers = [
            asyncio.create_task(self._repeat(self._commit, self._settings.commit_interval_s), name="commit"),
            asyncio.create_task(self._repeat(self._watch, self._settings.watch_interval_s), name="watch"),
        ]
        polling = asyncio.create_task(self._poll(), name="poll")
        try:
            await asyncio.wait({polling, *helpers}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stopping.set()
            await asyncio.gather(polling, *helpers, return_exceptions=True)
            emit(log, logging.INFO, "draining", count=self._lanes.in_flight)
            given_up = await self._lanes.drain(self._settings.drain_budget_s)
            if given_up:
                emit(log, logging.WARNING, "deliveries given up after the drain budget", count=given_up)
            await self._commit()
            await self._consumer.stop()
        for task in (polling, *helpers):
            task.result()

    # -- the one poll task ------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        failing_since: float | None = None
        while not self._stopping.is_set():
            self._balance()
            try:
                polled = await self._consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                now = asyncio.get_running_loop().time()
                failing_since = now if failing_since is None else failing_since
                self.trouble = type(error).__name__
                emit(log, logging.WARNING, "poll failed", error=error)
                if now - failing_since > self._settings.stall_limit_s:
                    raise Stalled("polling fails") from None
                await self._pause_for(1.0)
                continue
            if failing_since is not None:
                failing_since = self.trouble = None
            for partition, records in polled.items():
                self._lanes.load(partition, (_record(record) for record in records))
            if polled:
                self._lanes.pump()
            self._on_progress()

    def _balance(self) -> None:
        """Pauses full lanes, resumes hungry ones. Done in each round: a rebalance forgets every pause."""
        assigned, paused = self._consumer.assignment(), self._consumer.paused()
        full = {partition for partition in assigned if not self._lanes.wants_more(partition)}
        with contextlib.suppress(IllegalStateError):  # revoked this very moment
            if full - paused:
                self._consumer.pause(*(full - paused))
            hungry = {partition for partition in paused - full if self._lanes.hungry(partition)}
            if hungry:
                self._consumer.resume(*hungry)

    def _resume(self, partition: TopicPartition) -> None:
        with contextlib.suppress(IllegalStateError):
            if partition in self._consumer.paused():
                self._consumer.resume(partition)

    # -- rebalancing ------------------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commits what is done while it still may; attempts in flight go on, for the lanes mostly come back."""
        self._lanes.suspend()
        await self._commit()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        mine = list(assigned)
        self._lanes.assign(mine)
        self._balance()
        self.joined.set()
        emit(log, logging.INFO, "lanes assigned", count=len(mine))

    # -- helpers ----------------------------------------------------------------------------------------------------

    async def _commit(self) -> None:
        """Commits each partition's done prefix. A failure costs nothing but a repetition: the next round commits."""
        offsets = self._lanes.committable()
        if not offsets:
            return
        try:
            async with asyncio.timeout(self._settings.commit_timeout_s):
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return  # a rebalance came between; whoever owns the lanes now reads settled messages again
        except (KafkaError, TimeoutError) as error:
            emit(log, logging.WARNING, "commit failed", error=error)
            return
        self._lanes.committed(offsets)

    async def _watch(self) -> None:
        """Raises `Stalled` when the broker has records that this consumer should have read long ago."""
        assigned = self._consumer.assignment()
        if not assigned:
            return
        try:
            async with asyncio.timeout(self._settings.watch_interval_s):
                ends = await self._consumer.end_offsets(assigned)
                positions = {partition: await self._consumer.position(partition) for partition in assigned}
        except (KafkaError, TimeoutError):
            return  # the broker is away or a rebalance goes on: nothing can be told now
        readings = {
            f"{partition.topic}/{partition.partition}": Reading(
                positions[partition], ends[partition], self._lanes.hungry(partition)
            )
            for partition in assigned
        }
        stalled = self._watchdog.observe(asyncio.get_running_loop().time(), readings)
        if stalled:
            raise Stalled(f"no progress on {len(stalled)} partitions")

    async def _repeat(self, action: Callable[[], Awaitable[None]], interval_s: float) -> None:
        while not self._stopping.is_set():
            await self._pause_for(interval_s)
            if not self._stopping.is_set():
                await action()

    async def _pause_for(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _record(record: ConsumerRecord[bytes, bytes]) -> Record:
    return Record(record.topic, record.partition, record.offset, record.value, list(record.headers))
