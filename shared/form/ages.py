"""Days that follow from a date of birth or of moving in. Pure."""

from __future__ import annotations

from calendar import monthrange
from datetime import date


def age(born: date, today: date) -> int:
    """Full years. Born on 29 February: a year older on 1 March (§§ 187 (2), 188 BGB: with the end of 28 February)."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def pension_from(born: date) -> date:
    """The first day beyond the age limit of § 7a SGB II: it is reached with the end of the month in which the age is.

    An age is reached with the end of the day before the birthday (§§ 187 (2), 188 BGB): who is born on the first of a
    month reaches it in the month before.
    """
    birthday = born.year * 12 + born.month - 1 + 65 * 12 + _months_beyond_65(born.year)
    first = birthday if born.day == 1 else birthday + 1
    return date(first // 12, first % 12 + 1, 1)


def _months_beyond_65(year: int) -> int:
    """The table of § 7a SGB II: one month for each year of birth from 1947, two from 1959, until 67 from 1964 on."""
    if year < 1947:
        return 0
    if year <= 1958:
        return year - 1946
    return min(12 + 2 * (year - 1958), 24)


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier; the month's last where it has no such day."""
    month = day.year * 12 + day.month - 1 - months
    year, index = divmod(month, 12)
    return date(year, index + 1, min(day.day, monthrange(year, index + 1)[1]))
