"""The offset tracker against a model that simply remembers everything."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.delivery.offsets import OffsetTracker


class Tracking(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.tracker = OffsetTracker()
        self.offered: list[int] = []
        self.pending: set[int] = set()
        self.stored = 0
        self.highest = 0

    @rule(gap=st.integers(0, 3))
    def offer_next(self, gap: int) -> None:
        offset = (self.offered[-1] + 1 if self.offered else 0) + gap
        assert self.tracker.offer(offset)
        self.offered.append(offset)
        self.pending.add(offset)
        if len(self.offered) == 1:
            self.stored = offset

    @precondition(lambda self: self.offered)
    @rule(data=st.data())
    def offer_again(self, data: st.DataObject) -> None:
        assert not self.tracker.offer(data.draw(st.integers(0, self.offered[-1])))

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def do(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.pending)))
        self.tracker.done(offset)
        self.pending.remove(offset)

    @precondition(lambda self: self.offered)
    @rule(data=st.data())
    def do_what_is_not_pending(self, data: st.DataObject) -> None:
        offset = data.draw(st.integers(0, self.offered[-1] + 2))
        if offset not in self.pending:
            with pytest.raises(ValueError, match="not pending"):
                self.tracker.done(offset)

    @rule()
    def commit(self) -> None:
        offset = self.tracker.committable()
        if offset is not None:
            self.tracker.committed(offset)
            assert offset > self.stored
            self.stored = offset

    @invariant()
    def never_above_the_first_pending(self) -> None:
        offset = self.tracker.committable()
        if offset is not None:
            assert all(offset <= pending for pending in self.pending)

    @invariant()
    def all_that_may_be_committed_is(self) -> None:
        expected = min(self.pending) if self.pending else (self.offered[-1] + 1 if self.offered else 0)
        offset = self.tracker.committable()
        assert (offset or self.stored) == expected
        assert expected >= self.highest
        self.highest = expected

    @invariant()
    def counts(self) -> None:
        assert self.tracker.pending == len(self.pending)
        assert self.tracker.first_pending == (min(self.pending) if self.pending else None)
        assert self.tracker.span == (self.offered[-1] + 1 - min(self.pending) if self.pending else 0)


TestTracking = Tracking.TestCase
TestTracking.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_an_untouched_partition_commits_nothing() -> None:
    assert OffsetTracker().committable() is None


def test_reading_may_begin_anywhere() -> None:
    tracker = OffsetTracker()
    assert tracker.offer(1000)
    assert tracker.committable() is None
    tracker.done(1000)
    assert tracker.committable() == 1001
