"""What operators say takes effect within two seconds: by the code's own times, on a clock that no busy machine slows.

The broker here is worse than Kafka: it answers a waiting fetch only when the poll's time is over, never at once. On a
real one: `test_operations.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from services.delivery.backoff import Backoff
from services.delivery.deliver import Landed
from services.delivery.lanes import Lanes
from services.delivery.poll import TICK_S, LanePoller
from services.delivery.runner import Limits
from services.delivery.settings import DeliverySettings
from services.delivery.settle import Record
from services.delivery.tables import TableFollower
from shared.contracts import topics
from shared.contracts.control import Aspect, BreakerOrder, Control, Hold, Override
from shared.contracts.messages import Attempts
from shared.kafka.events import control_message
from shared.kafka.settings import KafkaSettings
from tests.services.delivery.test_lanes import Told
from tests.support.virtual import run

PROMISED_S = 2.0
DELIVERY_S = 0.1
EPOCH = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LANE = TopicPartition("delivery.to.jobcenter-a", 0)
CONTROL = TopicPartition(topics.CONTROL, 0)


def wall() -> datetime:
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


class SlowBroker:
    """One partition of controls; each request takes `request_s`."""

    def __init__(self, request_s: float) -> None:
        self.request_s = request_s
        self.log: list[Control] = []
        self.read = 0

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        await asyncio.sleep(self.request_s)
        return {CONTROL: len(self.log)}

    async def position(self, partition: TopicPartition) -> int:
        return self.read

    async def getmany(self, *, timeout_ms: int) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        seen = len(self.log) if self.read < len(self.log) else None
        await asyncio.sleep(self.request_s if seen is not None else timeout_ms / 1000 + self.request_s)
        new = self.log[self.read : seen]
        begin, self.read = self.read, self.read + len(new)
        return {CONTROL: [_record(begin + number, each) for number, each in enumerate(new)]} if new else {}


def _record(offset: int, said: Control) -> ConsumerRecord[bytes, bytes]:
    value, headers = control_message(said, source="/test").to_kafka()
    key = said.destination.encode()
    return ConsumerRecord(topics.CONTROL, 0, offset, 0, 0, key, value, None, len(key), len(value), tuple(headers))


class Following(TableFollower[Control]):
    def __init__(self, broker: SlowBroker, on_change: Callable[[], None]) -> None:
        super().__init__(KafkaSettings(bootstrap="127.0.0.1:1"), topics.CONTROL, Control, on_change, upon=Control.upon)
        self.broker: Any = broker

    async def _session(self) -> None:
        await self._follow(self.broker, [CONTROL])


class Timed(Told):
    """Notes when each delivery began, and how many were in flight with it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[float, int]] = []

    async def deliver(self, record: Record, attempts: Attempts) -> Landed:
        self.flying[record.topic] += 1
        self.begun.append((asyncio.get_running_loop().time(), self.flying[record.topic]))
        await asyncio.sleep(DELIVERY_S)
        self.flying[record.topic] -= 1
        return Landed.ANSWERED


class Scene:
    """A lane that always has something to deliver, and operators."""

    def __init__(self, request_s: float) -> None:
        self.broker, self.told = SlowBroker(request_s), Timed()
        self.follower = Following(self.broker, self._changed)
        self.lanes = Lanes(
            self.told,
            self.told,
            limits=Limits(),
            backoff=Backoff(),
            clock=wall,
            chance=lambda: 0.5,
            control=self.follower.get,
        )
        self._offset = 0

    def _changed(self) -> None:
        self.lanes.tick()

    async def start(self) -> None:
        await self.follower.start()
        self.lanes.assign([LANE])
        self._feeding = asyncio.create_task(self._feed())

    async def _feed(self) -> None:
        while True:
            while self.lanes.wants_more(LANE):
                self.lanes.load(LANE, [Record(LANE.topic, 0, self._offset, b"", [])])
                self._offset += 1
            self.lanes.pump()
            await asyncio.sleep(DELIVERY_S)

    def say(self, aspect: Aspect, value: Any) -> float:
        """The broker acknowledged it: from now on the time counts."""
        self.broker.log.append(Control(destination="jobcenter-a", at=wall(), changes=aspect, **{aspect.value: value}))
        return asyncio.get_running_loop().time()

    async def stop(self) -> None:
        self._feeding.cancel()
        await self.lanes.drain(1)
        await self.follower.stop()


def forced() -> Override:
    return Override(order=BreakerOrder.OPEN, since=wall())


@pytest.mark.parametrize(
    ("aspect", "stopping"),
    [(Aspect.HOLD, lambda: Hold(start=wall())), (Aspect.BREAKER, forced)],
    ids=["hold", "breaker"],
)
@settings(max_examples=12, deadline=None)
@given(after_s=st.floats(0.5, 3), request_s=st.floats(0.001, 0.4))
def test_it_stops_and_goes_on_within_two_seconds(
    aspect: Aspect, stopping: Callable[[], Any], after_s: float, request_s: float
) -> None:
    async def happens() -> None:
        scene = Scene(request_s)
        await scene.start()
        await asyncio.sleep(after_s)
        said_at = scene.say(aspect, stopping())
        await asyncio.sleep(4)
        assert max(at for at, _ in scene.told.begun) - said_at <= PROMISED_S
        count = len(scene.told.begun)
        said_at = scene.say(aspect, None)
        await asyncio.sleep(4)
        assert scene.told.begun[count][0] - said_at <= PROMISED_S
        await scene.stop()

    run(happens())


@settings(max_examples=12, deadline=None)
@given(after_s=st.floats(0.5, 3), request_s=st.floats(0.001, 0.4), limit=st.integers(1, 3))
def test_a_limit_counts_within_two_seconds(after_s: float, request_s: float, limit: int) -> None:
    async def happens() -> None:
        scene = Scene(request_s)
        await scene.start()
        await asyncio.sleep(after_s)
        assert max(number for _, number in scene.told.begun) == 4
        said_at = scene.say(Aspect.IN_FLIGHT, limit)
        await asyncio.sleep(4)
        later = [number for at, number in scene.told.begun if at - said_at > PROMISED_S]
        assert max(later) == limit
        await scene.stop()

    run(happens())


@settings(max_examples=12, deadline=None)
@given(start_s=st.floats(1, 5), length_s=st.floats(1.2, 5))
def test_a_window_begins_and_ends_by_the_clock_within_half_a_second(start_s: float, length_s: float) -> None:
    """Nobody writes anything when it begins: only the tick notices."""

    async def happens(settings: DeliverySettings) -> None:
        scene = Scene(0.001)
        await scene.start()
        poller = LanePoller(None, scene.lanes, settings)  # type: ignore[arg-type]
        ticking = asyncio.create_task(poller._repeat(poller._tick, TICK_S))
        begins = asyncio.get_running_loop().time() + start_s
        hold = Hold(start=EPOCH + timedelta(seconds=begins), until=EPOCH + timedelta(seconds=begins + length_s))
        scene.say(Aspect.HOLD, hold)
        await asyncio.sleep(start_s + length_s + 3)
        times, middle, ends = [at for at, _ in scene.told.begun], begins + length_s / 2, begins + length_s
        assert max(at for at in times if at < middle) - begins <= TICK_S
        assert -0.001 <= min(at for at in times if at >= middle) - ends <= TICK_S
        poller.stop()
        await ticking
        await scene.stop()

    run(happens(DeliverySettings.model_construct()))
