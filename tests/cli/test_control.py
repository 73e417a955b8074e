"""Holds, limits and overrides do not overwrite one another, whoever else writes at the same moment."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.breaker import app as breaker
from cli.control import ASPECTS, Entry, aspects, standing
from cli.limit import app as limit
from shared.contracts.control import Aspect, BreakerOrder, Control, Hold, Override

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "hold": [None, *(Hold(start=NOW + timedelta(hours=number)) for number in range(3))],
    "in_flight": [None, 1, 2, 3],
    "breaker": [None, *(Override(order=order, since=NOW) for order in BreakerOrder)],
}


def control(**said: Any) -> Control:
    return Control(destination="kreis-a", at=NOW, **said)


@dataclass
class Topic:
    log: list[Entry] = field(default_factory=list)

    def operator(self, name: str, aspect: str, value: Any) -> Generator[None, None, None]:
        """`cli.control._change`, step by step: anything may happen at each `yield`."""
        own = 0
        now, about = standing(self.log) | {aspect: value}, Aspect(aspect)
        while True:
            yield
            self.log.append(Entry(f"{name}{own}", control(changes=about, **now)))
            own += 1
            yield
            now, about = standing(self.log), Aspect.NOTHING
            if aspects(self.log[-1].control) == now:
                return


changes = st.sampled_from(ASPECTS).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(VALUES[name])))


@settings(max_examples=500)
@given(changes, st.permutations(ASPECTS), st.data())
def test_changes_of_different_things_at_once_all_stand(
    before: tuple[str, Any], names: list[str], data: st.DataObject
) -> None:
    topic = Topic([Entry("before", control(**dict([before])))])
    chosen = {name: data.draw(st.sampled_from(VALUES[name])) for name in names}
    running = {name: topic.operator(name, name, value) for name, value in chosen.items()}
    rounds = 0
    while running:
        name = data.draw(st.sampled_from(sorted(running)))
        rounds += 1
        assert rounds < 60, "they never agree"
        if next(running[name], "over") == "over":
            del running[name]
    assert aspects(topic.log[-1].control) == standing(topic.log) == chosen


@given(changes, changes, st.data())
def test_of_two_changes_at_once_the_newest_record_has_one_or_both(
    first: tuple[str, Any], second: tuple[str, Any], data: st.DataObject
) -> None:
    topic = Topic()
    running = {str(number): topic.operator(str(number), *each) for number, each in enumerate((first, second))}
    while running:
        name = data.draw(st.sampled_from(sorted(running)))
        if next(running[name], "over") == "over":
            del running[name]
    result = aspects(topic.log[-1].control)
    if first[0] == second[0]:
        assert result[first[0]] in (first[1], second[1])
    else:
        assert (result[first[0]], result[second[0]]) == (first[1], second[1])


def test_a_later_release_is_not_taken_back() -> None:
    """A hold was written; before its operator reads again, a colleague has read it and released it."""
    held = control(hold=Hold(start=NOW), changes=Aspect.HOLD)
    assert standing([Entry("mine", held), Entry("other", control(changes=Aspect.HOLD))]) == aspects(None)


def test_what_compaction_left_is_taken_whole() -> None:
    put_together = control(hold=Hold(start=NOW), in_flight=2, changes=Aspect.NOTHING)
    assert standing([Entry("left", put_together)]) == aspects(put_together)


def test_a_tombstone_and_a_record_of_before_there_were_limits_take_everything_back() -> None:
    limited = Entry("1", control(in_flight=2, changes=Aspect.IN_FLIGHT))
    for entry in (Entry("7", None), Entry("8", control())):
        assert standing([limited, entry]) == aspects(None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["kreis-a"],
        ["kreis-a", "--in-flight", "2", "--default"],
        ["kreis-a", "--in-flight", "0"],
        ["kreis-a", "--in-flight", "65"],
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_before_anything_is_written(arguments: list[str]) -> None:
    assert CliRunner().invoke(limit, [*arguments, "--bootstrap", "127.0.0.1:1"]).exit_code == 2


@pytest.mark.parametrize("arguments", [["kreis-a"], ["kreis-a", "shut"], ["Kreis A", "open"]])
def test_an_order_that_makes_no_sense_is_refused_before_anything_is_written(arguments: list[str]) -> None:
    assert CliRunner().invoke(breaker, [*arguments, "--bootstrap", "127.0.0.1:1"]).exit_code == 2
