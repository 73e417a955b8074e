"""One partition of this process: its pure parts, the records they speak of, and how it looks from outside."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiokafka import TopicPartition

from services.delivery.backoff import Backoff
from services.delivery.breaker import BreakerState
from services.delivery.lane import FORCED, Lane
from services.delivery.offsets import OffsetTracker
from services.delivery.settle import Record
from shared.contracts import topics
from shared.contracts.control import BreakerOrder, Control, LaneCondition, LaneState
from shared.contracts.messages import Attempts


@dataclass(frozen=True)
class Limits:
    """How much at once.

    | field | meaning | default |
    |---|---|---|
    | `window` | deliveries in flight in one lane | 4 |
    | `slots` | deliveries in flight in this process; each lane has one of its own whatever this says | 256 |
    | `loaded` | records that a lane holds in memory before it is paused | 64 |
    | `span` | offsets that may lie between the first undone record and the newest one | 5000 |
    | `not_connected_s` | wait for a Jobcenter without an endpoint, unless the directory changes, seconds | 60 |
    """

    window: int = 4
    slots: int = 256
    loaded: int = 64
    span: int = 5000
    not_connected_s: float = 60.0


HELD, OURS = "held", "ours"
"""Why a lane is blocked: by an operator, by trouble of our own."""


class Runner:
    """One partition."""

    def __init__(self, partition: TopicPartition, limits: Limits, backoff: Backoff, probing: Backoff) -> None:
        self.partition = partition
        self.destination = partition.topic.removeprefix(topics.LANE_PREFIX)
        self.limits = limits
        self.lane = Lane(limits.window, backoff, probing)
        self.tracker = OffsetTracker()
        self.records: dict[int, Record] = {}
        self.attempts: dict[int, Attempts] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.probing: asyncio.Task[None] | None = None
        self.last_reason: str | None = None
        self._carried_out: datetime | None = None

    @property
    def full(self) -> bool:
        return self.lane.loaded >= self.limits.loaded or self.tracker.span >= self.limits.span

    @property
    def hungry(self) -> bool:
        return self.lane.loaded <= self.limits.loaded // 2 and self.tracker.span < self.limits.span

    def obey(self, control: Control | None, now: float, moment: datetime) -> None:
        """What operators say about this lane, as it is at this moment. Repetition changes nothing."""
        lane = self.lane
        if control is not None and control.is_held(moment):
            lane.block(HELD)
        else:
            lane.unblock(HELD)
        lane.set_window((control.in_flight if control is not None else None) or self.limits.window)
        override = control.breaker if control is not None else None
        lane.force_open(override is not None and override.order is BreakerOrder.OPEN, now)
        if override is not None and override.order is BreakerOrder.CLOSE and override.since != self._carried_out:
            self._carried_out = override.since
            self.retry_now(now)

    def retry_now(self, now: float) -> None:
        """Something changed: present waits are over, that for the answer to a probe included."""
        if self.probing is not None:
            self.probing.cancel()
        self.lane.retry_now(now)

    def keep_time(self, now: float) -> None:
        """The budget's clock runs while applications may flow."""
        self.lane.open_clock.set_open(self.lane.is_open(now), now)

    def abandon(self) -> None:
        for task in self.tasks:
            task.cancel()

    def finish(self, offset: int, *, proves_jobcenter: bool) -> None:
        self.lane.succeed(offset, proves_jobcenter=proves_jobcenter)
        self.tracker.done(offset)
        del self.records[offset], self.attempts[offset]

    def state(self, now: float, moment: datetime, owner: str, end: int | None, control: Control | None) -> LaneState:
        lane, is_forced = self.lane, FORCED in self.lane.blocks
        breaker = BreakerState.OPEN if is_forced else lane.breaker.state
        first = self.tracker.first_pending
        probe_at = moment + timedelta(seconds=max(0.0, lane.breaker.probe_at - now))
        return LaneState(
            destination=self.destination,
            at=moment,
            owner=owner,
            condition=self._condition(now),
            breaker=breaker.value,
            failures=lane.failures,
            last_reason=self.last_reason if lane.failures else None,
            next_probe_at=probe_at if breaker is BreakerState.OPEN and not is_forced else None,
            in_flight=lane.in_flight,
            lag=self.tracker.pending if end is None or first is None else max(self.tracker.pending, end - first),
            oldest_pending_at=self.records[first].at if first is not None else None,
            open_s=round(lane.open_clock.read_s(now), 3),
            hold=control.hold if control is not None else None,
            window=lane.window,
            is_forced=is_forced,
        )

    def _condition(self, now: float) -> LaneCondition:
        if HELD in self.lane.blocks:
            return LaneCondition.HELD
        if self.lane.is_waiting(now):
            return LaneCondition.WAITING
        if OURS in self.lane.blocks:
            return LaneCondition.OURS
        broken = self.lane.breaker.state is not BreakerState.CLOSED or FORCED in self.lane.blocks
        return LaneCondition.BROKEN if broken else LaneCondition.FLOWING
