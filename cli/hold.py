"""`antragsweiche hold` and `release`: what operators say about lanes, on `delivery.control`.

A hold takes effect within two seconds, in every replica, and survives restarts. What is in flight is finished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from pydantic import TypeAdapter, ValidationError

from cli.topic_table import read_table
from shared.contracts import topics
from shared.contracts.base import Slug
from shared.contracts.control import Control, Hold
from shared.errors import Misconfigured
from shared.kafka.admin import served_destinations
from shared.kafka.events import control_message
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from shared.settings import load_settings

app = typer.Typer()

ZONE = ZoneInfo("Europe/Berlin")
SEND_TIMEOUT_S = 10.0
_SLUG: TypeAdapter[str] = TypeAdapter(Slug)

Bootstrap = Annotated[str | None, typer.Option("--bootstrap", help="host:port instead of KAFKA_BOOTSTRAP")]


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


def kafka_settings(bootstrap: str | None) -> KafkaSettings:
    settings = load_settings(KafkaSettings, {"bootstrap": bootstrap} if bootstrap else None)
    return settings.model_copy(update={"send_timeout_s": max(SEND_TIMEOUT_S, settings.send_timeout_s)})


async def write_control(kafka: KafkaSettings, control: Control) -> None:
    """Raises `Misconfigured` for a destination that has no lane, `KafkaUnavailable`."""
    producer = Producer(kafka, client_id="antragsweiche-cli")
    await producer.start()
    try:
        await producer.send(topics.CONTROL, control.destination, control_message(control, source="/cli"))
    finally:
        await producer.stop()


async def change(
    kafka: KafkaSettings, destination: str, hold: Hold | None, clock: Callable[[], datetime]
) -> Control | None:
    """Writes the new control and answers the one before."""
    if destination not in await served_destinations(kafka):
        raise Misconfigured(f"there is no lane {destination}")
    before = (await read_table(kafka, topics.CONTROL, Control)).get(destination)
    await write_control(kafka, Control(destination=destination, at=clock(), hold=hold))
    return before


def checked(destination: str) -> str:
    try:
        return _SLUG.validate_python(destination)
    except ValidationError:
        raise typer.BadParameter("an id of a destination, as in `antragsweiche lanes`") from None


def _now() -> datetime:
    return datetime.now(UTC)


@app.command()
def hold(
    destination: Annotated[str, typer.Argument(help="id of the destination whose lane is held")],
    start: Annotated[str | None, typer.Option("--from", help="ISO 8601; default: now")] = None,
    until: Annotated[str | None, typer.Option("--until", help="ISO 8601; default: until `release`")] = None,
    reason: Annotated[str, typer.Option("--reason", help="for colleagues; no personal data")] = "",
    bootstrap: Bootstrap = None,
) -> None:
    """Hold a lane: its applications are accepted and kept, none is delivered. Times without offset are German time."""
    begins, ends = _moment(start, "--from") or _now(), _moment(until, "--until")
    if ends is not None and ends <= begins:
        raise typer.BadParameter("ends before it begins", param_hint="--until")
    wanted = Hold(start=begins, until=ends, reason=reason)
    before = asyncio.run(change(kafka_settings(bootstrap), checked(destination), wanted, _now))
    if before is not None and before.hold is not None and before.is_held(_now()):
        typer.echo("replaces an earlier hold")
    span = f"until {ends.astimezone(ZONE):%Y-%m-%d %H:%M %Z}" if ends is not None else "until released"
    typer.echo(f"{destination}: held from {begins.astimezone(ZONE):%Y-%m-%d %H:%M %Z} {span}")
