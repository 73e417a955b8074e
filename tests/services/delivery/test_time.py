"""Weeks in milliseconds: a 20-day outage, a hold over a change of the clocks, stepped clocks, killed owners."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cli.hold import moment
from services.delivery.breaker import BreakerState
from services.delivery.openclock import OpenClock, charged
from services.delivery.tiers import BUDGET_S, Schedule, due_after, read_attempts, read_due, wait_s, with_attempts
from shared.contracts.control import Aspect, BreakerOrder, Hold
from shared.contracts.messages import Attempts
from shared.contracts.topics import RETRY_DELAYS_S
from tests.services.delivery.machine import EPOCH, World

HOUR, DAY = 3600.0, 86_400.0
BERLIN = ZoneInfo("Europe/Berlin")


def test_twenty_days_of_outage_cost_nobody_anything() -> None:
    world = World()
    for _ in range(300):
        world.send()
    world.down = True
    world.advance(20 * DAY)
    assert world.settled == {}
    assert world.dead == {}
    assert world.tiers == []
    assert len(world.attempts_at) <= 4, "only probes reach a dead Jobcenter"
    assert 20 * DAY / 1080 <= world.probes <= 20 * DAY / 720 + 20
    world.down = False
    back = world.now
    world.advance(1080)
    assert len(world.settled) == 300
    assert {at - back <= 1080 for at in world.settled.values()} == {True}
    assert world.lane.open_clock.read_s(world.now) < 2000


def test_one_refused_application_goes_through_every_tier_and_dies_after_fourteen_open_days() -> None:
    world = World()
    poison = world.send(poison=True)
    for day in range(16):
        world.send()
        world.advance(DAY)
        if day == 12:
            assert poison.name not in world.dead
    assert world.dead[poison.name] >= BUDGET_S
    assert len(world.settled) == 16
    assert len(world.attempts_at) < 100


def test_an_outage_and_a_hold_in_between_do_not_count_against_its_budget() -> None:
    world = World()
    poison = world.send(poison=True)
    world.advance(5 * DAY)
    world.down = True
    world.send()
    world.advance(20 * DAY)
    world.down = False
    world.advance(HOUR)
    world.hold(world.wall, world.wall + timedelta(days=30))
    world.advance(30 * DAY)
    assert poison.name not in world.dead
    world.advance(7 * DAY)
    assert poison.name not in world.dead
    world.advance(5 * DAY)
    assert world.dead[poison.name] == pytest.approx(BUDGET_S, abs=2.5 * DAY)


@pytest.mark.parametrize(
    ("start", "until", "hours"),
    [
        ("2026-10-24T18:00", "2026-10-26T06:00", 37),  # back to winter time in between
        ("2027-03-27T18:00", "2027-03-29T06:00", 35),  # to summer time
        ("2026-11-01T18:00", "2026-11-03T06:00", 36),
    ],
)
def test_a_hold_over_a_change_of_the_clocks_is_as_long_as_it_is(start: str, until: str, hours: int) -> None:
    begins, ends = moment(start), moment(until)
    assert (ends - begins) == timedelta(hours=hours)
    world = World()
    world.advance((begins - EPOCH).total_seconds() - 60)
    world.hold(begins, ends)
    fine = world.send()
    world.advance(30)
    assert fine.name in world.settled
    world.advance(31)
    held = world.send()
    world.advance(hours * HOUR - 2)
    assert held.name not in world.settled
    world.advance(2.1)
    assert held.name in world.settled


def test_times_that_the_clocks_skip_or_repeat_are_refused_not_guessed() -> None:
    for text in ("2026-10-25T02:30", "2027-03-28T02:30"):
        with pytest.raises(ValueError, match="offset"):
            moment(text)
    assert moment("2026-10-25T02:30+01:00") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert moment("2026-07-01T12:00") == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


def test_an_operators_order_ends_the_wait_and_drains_at_once() -> None:
    world = World()
    world.down = True
    for _ in range(50):
        world.send()
    world.advance(20 * DAY)
    world.order(BreakerOrder.CLOSE)  # too early: it is down still
    probes = world.probes
    world.advance(60)
    assert world.probes == probes, "one order is one probe"
    world.down = False
    assert world.settled == {}
    back = world.now
    world.order(BreakerOrder.CLOSE)
    world.advance(1)
    assert max(world.settled[name] for name in range(50)) - back < 0.1


def test_an_open_breaker_by_hand_outlasts_its_owners_and_costs_no_budget() -> None:
    world = World(schedule=Schedule(budget_s=3 * DAY))
    poison = world.send(poison=True)
    world.send()
    world.advance(DAY)
    world.order(BreakerOrder.OPEN)
    world.hold(world.wall, world.wall + timedelta(days=1))
    attempts, probes = len(world.attempts_at), world.probes
    for happens in (world.killed, world.rebalanced, world.killed):
        world.advance(10 * DAY)
        happens()
    assert (len(world.attempts_at), world.probes) == (attempts, probes)
    assert world.dead == {}
    waiting = world.send()
    world.order(None)
    world.advance(6)  # the poison, which comes from its tier first, costs one probe's wait
    assert waiting.name in world.settled
    world.advance(5 * DAY)
    assert world.dead[poison.name] >= 3 * DAY


def test_a_limit_outlasts_its_owners_and_other_orders() -> None:
    world = World(attempt_s=10)
    for _ in range(6):
        world.send()
    world.say(Aspect.IN_FLIGHT, 1)
    world.hold(world.wall, None)
    world.killed()
    world.release()
    world.advance(55)
    assert len(world.settled) == 5
    world.say(Aspect.IN_FLIGHT, None)
    for _ in range(4):
        world.send()
    world.advance(21)
    assert len(world.settled) == 10


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),
    st.floats(0, 30 * DAY),
    st.floats(-5 * DAY, 40 * DAY),
)
def test_a_hold_holds_exactly_between_its_moments(start: datetime, length_s: float, at_s: float) -> None:
    begins = start.replace(tzinfo=BERLIN).astimezone(UTC)
    hold = Hold(start=begins, until=begins + timedelta(seconds=length_s))
    now = begins + timedelta(seconds=at_s)
    assert hold.is_on(now) == (0 <= (now - begins).total_seconds() < timedelta(seconds=length_s).total_seconds())


@given(st.floats(-1e7, 1e7), st.sampled_from(sorted(RETRY_DELAYS_S)))
def test_no_clock_can_strand_a_message_in_a_tier(step_s: float, tier: str) -> None:
    delay_s = RETRY_DELAYS_S[tier]
    due = due_after(EPOCH, delay_s)
    assert 0 <= wait_s(due, EPOCH + timedelta(seconds=step_s), delay_s) <= delay_s
    assert wait_s(due, EPOCH, delay_s) == delay_s
    assert wait_s(None, EPOCH, delay_s) == 0


attempts_strategy = st.builds(
    Attempts,
    count=st.integers(0, 1000),
    first_at=st.none() | st.just(EPOCH),
    last_at=st.none() | st.just(EPOCH),
    last_reason=st.none() | st.sampled_from(["http-status", "timeout"]),
    hops=st.integers(0, 100),
    spent_s=st.floats(0, 1e7),
    open_mark_s=st.none() | st.floats(0, 1e9),
    asked=st.integers(0, 9),
)


@given(attempts_strategy)
def test_what_a_message_carries_arrives(attempts: Attempts) -> None:
    headers = with_attempts([("traceparent", b"00-trace"), ("ce_attempts", b"7")], attempts, EPOCH)
    assert read_attempts(headers) == attempts
    assert read_due(headers) == EPOCH
    assert headers[0] == ("traceparent", b"00-trace")
    assert len({name for name, _ in headers}) == len(headers)


@given(st.lists(st.tuples(st.sampled_from(["ce_attempts", "ce_spent", "ce_due", "x"]), st.binary(max_size=20))))
def test_nonsense_in_headers_makes_a_new_message_never_an_error(headers: list[tuple[str, bytes]]) -> None:
    assert read_attempts(headers).count >= 0
    read_due(headers)


def test_schedules_that_make_no_sense_are_refused() -> None:
    for wrong in ((), (1.0, 2.0), (6.0, 5.0, 4.0, 3.0, 2.0, 1.0)):
        with pytest.raises(ValueError, match="delays"):
            Schedule(delays_s=wrong)


def test_an_owner_that_lost_the_reading_charges_nothing() -> None:
    before = Attempts(count=3, spent_s=100, open_mark_s=5000)
    after = charged(before, 10.0, EPOCH, "timeout")
    assert (after.spent_s, after.open_mark_s, after.count) == (100, 10.0, 4)
    clock = OpenClock()
    clock.restore(5000, 0)
    clock.set_open(True, 0)
    clock.restore(100, 10)
    assert clock.read_s(10) == 5010


class Weeks(RuleBasedStateMachine):
    """Anything may happen in any order. No application is ever lost, early dead, or delivered under a hold."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(schedule=Schedule(budget_s=3 * DAY))

    @rule(poison=st.booleans(), count=st.integers(1, 4))
    def send(self, poison: bool, count: int) -> None:
        for number in range(count):
            self.world.send(poison=poison and number == 0)

    @rule(seconds=st.sampled_from([0.5, 7.0, 60.0, HOUR, 9 * HOUR, 3 * DAY]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule()
    def fall_over_or_come_back(self) -> None:
        self.world.down = not self.world.down

    @rule(before_s=st.floats(-DAY, DAY), length_s=st.none() | st.floats(0, 5 * DAY))
    def hold(self, before_s: float, length_s: float | None) -> None:
        start = self.world.wall + timedelta(seconds=before_s)
        self.world.hold(start, None if length_s is None else start + timedelta(seconds=length_s))

    @rule(order=st.none() | st.sampled_from(BreakerOrder))
    def order_the_breaker(self, order: BreakerOrder | None) -> None:
        world, probes = self.world, self.world.probes
        was_open = world.lane.breaker.state is BreakerState.OPEN
        world.order(order)
        if order is BreakerOrder.CLOSE and was_open and not world.is_held:
            assert world.probes > probes, "it is probed at once"

    @rule(in_flight=st.none() | st.integers(1, 6))
    def limit(self, in_flight: int | None) -> None:
        self.world.say(Aspect.IN_FLIGHT, in_flight)

    @rule(seconds=st.sampled_from([0.001, 0.3, 20.0, 600.0]))
    def deliveries_take(self, seconds: float) -> None:
        self.world.attempt_s = seconds

    @precondition(lambda self: self.world.control is not None)
    @rule()
    def release(self) -> None:
        self.world.release()

    @rule(step_s=st.floats(-2 * DAY, 2 * DAY))
    def step_the_clock(self, step_s: float) -> None:
        self.world.offset_s += step_s

    @rule()
    def kill_the_owner(self) -> None:
        self.world.killed()

    @rule()
    def rebalance(self) -> None:
        self.world.rebalanced()

    @invariant()
    def everyone_is_somewhere(self) -> None:
        for name in range(self.world.sent):
            places = self.world.where(name)
            assert places, f"{name} is lost"
            assert not {"settled", "dead"} <= places

    @invariant()
    def nobody_died_early(self) -> None:
        for name, spent_s in self.world.dead.items():
            assert spent_s >= 3 * DAY
            assert self.world.open_s - self.world.failed_at_open_s[name] >= 3 * DAY - 1

    def teardown(self) -> None:
        """In the end everything heals; then everything is settled, or refused by the Jobcenter itself."""
        world = self.world
        world.down, world.attempt_s = False, 0.001
        world.release()
        world.order(None)
        world.advance(8 * DAY)
        for name in range(world.sent):
            assert world.where(name) in ({"settled"}, {"dead"}), name


TestWeeks = Weeks.TestCase
TestWeeks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
