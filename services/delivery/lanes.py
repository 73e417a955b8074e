"""All lanes of this process: runs attempts as tasks, by the pure decisions of `lane`, `offsets` and `may_start`.

Everything here runs on one event loop. `pump` is synchronous: it starts what may start now and sets one timer for what
may start later. It is called whenever something changed, and never waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aiokafka import TopicPartition

from services.delivery.backoff import Backoff
from services.delivery.deliver import Landed, NotConnected
from services.delivery.lane import Lane, may_start
from services.delivery.offsets import OffsetTracker
from services.delivery.settle import Record
from shared.contracts import topics
from shared.contracts.messages import Attempts
from shared.errors import JobcenterError, OurError


class Deliverer(Protocol):
    """One attempt (`deliver.Courier`)."""

    async def deliver(self, record: Record, attempts: Attempts) -> Landed: ...


class Observer(Protocol):
    """Told what happened, for logs and metrics. Never raises."""

    def landed(self, topic: str, landed: Landed) -> None: ...

    def jobcenter_failed(self, topic: str, code: str, wait_s: float) -> None: ...

    def ours_failed(self, error: Exception, wait_s: float) -> None: ...

    def unexpected(self, topic: str, error: Exception) -> None: ...


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


class _Runner:
    """One partition."""

    def __init__(self, partition: TopicPartition, limits: Limits, backoff: Backoff) -> None:
        self.partition = partition
        self.limits = limits
        self.lane = Lane(limits.window, backoff)
        self.tracker = OffsetTracker()
        self.records: dict[int, Record] = {}
        self.attempts: dict[int, Attempts] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        return self.lane.loaded >= self.limits.loaded or self.tracker.span >= self.limits.span

    @property
    def hungry(self) -> bool:
        return self.lane.loaded <= self.limits.loaded // 2 and self.tracker.span < self.limits.span

    def abandon(self) -> None:
        for task in self.tasks:
            task.cancel()

    def finish(self, offset: int, *, proves_jobcenter: bool) -> None:
        self.lane.succeed(offset, proves_jobcenter=proves_jobcenter)
        self.tracker.done(offset)
        del self.records[offset], self.attempts[offset]


class Lanes:
    """The lanes of the partitions that are assigned to this process."""

    def __init__(
        self,
        deliverer: Deliverer,
        observer: Observer,
        *,
        limits: Limits,
        backoff: Backoff,
        clock: Callable[[], datetime],
        chance: Callable[[], float],
        on_space: Callable[[TopicPartition], None] = lambda partition: None,
    ) -> None:
        """`on_space` is called when a lane that was full wants more. `chance` answers random numbers in [0, 1)."""
        self._deliverer = deliverer
        self._observer = observer
        self._limits = limits
        self._backoff = backoff
        self._clock = clock
        self._chance = chance
        self.on_space = on_space
        self._runners: dict[TopicPartition, _Runner] = {}
        self._suspended = False
        self._timer: asyncio.TimerHandle | None = None
        self._our_failures = 0
        self._our_last_failure = float("-inf")
        self._our_gate = float("-inf")
        self._extra = 0

    # -- what Kafka says --------------------------------------------------------------------------------------------

    def suspend(self) -> None:
        """Nothing starts any more until `assign`; what is in flight goes on."""
        self._suspended = True

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """These are ours now. Lanes that stay ours keep what they hold, so a rebalance costs them nothing; what
        belongs to others is abandoned where it is: its new owner delivers again, which receivers tolerate."""
        ours = set(partitions)
        for partition in [partition for partition in self._runners if partition not in ours]:
            self._runners.pop(partition).abandon()
        for partition in ours - self._runners.keys():
            self._runners[partition] = _Runner(partition, self._limits, self._backoff)
        self._suspended = False
        self.pump()

    def load(self, partition: TopicPartition, records: Iterable[Record]) -> None:
        """Takes records in; ignores what it holds already, and partitions that are not ours (any more).

        An offset below what was committed means that the topic was made anew: then the lane begins anew, too, instead
        of taking new records for old ones.
        """
        runner = self._runners.get(partition)
        if runner is None:
            return
        for record in records:
            if record.offset < runner.tracker.known:
                runner = self._renew(runner)
            if runner.tracker.offer(record.offset):
                runner.records[record.offset] = record
                runner.attempts[record.offset] = Attempts()
                runner.lane.load(record.offset)

    def _renew(self, old: _Runner) -> _Runner:
        old.abandon()
        runner = self._runners[old.partition] = _Runner(old.partition, self._limits, self._backoff)
        return runner

    def wants_more(self, partition: TopicPartition) -> bool:
        runner = self._runners.get(partition)
        return runner is not None and not runner.full

    def hungry(self, partition: TopicPartition) -> bool:
        """Ours, and less than half full: it should be read from."""
        runner = self._runners.get(partition)
        return runner is not None and runner.hungry

    def committable(self) -> dict[TopicPartition, int]:
        offsets = {partition: runner.tracker.committable() for partition, runner in self._runners.items()}
        return {partition: offset for partition, offset in offsets.items() if offset is not None}

    def committed(self, offsets: dict[TopicPartition, int]) -> None:
        for partition, offset in offsets.items():
            if partition in self._runners:
                self._runners[partition].tracker.committed(offset)

    # -- what else happens ------------------------------------------------------------------------------------------

    def directory_changed(self, destinations: Iterable[str]) -> None:
        """Something about these destinations changed: if they wait, they try again at once."""
        changed = {topics.lane(destination) for destination in destinations}
        for runner in self._runners.values():
            if runner.partition.topic in changed:
                runner.lane.retry_now()
        self.pump()

    @property
    def in_flight(self) -> int:
        return sum(runner.lane.in_flight for runner in self._runners.values())

    @property
    def assigned(self) -> tuple[TopicPartition, ...]:
        return tuple(self._runners)

    async def drain(self, budget_s: float) -> int:
        """Starts nothing more and waits for what is in flight; answers how many were given up after the budget."""
        self.suspend()
        if self._timer is not None:
            self._timer.cancel()
        tasks = {task for runner in self._runners.values() for task in runner.tasks}
        if not tasks:
            return 0
        _, late = await asyncio.wait(tasks, timeout=budget_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)

    # -- running ----------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Starts whatever may start now."""
        if self._suspended:
            return
        now = self._now()
        if now >= self._our_gate:
            self._extra = sum(max(0, runner.lane.in_flight - 1) for runner in self._runners.values())
            # One more for each lane in turn, so that the common slots are not all taken by the first.
            waiting = list(self._runners.values())
            while waiting:
                waiting = [runner for runner in waiting if self._start_one(runner, now)]
        self._set_timer(now)

    def _start_one(self, runner: _Runner, now: float) -> bool:
        if not may_start(self._limits.slots, len(self._runners), runner.lane.in_flight, self._extra):
            return False
        offset = runner.lane.next_start(now)
        if offset is None:
            return False
        runner.lane.start(offset, now)
        self._extra += runner.lane.in_flight > 1
        task = asyncio.create_task(self._attempt(runner, offset, now))
        runner.tasks.add(task)
        task.add_done_callback(runner.tasks.discard)
        return True

    async def _attempt(self, runner: _Runner, offset: int, started_at: float) -> None:
        topic = runner.partition.topic
        attempts = runner.attempts[offset]
        try:
            landed = await self._deliverer.deliver(runner.records[offset], attempts)
        except JobcenterError as error:
            self._jobcenter_failed(runner, offset, attempts, error)
        except OurError as error:
            runner.lane.ours_failed(offset)
            self._ours_failed(error, started_at)
        except asyncio.CancelledError:
            runner.lane.abandon(offset)
            raise
        except Exception as error:  # noqa: BLE001 - a defect of ours with one message must not stop 103 other lanes
            self._observer.unexpected(topic, error)
            self._jobcenter_failed(runner, offset, attempts, JobcenterError("unexpected"))
        else:
            was_full = not runner.hungry
            runner.finish(offset, proves_jobcenter=landed is Landed.ANSWERED)
            self._our_failures = 0
            self._observer.landed(topic, landed)
            if was_full and runner.hungry:
                self.on_space(runner.partition)
        self.pump()

    def _jobcenter_failed(self, runner: _Runner, offset: int, attempts: Attempts, error: JobcenterError) -> None:
        moment, asked_s = self._clock(), error.retry_after_s
        if isinstance(error, NotConnected):
            asked_s = self._limits.not_connected_s
        else:
            runner.attempts[offset] = Attempts(
                count=attempts.count + 1,
                first_at=attempts.first_at or moment,
                last_at=moment,
                last_reason=error.code,
            )
        wait_s = runner.lane.jobcenter_failed(offset, self._now(), self._chance(), asked_s)
        self._observer.jobcenter_failed(runner.partition.topic, error.code, wait_s)

    def _ours_failed(self, error: OurError, started_at: float) -> None:
        """All lanes wait. Failures of attempts that began before the last counted one are the same trouble."""
        now = self._now()
        if started_at > self._our_last_failure or not self._our_failures:
            self._our_failures += 1
            self._our_last_failure = now
            self._our_gate = now + self._backoff.delay_s(self._our_failures, self._chance())
        self._observer.ours_failed(error, self._our_gate - now)

    def _set_timer(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # A lane whose time has come already waits for an event (a slot, a landing), not for the clock.
        times = (runner.lane.wakes_at() for runner in self._runners.values())
        wakes = self._our_gate if self._our_gate > now else min((t for t in times if t > now), default=float("inf"))
        if wakes < float("inf"):
            self._timer = asyncio.get_running_loop().call_at(wakes, self.pump)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
