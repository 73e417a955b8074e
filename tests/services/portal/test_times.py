"""German days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.portal.times import LAST_DAYS, german_date, month_ends, month_first

DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@given(DAYS)
def test_the_month_s_end_is_near_on_its_last_days(day: date) -> None:
    left = 0
    while (day + timedelta(days=left + 1)).month == day.month:
        left += 1
    assert month_ends(day) == (day + timedelta(days=left) if left < LAST_DAYS else None)


def test_words() -> None:
    assert german_date(date(2026, 3, 1)) == "1.\N{NO-BREAK SPACE}März"
    assert month_first(datetime(2026, 11, 30, 22, 59, tzinfo=UTC)) == "1.\N{NO-BREAK SPACE}November 2026"
    assert month_first(datetime(2026, 11, 30, 23, 0, tzinfo=UTC)) == "1.\N{NO-BREAK SPACE}Dezember 2026", (
        "midnight in Berlin"
    )
