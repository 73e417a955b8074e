"""Days and moments as citizens read them: German time. Pure."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


def berlin_today(moment: datetime) -> date:
    """The day that counts for ages and for the month of the application."""
    return moment.astimezone(BERLIN).date()


def german_day(moment: datetime | date) -> str:
    day = moment.astimezone(BERLIN).date() if isinstance(moment, datetime) else moment
    return f"{day.day}.{day.month}.{day.year}"


def german_moment(moment: datetime) -> str:
    local = moment.astimezone(BERLIN)
    return f"{local.day}.{local.month}.{local.year}, {local:%H:%M} Uhr"
