"""The lane's rules, one by one and as a state machine with a clock of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.delivery.backoff import Backoff
from services.delivery.breaker import BreakerState
from services.delivery.lane import Lane, may_start

PLAIN = Backoff(jitter=0)


def lane_with(*offsets: int, window: int = 4) -> Lane:
    lane = Lane(window, PLAIN)
    for offset in offsets:
        lane.load(offset)
    return lane


def start(lane: Lane, now: float) -> int:
    offset = lane.next_start(now)
    assert offset is not None
    lane.start(offset, now)
    return offset


def test_a_well_lane_fills_its_window_in_order() -> None:
    lane = lane_with(5, 3, 4, 6, 7)
    assert [start(lane, 0) for _ in range(4)] == [3, 4, 5, 6]
    assert lane.next_start(0) is None
    lane.succeed(4)
    assert start(lane, 0) == 7


def probe(lane: Lane, now: float, *, fails: bool) -> float:
    assert lane.probe_due(now)
    lane.breaker.probe_started(now)
    if fails:
        return lane.breaker.probe_failed(now, 0.5)
    lane.probe_succeeded()
    return 0.0


def test_a_dead_jobcenter_is_probed_ever_less_often_and_no_application_is_tried() -> None:
    lane = lane_with(*range(10))
    waits = [lane.jobcenter_failed(start(lane, 0), 0, 0.5)]
    now = 0.0
    for _ in range(8):
        assert not lane.probe_due(now + waits[-1] - 0.01)
        now += waits[-1]
        assert lane.next_start(now) is None
        waits.append(probe(lane, now, fails=True))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_failures_of_one_moment_count_once() -> None:
    lane = lane_with(0, 1, 2, 3)
    flying = [start(lane, 0) for _ in range(4)]
    waits = [lane.jobcenter_failed(offset, 5 + offset / 10, 0.5) for offset in flying]
    assert lane.failures == 1
    assert waits[0] == 1


def test_retry_after_of_any_of_them_is_honoured() -> None:
    lane = lane_with(0, 1)
    first, second = start(lane, 0), start(lane, 0)
    lane.jobcenter_failed(first, 5, 0.5)
    assert lane.jobcenter_failed(second, 5, 0.5, 120) == 120
    assert not lane.probe_due(124.9)
    assert lane.probe_due(125)


def test_a_probe_that_succeeds_drains_the_lane_at_once() -> None:
    lane = lane_with(*range(6))
    now = lane.jobcenter_failed(start(lane, 0), 0, 0.5)
    for _ in range(7):
        now += probe(lane, now, fails=True)
    probe(lane, now, fails=False)
    assert sorted(start(lane, now) for _ in range(4)) == [1, 2, 3, 4]  # the one that failed goes last


def test_an_application_in_flight_that_is_answered_closes_the_breaker() -> None:
    lane = lane_with(0, 1)
    first, second = start(lane, 0), start(lane, 0)
    lane.jobcenter_failed(first, 5, 0.5)
    assert lane.next_start(5) is None
    lane.succeed(second)
    assert lane.next_start(5) == first


def test_a_head_that_fails_thrice_while_the_probe_succeeds_is_the_messages_fault() -> None:
    lane, now = lane_with(0), 0.0
    for _ in range(2):
        head = start(lane, now)
        assert not lane.fails_alone(head)
        now += lane.jobcenter_failed(head, now, 0.5)
        probe(lane, now, fails=False)
    head = start(lane, now)
    assert lane.fails_alone(head)
    lane.succeed(head, proves_jobcenter=False)
    assert lane.breaker.state is BreakerState.CLOSED


def test_failures_without_any_success_between_are_never_the_messages() -> None:
    """The Jobcenter is down: however often the same head is lost with it, it is not to blame."""
    lane, now = lane_with(0, 1), 0.0
    for _ in range(5):
        flying = [start(lane, now), start(lane, now)] if now == 0 else []
        for offset in flying:
            assert not lane.fails_alone(offset)
            lane.jobcenter_failed(offset, now, 0.5)
        now = lane.wakes_at()
        probe(lane, now, fails=True)
    assert lane.attempts(0) == lane.attempts(1) == 1


def test_a_record_that_fails_alone_does_not_hold_the_others() -> None:
    """Fifty good records behind one that always fails: one breaker's wait, then the lane goes on without it."""
    lane = lane_with(*range(51))
    now, done, attempts = 0.0, [], 0
    while len(done) < 50:
        offset = lane.next_start(now)
        if offset is None:
            now = max(now, lane.wakes_at())
            if lane.probe_due(now):
                probe(lane, now, fails=False)
            continue
        lane.start(offset, now)
        if offset == 0 and not lane.fails_alone(offset):
            attempts += 1
            lane.jobcenter_failed(offset, now, 0.5)
        else:
            lane.succeed(offset, proves_jobcenter=offset != 0)
            done.append(offset)
    assert now <= 3
    assert attempts == 2


