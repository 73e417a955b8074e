from __future__ import annotations

from shared.kafka.watchdog import Reading, Watchdog


def test_only_what_could_go_on_and_does_not_is_stalled() -> None:
    watchdog = Watchdog(60)
    readings = {
        "stuck": Reading(5, 9, True),
        "full": Reading(5, 9, False),
        "caught-up": Reading(9, 9, True),
    }
    assert watchdog.observe(0, readings) == []
    assert watchdog.observe(59, readings) == []
    assert watchdog.observe(60, readings) == ["stuck"]


def test_any_progress_starts_the_time_anew() -> None:
    watchdog = Watchdog(60)
    watchdog.observe(0, {"a": Reading(5, 9, True)})
    watchdog.observe(50, {"a": Reading(6, 9, True)})
    assert watchdog.observe(100, {"a": Reading(6, 9, True)}) == []
    assert watchdog.observe(110, {"a": Reading(6, 9, True)}) == ["a"]


def test_a_lane_that_was_full_or_elsewhere_starts_anew() -> None:
    watchdog = Watchdog(60)
    watchdog.observe(0, {"a": Reading(5, 9, True)})
    watchdog.observe(30, {})
    assert watchdog.observe(61, {"a": Reading(5, 9, True)}) == []
