"""The poll task and its watchdog, with a consumer that does as aiokafka does when it is at its worst."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import ConsumerRecord

from services.delivery.backoff import Backoff
from services.delivery.lanes import Lanes
from services.delivery.poll import LanePoller, Stalled
from services.delivery.runner import Limits
from services.delivery.settings import DeliverySettings
from tests.services.delivery.test_lanes import Told, blocking
from tests.support.virtual import run

LANE = TopicPartition("delivery.to.jobcenter-a", 0)
SETTINGS = DeliverySettings.model_construct(stall_limit_s=60.0, watch_interval_s=10.0, drain_budget_s=0.1)


class Consumer:
    """One partition with `end` records, of which it hands out none beyond `reads`."""

    def __init__(self, end: int, reads: int) -> None:
        self.end, self.reads, self.at = end, reads, 0
        self.paused_now: set[TopicPartition] = set()
        self.pauses = 0
        self.error: Exception | None = None
        self.closed = False

    def subscribe(self, *, pattern: str, listener: LanePoller) -> None:
        self.listener = listener

    async def start(self) -> None:
        await self.listener.on_partitions_assigned([LANE])

    async def stop(self) -> None:
        self.closed = True

    def assignment(self) -> set[TopicPartition]:
        return {LANE}

    def paused(self) -> set[TopicPartition]:
        return set(self.paused_now)

    def pause(self, *partitions: TopicPartition) -> None:
        self.pauses += 1
        self.paused_now |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.paused_now -= set(partitions)

    async def getmany(self, *, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        if self.error is not None:
            raise self.error
        if self.at < self.reads and LANE not in self.paused_now:
            self.at += 1
            record = ConsumerRecord(LANE.topic, 0, self.at - 1, 0, 0, b"k", b"", None, 1, 0, ())
            return {LANE: [record]}
        await asyncio.sleep(timeout_ms / 1000)
        return {}

    async def end_offsets(self, partitions: Any) -> dict[TopicPartition, int]:
        return {LANE: self.end}

    async def position(self, partition: TopicPartition) -> int:
        return self.at

    async def commit(self, offsets: Any) -> None: ...


def make(told: Told, consumer: Consumer, **limits: int) -> LanePoller:
    lanes = Lanes(
        told,
        told,
        limits=Limits(**limits),
        backoff=Backoff(),
        clock=lambda: datetime.now(UTC),
        chance=lambda: 0.5,
    )
    return LanePoller(consumer, lanes, SETTINGS)


def test_a_consumer_that_stalls_without_saying_so_ends_the_process() -> None:
    """After a broker's restart aiokafka may never fetch again: the broker has records, the consumer reads none."""

    async def happens() -> float:
        consumer = Consumer(end=10, reads=4)
        poller = make(Told(), consumer)
        await poller.start()
        with pytest.raises(Stalled):
            await poller.run()
        assert consumer.closed
        return asyncio.get_running_loop().time()

    assert 60 <= run(happens()) <= 60 + 3 * SETTINGS.watch_interval_s


def test_polling_that_fails_for_too_long_ends_the_process() -> None:
    async def happens() -> float:
        consumer = Consumer(end=0, reads=0)
        consumer.error = KafkaConnectionError()
        poller = make(Told(), consumer)
        await poller.start()
        with pytest.raises(Stalled):
            await poller.run()
        return asyncio.get_running_loop().time()

    assert 60 <= run(happens()) <= 63


def test_a_lane_that_waits_is_no_stall() -> None:
    """Full and paused: nothing is read, and nothing is wrong, for days."""

    async def happens() -> None:
        told, consumer = Told(), Consumer(end=100, reads=100)
        told.how[LANE.topic] = blocking(asyncio.Event())
        poller = make(told, consumer, loaded=8)
        await poller.start()
        running = asyncio.create_task(poller.run())
        await asyncio.sleep(3600)
        assert not running.done()
        assert consumer.at == 8
        poller.stop()
        await running

    run(happens())


def test_a_rebalance_that_forgets_the_pause_is_made_good_in_the_next_round() -> None:
    async def happens() -> None:
        told, consumer = Told(), Consumer(end=100, reads=100)
        told.how[LANE.topic] = blocking(asyncio.Event())
        poller = make(told, consumer, loaded=8)
        await poller.start()
        running = asyncio.create_task(poller.run())
        await asyncio.sleep(5)
        for _ in range(3):
            await poller.on_partitions_revoked([LANE])
            consumer.paused_now.clear()
            await poller.on_partitions_assigned([LANE])
            assert consumer.paused() == {LANE}
            await asyncio.sleep(5)
        assert consumer.at == 8
        poller.stop()
        await running

    run(happens())