def test_a_broken_jobcenter_whose_probe_works_is_asked_ever_less_often() -> None:
    lane, now, waits = lane_with(*range(100)), 0.0, []
    for _ in range(7):
        waits.append(lane.jobcenter_failed(start(lane, now), now, 0.5))
        now += waits[-1]
        probe(lane, now, fails=False)
    assert waits == [1, 2, 4, 8, 16, 32, 60]


def test_a_held_lane_starts_nothing_and_is_not_probed() -> None:
    lane = lane_with(0, 1)
    flying = start(lane, 0)
    lane.block("held")
    assert lane.next_start(0) is None
    lane.jobcenter_failed(flying, 0, 0.5)
    assert not lane.probe_due(100)
    assert lane.wakes_at() == float("inf")
    lane.unblock("held")
    assert lane.probe_due(100)


def test_a_breaker_that_an_operator_opened_stays_open_whatever_is_answered() -> None:
    lane = lane_with(0, 1, 2)
    flying = start(lane, 0)
    lane.force_open(True, 0)
    lane.succeed(flying)
    assert lane.next_start(1e6) is None
    assert not lane.probe_due(1e6)
    assert lane.wakes_at() == float("inf")


def test_after_an_operators_open_breaker_the_probe_goes_first() -> None:
    lane = lane_with(0, 1)
    lane.force_open(True, 0)
    lane.force_open(False, 10)
    assert lane.next_start(10) is None
    probe(lane, 10, fails=False)
    assert [start(lane, 10), start(lane, 10)] == [0, 1]
    lane.force_open(False, 11)  # nothing was forced: nothing is doubted
    assert lane.breaker.state is BreakerState.CLOSED


def test_a_breaker_that_fails_again_after_an_operators_order_waits_as_long_as_it_would_have() -> None:
    lane = lane_with(0)
    now = lane.jobcenter_failed(start(lane, 0), 0, 0.5)
    for _ in range(3):
        now += probe(lane, now, fails=True)
    lane.retry_now(now - 5)
    assert probe(lane, now - 5, fails=True) == 16


def test_a_limit_counts_from_now_on_and_stops_nothing_that_flies() -> None:
    lane = lane_with(*range(8))
    flying = [start(lane, 0) for _ in range(4)]
    lane.set_window(2)
    assert lane.next_start(0) is None
    for offset in flying[:2]:
        lane.succeed(offset)
        assert lane.next_start(0) is None
    lane.succeed(flying[2])
    assert start(lane, 0) == 4
    lane.set_window(6)
    assert [start(lane, 0) for _ in range(3)] == [5, 6, 7]


def test_our_own_failures_leave_no_trace() -> None:
    lane = lane_with(0, 1)
    offset = start(lane, 0)
    lane.ours_failed(offset)
    assert (lane.failures, lane.attempts(offset), lane.in_flight) == (0, 0, 0)
    assert lane.next_start(0) == offset


def test_what_ends_without_the_jobcenter_proves_nothing_about_it() -> None:
    lane = lane_with(0, 1)
    first, second = start(lane, 0), start(lane, 0)
    lane.jobcenter_failed(first, 0, 0.5)
    lane.succeed(second, proves_jobcenter=False)
    assert lane.failures == 1
    assert lane.next_start(0.5) is None


def test_a_changed_endpoint_ends_the_wait_but_not_the_caution() -> None:
    lane = lane_with(0, 1)
    lane.jobcenter_failed(start(lane, 0), 0, 0.5, 600)
    assert not lane.probe_due(1)
    lane.retry_now(1)
    assert lane.probe_due(1)
    assert lane.next_start(1) is None


def test_a_jobcenter_that_is_not_connected_has_not_failed() -> None:
    lane = lane_with(0)
    lane.not_connected(start(lane, 0), 0, 60)
    assert (lane.failures, lane.attempts(0), lane.is_waiting(59)) == (0, 0, True)
    assert lane.next_start(59) is None
    assert lane.next_start(60) == 0


def test_misuse_is_refused() -> None:
    lane = lane_with(0)
    with pytest.raises(ValueError, match="already loaded"):
        lane.load(0)
    with pytest.raises(ValueError, match="not in flight"):
        lane.succeed(0)
    start(lane, 0)
    with pytest.raises(ValueError, match="already in flight"):
        lane.start(0, 0)
    with pytest.raises(ValueError, match="window"):
        Lane(0, PLAIN)
    with pytest.raises(ValueError, match="window"):
        lane.set_window(0)


