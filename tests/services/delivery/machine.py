"""A lane, its retry tiers and its operators in a world of its own time: the pure parts, nothing else, put together.

`now` is monotonic; the wall clock is `now` plus an offset that tests step as they like.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiokafka import TopicPartition

from services.delivery.backoff import Backoff
from services.delivery.openclock import charged
from services.delivery.runner import Limits, Runner
from services.delivery.tiers import Schedule, due_after, read_attempts, read_due, wait_s, with_attempts
from shared.contracts.control import Aspect, BreakerOrder, Control, Hold, Override
from shared.contracts.messages import Attempts
from shared.kafka.cloudevents import Headers

EPOCH = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
LANE = TopicPartition("delivery.to.jobcenter-a", 0)


@dataclass
class Message:
    name: int
    poison: bool = False
    """The Jobcenter refuses this one, unsigned, whatever else it does."""


@dataclass
class Waiting:
    message: Message
    headers: Headers
    ready_at: float


@dataclass
class Flying:
    """A delivery under way. `owner`: the runner that started it, which may have lost the lane meanwhile."""

    owner: Runner
    offset: int
    message: Message
    lands_at: float


@dataclass
class World:
    """One Jobcenter. `log` holds (lane, offset) records as Kafka keeps them."""

    schedule: Schedule = field(default_factory=Schedule)
    now: float = 0.0
    offset_s: float = 0.0
    down: bool = False
    attempt_s: float = 0.001
    """How long a delivery takes: never nothing, so that what begins after a failure is younger than it."""
    control: Control | None = None
    flying: list[Flying] = field(default_factory=list)
    log: list[tuple[Message, Headers]] = field(default_factory=list)
    committed: int = 0
    tiers: list[Waiting] = field(default_factory=list)
    settled: dict[int, float] = field(default_factory=dict)
    dead: dict[int, float] = field(default_factory=dict)
    """Name → budget spent, seconds."""
    sent: int = 0
    orders: int = 0
    probes: int = 0
    attempts_at: list[float] = field(default_factory=list)
    open_s: float = 0.0
    """True open time of the lane, by the world's own account."""
    failed_at_open_s: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.own()

    # -- the process that owns the lane --------------------------------------------------------------------------------

    def own(self, published_open_s: float = 0.0) -> None:
        """A process takes the lane over at the committed offset."""
        self.runner = Runner(LANE, Limits(), Backoff(), Backoff(first_s=5, most_s=900))
        self.lane, self.tracker = self.runner.lane, self.runner.tracker
        self.lane.open_clock.restore(published_open_s, self.now)
        self.attempts: dict[int, Attempts] = {}
        self.loaded = self.committed
        self.tick()

    def killed(self) -> None:
        """What it published of its open clock remains; that was half a second ago at most, or is lost. What was in
        flight never lands."""
        self.flying.clear()
        self.own(self.lane.open_clock.read_s(self.now))

    def rebalanced(self) -> None:
        """Another process takes over while the first one's deliveries are still in flight: they arrive, but change
        nothing in the lane."""
        self.own(self.lane.open_clock.read_s(self.now))

    @property
    def wall(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now + self.offset_s)

    @property
    def is_held(self) -> bool:
        return self.control is not None and self.control.is_held(self.wall)

    @property
    def is_forced(self) -> bool:
        override = self.control.breaker if self.control is not None else None
        return override is not None and override.order is BreakerOrder.OPEN

    @property
    def limit(self) -> int:
        return (self.control.in_flight if self.control is not None else None) or Limits().window

    # -- what happens --------------------------------------------------------------------------------------------------

    def send(self, *, poison: bool = False) -> Message:
        message = Message(self.sent, poison)
        self.sent += 1
        self.log.append((message, [("traceparent", b"t")]))
        return message

    def say(self, aspect: Aspect, value: Hold | int | Override | None) -> None:
        """An operator, who may not have seen what counts."""
        said = Control(destination="jobcenter-a", at=self.wall, changes=aspect, **{aspect.value: value})
        self.control = said.upon(self.control)
        self.work()

    def hold(self, start: datetime, until: datetime | None) -> None:
        self.say(Aspect.HOLD, Hold(start=start, until=until))

    def release(self) -> None:
        self.say(Aspect.HOLD, None)

    def order(self, order: BreakerOrder | None) -> None:
        """None: the breaker decides by itself again."""
        self.orders += 1  # two orders of one moment are two orders
        since = EPOCH + timedelta(milliseconds=self.orders)
        self.say(Aspect.BREAKER, None if order is None else Override(order=order, since=since))

    def advance(self, seconds: float) -> None:
        """Lets time pass; everything that becomes due happens in its order, at most half a second late."""
        end = self.now + seconds
        self.work()
        while self.now < end:
            wakes = [self.lane.wakes_at(), *(each.ready_at for each in self.tiers), *self._hold_changes()]
            wakes += [each.lands_at for each in self.flying]
            then = min([end, *(moment for moment in wakes if moment > self.now)])
            self._pass(then)
            self.work()

    def _pass(self, then: float) -> None:
        if self.lane.is_open(self.now):
            self.open_s += then - self.now
        self.now = then

    def _hold_changes(self) -> list[float]:
        hold = self.control.hold if self.control else None
        moments = [] if hold is None else [hold.start] if hold.until is None else [hold.start, hold.until]
        return [(moment - EPOCH).total_seconds() - self.offset_s + 0.001 for moment in moments]

    def tick(self) -> None:
        self.runner.obey(self.control, self.now, self.wall)
        self.lane.open_clock.set_open(self.lane.is_open(self.now), self.now)

    def work(self) -> None:
        """Everything that can happen at this moment."""
        progress = True
        while progress:
            self.tick()
            progress = self._land() or self._return_due() or self._load() or self._probe() or self._attempt()
            self.tick()
            position = self.tracker.committable()
            if position is not None:
                self.tracker.committed(position)
                self.committed = position

    def _return_due(self) -> bool:
        due = [each for each in self.tiers if each.ready_at <= self.now]
        for each in due:
            self.tiers.remove(each)
            self.log.append((each.message, with_attempts(each.headers, read_attempts(each.headers))))
        return bool(due)

    def _load(self) -> bool:
        if self.loaded >= len(self.log) or self.lane.loaded >= 64:
            return False
        self.tracker.offer(self.loaded)
        self.lane.load(self.loaded)
        self.attempts[self.loaded] = read_attempts(self.log[self.loaded][1])
        self.loaded += 1
        return True

    def _probe(self) -> bool:
        if not self.lane.probe_due(self.now):
            return False
        assert not self.is_held
        assert not self.is_forced, "not even the probe"
        self.probes += 1
        self.lane.breaker.probe_started(self.now)
        if self.down:
            self.lane.breaker.probe_failed(self.now, 0.5)
        else:
            self.lane.probe_succeeded()
        return True

    def _attempt(self) -> bool:
        offset = self.lane.next_start(self.now)
        if offset is None:
            return False
        assert not self.is_held, "a held lane delivers nothing"
        assert not self.is_forced, "an open breaker delivers nothing"
        assert sum(each.owner is self.runner for each in self.flying) < self.limit
        message = self.log[offset][0]
        self.lane.start(offset, self.now)
        self.attempts_at.append(self.now)
        self.flying.append(Flying(self.runner, offset, message, self.now + self.attempt_s))
        return True

    def _land(self) -> bool:
        for each in [each for each in self.flying if each.lands_at <= self.now]:
            self.flying.remove(each)
            name, is_known = each.message.name, each.message.name in self.settled
            works = not (self.down or each.message.poison or is_known)
            if works:
                self.settled[name] = self.now
            if each.owner is not self.runner:
                continue
            if works or is_known:
                self._finish(each.offset, proves=works)
            else:
                self._fail(each.offset, each.message)
            return True
        return False

    def _finish(self, offset: int, *, proves: bool) -> None:
        self.lane.succeed(offset, proves_jobcenter=proves)
        self.tracker.done(offset)

    def _fail(self, offset: int, message: Message) -> None:
        spent = charged(self.attempts[offset], self.lane.open_clock.read_s(self.now), self.wall, "http-status")
        self.failed_at_open_s.setdefault(message.name, self.open_s)
        if not self.lane.fails_alone(offset):
            self.attempts[offset] = spent
            self.lane.jobcenter_failed(offset, self.now, 0.5)
            return
        tier = self.schedule.tier_for(spent)
        if tier is None:
            self.dead[message.name] = spent.spent_s
        else:
            delay_s = self.schedule.delay_s(tier)
            hopped = spent.model_copy(update={"hops": spent.hops + 1})
            headers = with_attempts(self.log[offset][1], hopped, due_after(self.wall, delay_s))
            wait = wait_s(read_due(headers), self.wall, delay_s)
            self.tiers.append(Waiting(message, headers, self.now + wait))
        self._finish(offset, proves=False)

    # -- the one invariant ---------------------------------------------------------------------------------------------

    def where(self, name: int) -> set[str]:
        """Everywhere that an application is now."""
        places = set()
        if name in self.settled:
            places.add("settled")
        if name in self.dead:
            places.add("dead")
        if any(each.message.name == name for each in self.tiers):
            places.add("tier")
        if any(message.name == name for message, _ in self.log[self.committed :]):
            places.add("lane")
        return places
