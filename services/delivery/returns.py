"""Puts due messages of the retry tiers, and hand-overs whose time box is over, back to their lane's tail.

Shape: one consumer, in a group of its own, over the six retry topics and `delivery.awaiting`. Each has one fixed delay,
so its records are due in order: the first undone record of a partition is held, the partition paused until then. A
record is committed only after its copy in the lane is acknowledged; after a crash between the two the lane has it
twice, which a lane tolerates. A hold still applies, because nothing goes past the lane.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from services.delivery.poll import Stalled
from services.delivery.settings import DeliverySettings
from services.delivery.settle import Record, Settler
from services.delivery.tiers import Schedule, read_attempts, read_due, wait_s, with_attempts
from shared.contracts import topics
from shared.contracts.messages import Delivery
from shared.contracts.reasons import Reason
from shared.directory.reading import close
from shared.errors import KafkaUnavailable, MessageError, OurError
from shared.kafka.cloudevents import read
from shared.kafka.settings import KafkaSettings
from shared.kafka.watchdog import Reading, Watchdog
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

POLL_MS = 200
RETRY_S = 1.0
LOADED = 50
TOPICS = (*(topics.retry(tier) for tier in topics.RETRY_DELAYS_S), topics.AWAITING)


def make_returns_consumer(kafka: KafkaSettings, settings: DeliverySettings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **kafka.client_options(),
        client_id=f"returns-{settings.instance_id}",
        group_id=f"{settings.group_id}.returns",
        group_instance_id=f"{settings.instance_id}.returns",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.session_timeout_ms // 5,
        rebalance_timeout_ms=settings.rebalance_timeout_ms,
        max_poll_records=LOADED,
        fetch_max_wait_ms=POLL_MS,
        request_timeout_ms=settings.session_timeout_ms + 5_000,
        retry_backoff_ms=200,
    )


class Returner:
    """One record's way back. Raises `OurError`; then it is to be repeated."""

    def __init__(self, settler: Settler, schedule: Schedule, clock: Callable[[], datetime]) -> None:
        self._settler = settler
        self._schedule = schedule
        self._clock = clock

    def wait_s(self, record: Record) -> float:
        """Seconds until it is due, at most its topic's delay from now."""
        if record.topic == topics.AWAITING:
            delay_s = self._schedule.awaiting_s
        else:
            delay_s = self._schedule.delay_s(record.topic.removeprefix(topics.RETRY_PREFIX))
        return wait_s(read_due(record.headers), self._clock(), delay_s)

    async def put_back(self, record: Record) -> None:
        """To the lane's tail; unless it was answered meanwhile, or proves nothing."""
        try:
            _, delivery = read(Delivery, record.headers, record.value)
        except MessageError:
            await self._settler.unreadable(record, Reason.MESSAGE_UNREADABLE)
            return
        attempts = read_attempts(record.headers)
        if record.topic == topics.AWAITING:
            if await self._settler.is_over(delivery.submission_id, delivery.generation):
                return
            attempts = attempts.model_copy(update={"asked": attempts.asked + 1})
        await self._settler.put_back(record, delivery.destination, with_attempts(record.headers, attempts))


class ReturnsPump(ConsumerRebalanceListener):  # type: ignore[misc]
    """Order of use: `start`, `await run()`, `stop` from elsewhere makes it end."""

    def __init__(self, consumer: AIOKafkaConsumer, returner: Returner, settings: DeliverySettings) -> None:
        self._consumer = consumer
        self._returner = returner
        self._settings = settings
        self._watchdog = Watchdog(settings.stall_limit_s)
        self._stopping = asyncio.Event()
        self._held: dict[TopicPartition, deque[Record]] = {}
        self._due: dict[TopicPartition, float] = {}
        self._failing_until = 0.0

    async def start(self) -> None:
        """Raises `KafkaUnavailable`; may then be called again."""
        self._consumer.subscribe(topics=list(TOPICS), listener=self)
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise KafkaUnavailable(f"returns: {type(error).__name__}") from None

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. Raises `Stalled` when the consumer makes no progress although there is something to read."""
        watching = asyncio.create_task(self._watch(), name="watch returns")
        try:
            while not self._stopping.is_set() and not watching.done():
                await self._round()
        finally:
            self._stopping.set()
            await asyncio.wait({watching})
            await close(self._consumer)
        watching.result()

    async def _watch(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._settings.watch_interval_s)
            assigned = self._consumer.assignment()
            try:
                async with asyncio.timeout(self._settings.watch_interval_s):
                    ends = await self._consumer.end_offsets(assigned) if assigned else {}
                    positions = {partition: await self._consumer.position(partition) for partition in assigned}
            except (KafkaError, TimeoutError):
                continue  # the broker is away or a rebalance goes on: nothing can be told now
            readings = {
                f"{partition.topic}/{partition.partition}": Reading(
                    positions[partition], ends[partition], len(self._held.get(partition, ())) < LOADED
                )
                for partition in assigned
            }
            if self._watchdog.observe(asyncio.get_running_loop().time(), readings):
                raise Stalled("no progress on the retry topics")

    async def _round(self) -> None:
        self._pause_full()
        try:
            polled = await self._consumer.getmany(timeout_ms=POLL_MS)
        except KafkaError as error:
            emit(log, logging.WARNING, "poll failed", error=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RETRY_S)
            return
        for partition, records in polled.items():
            known = self._held.setdefault(partition, deque())
            last = known[-1].offset if known else -1
            known.extend(
                Record(each.topic, each.partition, each.offset, each.value, list(each.headers))
                for each in records
                if each.offset > last
            )
        now = asyncio.get_running_loop().time()
        if now >= self._failing_until:
            for partition in list(self._held):
                await self._put_back_due(partition, now)

    async def _put_back_due(self, partition: TopicPartition, now: float) -> None:
        done: int | None = None
        held = self._held.get(partition, deque())
        while held and not self._stopping.is_set():
            # The wait is fixed when a record comes first: a wall clock that is stepped later changes nothing.
            due = self._due.setdefault(partition, now + self._returner.wait_s(held[0]))
            if due > now:
                break
            try:
                await self._returner.put_back(held[0])
            except OurError as error:
                emit(log, logging.WARNING, "returning waits", topic=partition.topic, error=error)
                self._failing_until = now + RETRY_S
                break
            if self._held.get(partition) is not held:
                return  # revoked meanwhile: the next owner puts it back once more
            done = held.popleft().offset
            self._due.pop(partition, None)
        if done is not None:
            await self._commit({partition: done + 1})

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        try:
            async with asyncio.timeout(self._settings.commit_timeout_s):
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return  # a rebalance came between: they are put back twice
        except (KafkaError, TimeoutError) as error:
            emit(log, logging.WARNING, "commit failed", error=error)

    def _pause_full(self) -> None:
        assigned, paused = self._consumer.assignment(), self._consumer.paused()
        full = {partition for partition in assigned if len(self._held.get(partition, ())) >= LOADED}
        with contextlib.suppress(IllegalStateError):  # revoked this very moment
            if full - paused:
                self._consumer.pause(*(full - paused))
            if paused - full:
                self._consumer.resume(*(paused - full))

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """What is held was not committed: whoever comes next reads it again."""
        self._held.clear()
        self._due.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._held.clear()
        self._due.clear()
