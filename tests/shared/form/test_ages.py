"""Ages and periods, day by day at their edges."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.form.ages import months_before, pension_from


@pytest.mark.parametrize(
    ("born", "first"),
    [
        ((1946, 12, 31), (2012, 1, 1)),
        ((1947, 1, 2), (2012, 3, 1)),
        ((1958, 6, 15), (2024, 7, 1)),
        ((1959, 6, 15), (2025, 9, 1)),
        ((1960, 3, 2), (2026, 8, 1)),
        ((1960, 3, 1), (2026, 7, 1)),
        ((1963, 12, 31), (2030, 11, 1)),
        ((1964, 1, 1), (2031, 1, 1)),
        ((1964, 1, 2), (2031, 2, 1)),
        ((1990, 8, 31), (2057, 9, 1)),
    ],
    ids=lambda day: "-".join(map(str, day)),
)
def test_the_age_limit_ends_with_the_month(born: tuple[int, int, int], first: tuple[int, int, int]) -> None:
    """§ 7a SGB II by year of birth; who is born on the first completes the age in the month before."""
    assert pension_from(date(*born)) == date(*first)


@pytest.mark.parametrize(
    ("year", "months"),
    [
        (1947, 1),
        (1950, 4),
        (1957, 11),
        (1958, 12),
        (1959, 14),
        (1961, 18),
        (1962, 20),
        (1963, 22),
        (1964, 24),
        (1980, 24),
    ],
)
def test_the_table_of_the_law(year: int, months: int) -> None:
    first = pension_from(date(year, 5, 10))
    assert (first.year - year) * 12 + first.month - 5 - 1 == 65 * 12 + months


@given(st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.integers(0, 400))
def test_nobody_younger_reaches_it_earlier(born: date, days: int) -> None:
    later = date.fromordinal(born.toordinal() + days)
    assert pension_from(born) <= pension_from(later)
    assert pension_from(born).day == 1


def test_half_a_year_ago() -> None:
    assert months_before(date(2026, 11, 22), 6) == date(2026, 5, 22)
    assert months_before(date(2026, 8, 31), 6) == date(2026, 2, 28)
    assert months_before(date(2026, 3, 31), 6) == date(2025, 9, 30)
