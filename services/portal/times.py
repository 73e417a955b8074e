"""Days and moments as citizens read them: German time. Pure."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
LAST_DAYS = 7
"""So many days before a month ends, pages say that its first day is about to be lost (§ 37 (2) SGB II)."""
_MONTHS = (
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
)


def berlin_today(moment: datetime) -> date:
    """The day that counts for ages and for the month of the application."""
    return moment.astimezone(BERLIN).date()


def german_day(moment: datetime | date) -> str:
    day = moment.astimezone(BERLIN).date() if isinstance(moment, datetime) else moment
    return f"{day.day}.{day.month}.{day.year}"


def german_moment(moment: datetime) -> str:
    local = moment.astimezone(BERLIN)
    return f"{local.day}.{local.month}.{local.year}, {local:%H:%M} Uhr"


def month_ends(today: date) -> date | None:
    """The month's last day, if it is near; None earlier in the month."""
    last = today.replace(day=monthrange(today.year, today.month)[1])
    return last if (last - today).days < LAST_DAYS else None


def german_date(day: date) -> str:
    """`2026-11-30` → "30. November"; no line breaks within."""
    return f"{day.day}.\N{NO-BREAK SPACE}{_MONTHS[day.month - 1]}"


def month_first(moment: datetime | date) -> str:
    """The day from which an application counts that came at this moment: "1. November 2026"."""
    day = moment.astimezone(BERLIN).date() if isinstance(moment, datetime) else moment
    return f"{german_date(day.replace(day=1))} {day.year}"
