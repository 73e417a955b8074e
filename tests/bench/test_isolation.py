"""The arithmetic of `./dev bench-isolation`."""

from __future__ import annotations

import pytest

from bench.isolation import FAULTY, Groups, Pair, Result, p99, verdict
from shared.directory.tables import Tables


def test_p99_is_the_nearest_rank() -> None:
    assert p99([float(value) for value in range(1, 101)]) == 99.0
    assert p99([float(value) for value in range(1, 351)]) == 347.0
    assert p99([7.0]) == 7.0
    with pytest.raises(ValueError, match="nothing was measured"):
        p99([])


def test_groups_have_every_destination_once() -> None:
    jobcenters = list(Tables.load().jobcenters)
    groups = Groups.of(jobcenters)
    assert sorted(groups.everyone) == sorted(jobcenters)
    assert (len(groups.dead), len(groups.slow)) == (FAULTY, FAULTY)
    assert len(groups.everyone) == 104


def test_report_has_the_median_of_the_pairs() -> None:
    result = Result(
        pairs=[Pair(100.0, 105.0, 0.1, 600), Pair(200.0, 300.0, 0.1, 600), Pair(100.0, 90.0, 0.1, 600)],
        backlog=3000,
        drain_s=30.04,
        memory_start_mib=100.0,
        memory_peak_mib=123.45,
    )
    assert result.enough
    assert result.report() == {
        "healthy_p99_ms": 100,
        "faulty_p99_ms": 105,
        "ratio": 1.05,
        "ratio_spread": [0.9, 1.5],
        "backlog": 3000,
        "drain_s": 30.0,
        "memory_start_mib": 100.0,
        "memory_peak_mib": 123.5,
    }


def test_the_quietest_pairs_count_whatever_they_say() -> None:
    """Not the best ones: the second pair would have been the nicest."""
    bad, nice, busy = Pair(100, 150, 0.05, 600), Pair(100, 80, 0.9, 600), Pair(100, 120, 0.2, 600)
    result = Result(pairs=[bad, nice, busy])
    assert not result.enough
    result.pairs += [Pair(100, 140, 0.25, 600)]
    assert result.enough
    assert result.report()["ratio"] == 1.4
    assert nice not in result.counted


def test_a_ratio_counts_only_from_a_quiet_machine_and_from_pairs_that_agree() -> None:
    assert verdict([1.0, 1.08, 1.2], 0.1) == "met"
    assert verdict([1.0, 1.2, 1.3], 0.1) == "NOT met"
    assert "proves nothing" in verdict([1.0, 1.0, 1.0], 0.8)
    assert "differ too much" in verdict([0.5, 1.0, 1.4], 0.1)
