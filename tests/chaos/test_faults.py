"""The plan of faults: the same for the same seed, complete however short, and within its time."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from devtools.chaos.faults import ON_LINKS, ON_PROCESSES, Kind, plan

PROCESSES = ("intake-1", "router-1", "delivery-1")
LINKS = ("portal->intake-1", "router-1->kafka")
PLANNED = (*ON_PROCESSES, *ON_LINKS, Kind.BROKER_RESTART, Kind.STORE_RESTART)


@given(st.integers(), st.floats(5, 1000))
@example(381285776, 271.958984375)  # once a rounded time came after the end
def test_plan(seed: int, duration_s: float) -> None:
    faults = plan(seed, duration_s, PROCESSES, LINKS)
    assert faults == plan(seed, duration_s, PROCESSES, LINKS)
    assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)
    for fault in faults:
        assert 0 <= fault.at_s < duration_s
        assert fault.kind in PLANNED
        assert (fault.target in PROCESSES) == (fault.kind in ON_PROCESSES)
        assert (fault.target in LINKS) == (fault.kind in ON_LINKS)
        assert fault.length_s >= 0


@given(st.integers())
def test_forty_seconds_have_every_kind(seed: int) -> None:
    assert {fault.kind for fault in plan(seed, 45.0, PROCESSES, LINKS)} == set(PLANNED)


def test_another_seed_is_another_plan() -> None:
    assert plan(1, 60, PROCESSES, LINKS) != plan(2, 60, PROCESSES, LINKS)


def test_a_long_campaign_meets_everything() -> None:
    targets = {fault.target for fault in plan(3, 120, PROCESSES, LINKS)}
    assert targets == {*PROCESSES, *LINKS, "kafka", "store"}
