"""The lane's rules, one by one and as a state machine with a clock of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.delivery.backoff import Backoff
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


def test_a_dead_jobcenter_is_tried_ever_less_often_one_record_at_a_time() -> None:
    lane = lane_with(*range(10))
    now, waits = 0.0, []
    for _ in range(9):
        offset = start(lane, now)
        assert lane.next_start(now) is None or not lane.failures
        waits.append(lane.jobcenter_failed(offset, now, 0.5))
        assert lane.next_start(now + waits[-1] - 0.01) is None
        now += waits[-1]
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
    assert lane.next_start(124.9) is None
    assert lane.next_start(125) is not None


def test_one_success_opens_the_lane_at_once() -> None:
    lane = lane_with(*range(6))
    now = 0.0
    for _ in range(7):
        now += lane.jobcenter_failed(start(lane, now), now, 0.5)
    trial = start(lane, now)
    assert lane.next_start(now) is None
    lane.succeed(trial)
    assert len([start(lane, now) for _ in range(4)]) == 4


def test_a_record_that_fails_alone_does_not_hold_the_others() -> None:
    """Ten good records behind one that always fails: all ten are through long before the poison's tenth attempt."""
    lane = lane_with(*range(11))
    now, done, attempts = 0.0, [], 0
    while len(done) < 10:
        offset = lane.next_start(now)
        if offset is None:
            now = lane.wakes_at()
            continue
        lane.start(offset, now)
        if offset == 0:
            attempts += 1
            lane.jobcenter_failed(offset, now, 0.5)
        else:
            lane.succeed(offset)
            done.append(offset)
    assert now < 10
    assert attempts < 6
    assert lane.loaded == 1


def test_our_own_failures_leave_no_trace() -> None:
    lane = lane_with(0, 1)
    offset = start(lane, 0)
    lane.ours_failed(offset)
    assert (lane.failures, lane.attempts(offset), lane.in_flight) == (0, 0, 0)
    assert lane.next_start(0) == offset


def test_what_ends_without_the_jobcenter_proves_nothing_about_it() -> None:
    lane = lane_with(0, 1)
    lane.jobcenter_failed(start(lane, 0), 0, 0.5)
    trial = start(lane, 1)
    lane.succeed(trial, proves_jobcenter=False)
    assert lane.failures == 1


def test_a_changed_endpoint_ends_the_wait_but_not_the_caution() -> None:
    lane = lane_with(0, 1)
    lane.jobcenter_failed(start(lane, 0), 0, 0.5, 600)
    assert lane.next_start(1) is None
    lane.retry_now()
    assert lane.next_start(1) is not None
    start(lane, 1)
    assert lane.next_start(1) is None


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


class Driving(RuleBasedStateMachine):
    """Any order of events; the clock only rises."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = Lane(3, Backoff())
        self.now = 0.0
        self.next = 0
        self.loaded: set[int] = set()
        self.flying: set[int] = set()
        self.quiet_until = 0.0

    @rule()
    def load(self) -> None:
        self.lane.load(self.next)
        self.loaded.add(self.next)
        self.next += 1

    @rule(seconds=st.floats(0.001, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def start(self) -> None:
        offset = self.lane.next_start(self.now)
        if offset is None:
            return
        assert offset in self.loaded - self.flying
        assert self.now >= self.quiet_until
        self.lane.start(offset, self.now)
        self.flying.add(offset)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), proves=st.booleans())
    def succeed(self, data: st.DataObject, proves: bool) -> None:
        offset = data.draw(st.sampled_from(sorted(self.flying)))
        self.lane.succeed(offset, proves_jobcenter=proves)
        self.flying.remove(offset)
        self.loaded.remove(offset)
        if proves:
            self.quiet_until = 0.0
            assert self.lane.failures == 0

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), chance=st.floats(0, 1, exclude_max=True), asked=st.none() | st.floats(0, 1000))
    def jobcenter_fails(self, data: st.DataObject, chance: float, asked: float | None) -> None:
        offset = data.draw(st.sampled_from(sorted(self.flying)))
        before = self.lane.attempts(offset)
        wait_s = self.lane.jobcenter_failed(offset, self.now, chance, asked)
        self.flying.remove(offset)
        self.quiet_until = self.now + wait_s
        assert self.lane.attempts(offset) == before + 1
        assert wait_s <= 900 + 1e-6  # sums of floats
        assert asked is None or wait_s >= min(asked, 900) - 1e-6

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def we_fail(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.flying)))
        before = (self.lane.attempts(offset), self.lane.failures)
        self.lane.ours_failed(offset)
        self.flying.remove(offset)
        assert (self.lane.attempts(offset), self.lane.failures) == before

    @invariant()
    def bounded(self) -> None:
        assert self.lane.in_flight == len(self.flying) <= 3
        assert self.lane.loaded == len(self.loaded)

    @invariant()
    def never_stuck(self) -> None:
        """With nothing in flight and something loaded, time alone makes a start possible."""
        if self.loaded and not self.flying:
            assert self.lane.next_start(max(self.now, self.lane.wakes_at())) is not None


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
