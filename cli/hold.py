"""`antragsweiche hold`: a lane delivers nothing for a while.

A hold takes effect within two seconds, in every replica, and survives restarts. What is in flight is finished.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from cli.control import Bootstrap, change, checked, kafka_settings, now, say_others
from shared.contracts.control import Aspect, Hold

app = typer.Typer()

ZONE = ZoneInfo("Europe/Berlin")


def moment(text: str) -> datetime:
    """A moment from ISO 8601. Without an offset it is German legal time; an hour that summer time skips or repeats is
    refused, not guessed. ValueError says what is wrong."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is not None:
        return parsed.astimezone(UTC)
    first, second = (parsed.replace(tzinfo=ZONE, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise ValueError("the clocks change in this hour: give an offset, as in 2026-10-25T02:30+01:00")
    return first.astimezone(UTC)


def _moment(text: str | None, option: str) -> datetime | None:
    try:
        return None if text is None else moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


@app.command()
def hold(
    destination: Annotated[str, typer.Argument(help="id of the destination whose lane is held")],
    start: Annotated[str | None, typer.Option("--from", help="ISO 8601; default: now")] = None,
    until: Annotated[str | None, typer.Option("--until", help="ISO 8601; default: until `release`")] = None,
    reason: Annotated[str, typer.Option("--reason", help="for colleagues; no personal data")] = "",
    bootstrap: Bootstrap = None,
) -> None:
    """Hold a lane: its applications are accepted and kept, none is delivered. Times without offset are German time."""
    begins, ends = _moment(start, "--from") or now(), _moment(until, "--until")
    if ends is not None and ends <= begins:
        raise typer.BadParameter("ends before it begins", param_hint="--until")
    wanted = Hold(start=begins, until=ends, reason=reason)
    changed = asyncio.run(change(kafka_settings(bootstrap), checked(destination), Aspect.HOLD, wanted))
    if changed.before is not None and changed.before.is_held(now()):
        typer.echo("replaces an earlier hold")
    say_others(changed)
    span = f"until {ends.astimezone(ZONE):%Y-%m-%d %H:%M %Z}" if ends is not None else "until released"
    typer.echo(f"{destination}: held from {begins.astimezone(ZONE):%Y-%m-%d %H:%M %Z} {span}")
