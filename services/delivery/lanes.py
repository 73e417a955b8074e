"""All lanes of this process: runs attempts as tasks, by the pure decisions of `lane`, `offsets` and `may_start`.

Everything here runs on one event loop. `pump` is synchronous: it starts what may start now and sets one timer for what
may start later. It is called whenever something changed, and never waits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Protocol

from aiokafka import TopicPartition
from pydantic import ValidationError

from services.delivery.backoff import Backoff
from services.delivery.deliver import Landed, NotConnected
from services.delivery.lane import may_start
from services.delivery.openclock import charged
from services.delivery.runner import OURS, Limits, Runner
from services.delivery.settle import Record
from services.delivery.tiers import read_attempts
from shared.contracts import topics
from shared.contracts.control import Control, LaneState
from shared.contracts.messages import Attempts
from shared.contracts.reasons import Reason
from shared.errors import JobcenterError, OurError


class Deliverer(Protocol):
    """One attempt (`deliver.Courier`)."""

    async def deliver(self, record: Record, attempts: Attempts) -> Landed: ...

    async def move_on(self, record: Record, attempts: Attempts) -> Landed: ...

    async def probe(self, destination_id: str) -> None: ...


class Observer(Protocol):
    """Told what happened, for logs and metrics. Never raises."""

    def landed(self, topic: str, landed: Landed) -> None: ...

    def jobcenter_failed(self, topic: str, code: str, wait_s: float) -> None: ...

    def probed(self, topic: str, code: str | None, wait_s: float) -> None:
        """An empty probe came through (`code` None) or failed."""
        ...

    def ours_failed(self, error: Exception, wait_s: float) -> None: ...

    def unexpected(self, topic: str, error: Exception) -> None: ...


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
        probing: Backoff | None = None,
        control: Callable[[str], Control | None] = lambda destination: None,
        open_s: Callable[[str], float] = lambda destination: 0.0,
        on_space: Callable[[TopicPartition], None] = lambda partition: None,
    ) -> None:
        """`backoff` spaces our own failures and a lone record's, `probing` the probes. `control` and `open_s` answer
        what operators said about a destination, and how long its lane was open under its last owner. `on_space` is
        called when a lane that was full wants more. `chance` answers random numbers in [0, 1)."""
        self._deliverer = deliverer
        self._observer = observer
        self._limits = limits
        self._backoff = backoff
        self._probing = probing or backoff
        self._control = control
        self._open_s = open_s
        self._clock = clock
        self._chance = chance
        self.on_space = on_space
        self._runners: dict[TopicPartition, Runner] = {}
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
            self._make(partition)
        self._suspended = False
        self.tick()

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
                runner.attempts[record.offset] = read_attempts(record.headers)
                runner.lane.load(record.offset)

    def _renew(self, old: Runner) -> Runner:
        old.abandon()
        return self._make(old.partition)

    def _make(self, partition: TopicPartition) -> Runner:
        runner = self._runners[partition] = Runner(partition, self._limits, self._backoff, self._probing)
        runner.lane.open_clock.restore(self._open_s(runner.destination), self._now())
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
                runner.retry_now(self._now())
        self.pump()

    def tick(self) -> None:
        """At once after every change of the controls, and twice a second: holds begin and end by the wall clock, whose
        steps no timer would notice."""
        now, moment = self._now(), self._clock()
        for runner in self._runners.values():
            runner.obey(self._control(runner.destination), now, moment)
        self.pump()

    def states(self, owner: str, ends: Mapping[TopicPartition, int]) -> list[LaneState]:
        """Every lane as it is now; `ends` are the partitions' ends as far as they are known."""
        now, moment = self._now(), self._clock()
        found = []
        for partition, runner in self._runners.items():
            control = self._control(runner.destination)
            with contextlib.suppress(ValidationError):  # a topic that somebody made, of no possible destination
                found.append(runner.state(now, moment, owner, ends.get(partition), control))
        return found

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
        for runner in self._runners.values():
            if now >= self._our_gate:
                runner.lane.unblock(OURS)
            else:
                runner.lane.block(OURS)
            runner.keep_time(now)
            if runner.lane.probe_due(now):
                runner.probing = self._start(runner, self._probe(runner, now))
                runner.probing.add_done_callback(partial(self._probe_ended, runner))
                runner.lane.breaker.probe_started(now)
        if now >= self._our_gate:
            self._extra = sum(max(0, runner.lane.in_flight - 1) for runner in self._runners.values())
            # One more for each lane in turn, so that the common slots are not all taken by the first.
            waiting = list(self._runners.values())
            while waiting:
                waiting = [runner for runner in waiting if self._start_one(runner, now)]
        self._set_timer(now)

    @staticmethod
    def _start(runner: Runner, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        runner.tasks.add(task)
        task.add_done_callback(runner.tasks.discard)
        return task

    def _start_one(self, runner: Runner, now: float) -> bool:
        if not may_start(self._limits.slots, len(self._runners), runner.lane.in_flight, self._extra):
            return False
        offset = runner.lane.next_start(now)
        if offset is None:
            return False
        runner.lane.start(offset, now)
        self._extra += runner.lane.in_flight > 1
        self._start(runner, self._attempt(runner, offset, now))
        return True

    async def _probe(self, runner: Runner, started_at: float) -> None:
        lane, topic = runner.lane, runner.partition.topic
        try:
            await self._deliverer.probe(runner.destination)
        except NotConnected:
            lane.wait(self._now(), self._limits.not_connected_s)
            lane.breaker.probe_abandoned(self._now())
        except JobcenterError as error:
            runner.last_reason = error.code
            wait_s = lane.breaker.probe_failed(self._now(), self._chance(), error.retry_after_s)
            self._observer.probed(topic, error.code, wait_s)
        except OurError as error:
            lane.breaker.probe_abandoned(self._now())
            self._ours_failed(error, started_at)
        except Exception as error:  # noqa: BLE001 - a defect of ours with one destination must not stop the others
            self._observer.unexpected(topic, error)
            lane.breaker.probe_failed(self._now(), self._chance())
        else:
            lane.probe_succeeded()
            self._observer.probed(topic, None, 0.0)
        self.pump()

    def _probe_ended(self, runner: Runner, probe: asyncio.Task[None]) -> None:
        """A cancelled one proves nothing. It may not even have begun, so it cannot say so itself."""
        if probe.cancelled():
            runner.lane.breaker.probe_abandoned(self._now())
            self.pump()

    async def _attempt(self, runner: Runner, offset: int, started_at: float) -> None:
        topic, record = runner.partition.topic, runner.records[offset]
        try:
            landed = await self._try(runner, offset, record)
        except OurError as error:
            runner.lane.ours_failed(offset)
            self._ours_failed(error, started_at)
        except asyncio.CancelledError:
            runner.lane.abandon(offset)
            raise
        else:
            if landed is not None:
                was_full = not runner.hungry
                runner.finish(offset, proves_jobcenter=landed.proves_jobcenter)
                self._our_failures = 0
                self._observer.landed(topic, landed)
                if was_full and runner.hungry:
                    self.on_space(runner.partition)
        self.pump()

    async def _try(self, runner: Runner, offset: int, record: Record) -> Landed | None:
        """One attempt; None when the record stays in its lane. Raises `OurError`."""
        try:
            return await self._deliverer.deliver(record, runner.attempts[offset])
        except NotConnected as error:
            runner.last_reason = error.code
            runner.lane.not_connected(offset, self._now(), self._limits.not_connected_s)
            self._observer.jobcenter_failed(record.topic, error.code, self._limits.not_connected_s)
            return None
        except JobcenterError as error:
            return await self._jobcenter_failed(runner, offset, error)
        except OurError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect of ours with one message must not stop 103 other lanes
            self._observer.unexpected(record.topic, error)
            return await self._jobcenter_failed(runner, offset, JobcenterError(Reason.UNEXPECTED))

    async def _jobcenter_failed(self, runner: Runner, offset: int, error: JobcenterError) -> Landed | None:
        now = self._now()
        runner.keep_time(now)
        runner.last_reason = error.code
        spent = charged(runner.attempts[offset], runner.lane.open_clock.read_s(now), self._clock(), error.code)
        if runner.lane.fails_alone(offset):
            # When this fails, it is ours: the attempt is repeated and moves on again.
            return await self._deliverer.move_on(runner.records[offset], spent)
        runner.attempts[offset] = spent
        wait_s = runner.lane.jobcenter_failed(offset, now, self._chance(), error.retry_after_s)
        self._observer.jobcenter_failed(runner.partition.topic, error.code, wait_s)
        return None

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