class Driving(RuleBasedStateMachine):
    """Any order of events; the clock only rises."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = Lane(3, Backoff(), Backoff(first_s=5, most_s=900))
        self.now = 0.0
        self.next = 0
        self.loaded: set[int] = set()
        self.flying: set[int] = set()
        self.eras: dict[int, list[int]] = {}
        self.era = 0
        self.probing = False
        self.held = False
        self.forced = False
        self.window = 3
        self.open_s = 0.0

    @rule()
    def load(self) -> None:
        self.lane.load(self.next)
        self.loaded.add(self.next)
        self.next += 1

    @rule(seconds=st.floats(0.001, 2000))
    def wait(self, seconds: float) -> None:
        self.keep_time()
        self.now += seconds
        self.keep_time()

    def keep_time(self) -> None:
        self.lane.open_clock.set_open(self.lane.is_open(self.now), self.now)

    @rule()
    def start(self) -> None:
        offset = self.lane.next_start(self.now)
        if offset is None:
            return
        assert offset in self.loaded - self.flying
        assert not self.held
        assert not self.forced
        assert len(self.flying) < self.window
        assert self.lane.breaker.state is BreakerState.CLOSED
        self.lane.start(offset, self.now)
        self.flying.add(offset)

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.held = held
        (self.lane.block if held else self.lane.unblock)("held")

    @rule(forced=st.booleans())
    def open_by_hand(self, forced: bool) -> None:
        was = self.forced
        self.forced = forced
        self.lane.force_open(forced, self.now)
        if was and not forced:
            assert self.lane.breaker.state is not BreakerState.CLOSED, "the probe goes first"

    @rule()
    def close_by_hand(self) -> None:
        self.lane.retry_now(self.now)
        if self.lane.breaker.state is BreakerState.OPEN and not self.held and not self.forced:
            assert self.lane.probe_due(self.now)

    @rule(window=st.integers(1, 5))
    def limit(self, window: int) -> None:
        self.window = window
        self.lane.set_window(window)

    @rule()
    def probe(self) -> None:
        if not self.lane.probe_due(self.now):
            return
        assert not self.held
        assert not self.forced
        self.lane.breaker.probe_started(self.now)
        self.probing = True

    @precondition(lambda self: self.probing)
    @rule(how=st.sampled_from(["succeeds", "fails", "is ours"]), chance=st.floats(0, 1, exclude_max=True))
    def probed(self, how: str, chance: float) -> None:
        was_probing = self.lane.breaker.state is BreakerState.PROBING
        self.probing = False
        if how == "succeeds":
            self.lane.probe_succeeded()
            self.era += was_probing
            assert self.lane.breaker.state is not BreakerState.PROBING
        elif how == "fails":
            wait_s = self.lane.breaker.probe_failed(self.now, chance)
            assert (4 <= wait_s <= 1080) if was_probing else wait_s == 0
        else:
            self.lane.breaker.probe_abandoned(self.now)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), proves=st.booleans())
    def succeed(self, data: st.DataObject, proves: bool) -> None:
        offset = data.draw(st.sampled_from(sorted(self.flying)))
        self.lane.succeed(offset, proves_jobcenter=proves)
        self.flying.remove(offset)
        self.loaded.remove(offset)
        if proves:
            self.era += 1
            assert self.lane.failures == 0
            assert self.lane.breaker.state is BreakerState.CLOSED

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), chance=st.floats(0, 1, exclude_max=True), asked=st.none() | st.floats(0, 1000))
    def jobcenter_fails(self, data: st.DataObject, chance: float, asked: float | None) -> None:
        offset = data.draw(st.sampled_from(sorted(self.flying)))
        eras = [*self.eras.get(offset, []), self.era]
        # With a success between each two of them, and only then, the third failure is the message's.
        assert self.lane.fails_alone(offset) == (len(set(eras)) >= 3)
        self.eras[offset] = eras
        self.flying.remove(offset)
        if self.lane.fails_alone(offset):
            self.lane.succeed(offset, proves_jobcenter=False)
            self.loaded.remove(offset)
            return
        before = self.lane.attempts(offset)
        wait_s = self.lane.jobcenter_failed(offset, self.now, chance, asked)
        assert self.lane.attempts(offset) == before + 1
        assert wait_s <= 1080

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def we_fail(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.flying)))
        before = (self.lane.attempts(offset), self.lane.failures, self.lane.breaker.state)
        self.lane.ours_failed(offset)
        self.flying.remove(offset)
        assert (self.lane.attempts(offset), self.lane.failures, self.lane.breaker.state) == before

    @invariant()
    def bounded(self) -> None:
        assert self.lane.in_flight == len(self.flying) <= 5
        assert self.lane.loaded == len(self.loaded)

    @invariant()
    def the_open_clock_never_falls(self) -> None:
        self.keep_time()
        open_s = self.lane.open_clock.read_s(self.now)
        assert self.open_s - 1e-6 <= open_s <= self.now + 1e-6
        self.open_s = open_s

    @invariant()
    def never_stuck(self) -> None:
        """With nothing in flight and something loaded, time alone makes a start or a probe possible, unless an operator
        says otherwise."""
        if self.loaded and not self.flying and not self.held and not self.forced and not self.probing:
            then = max(self.now, self.lane.wakes_at())
            assert self.lane.next_start(then) is not None or self.lane.probe_due(then)


TestDriving = Driving.TestCase
TestDriving.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=120), st.integers(1, 300))
def test_every_lane_has_a_slot_of_its_own_and_the_cap_holds(in_flight: list[int], total: int) -> None:
    extra = sum(max(0, each - 1) for each in in_flight)
    for here in in_flight:
        allowed = may_start(total, len(in_flight), here, extra)
        if here == 0:
            assert allowed
        elif allowed:
            assert extra + 1 <= total - len(in_flight)
