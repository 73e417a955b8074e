"""What operators say about a lane, on `delivery.control`: `hold` and `release`, `limit`, `breaker`.

The topic is compacted, one record for each destination, so every record says everything: hold, limit and override. Who
changes one of them reads the record, writes it back with the change, and reads again. Two operators at once may both
have read before either wrote; then the second record lacks the first one's change. But each record also says what its
writer meant to change, so whoever reads again knows what should stand, the same for everybody, and writes it when the
newest record does not say so. Changes of different things both stand; of two changes of the same thing the later record
stands. Delivery counts in the same way, so that it never obeys the record that lacks something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from cli.topic_table import read_log
from shared.contracts import topics
from shared.contracts.base import Slug
from shared.contracts.control import Aspect, Control
from shared.errors import KafkaUnavailable, Misconfigured
from shared.kafka.admin import served_destinations
from shared.kafka.events import control_message
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from shared.settings import load_settings

SEND_TIMEOUT_S = 10.0
ASPECTS = tuple(aspect.value for aspect in Aspect if aspect is not Aspect.NOTHING)
_ROUNDS = 8
_SLUG: TypeAdapter[str] = TypeAdapter(Slug)

Bootstrap = Annotated[str | None, typer.Option("--bootstrap", help="host:port instead of KAFKA_BOOTSTRAP")]
Aspects = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One record of a destination. `control` is None for a tombstone."""

    id: str
    control: Control | None


@dataclass(frozen=True)
class Changed:
    """`before`: what counted until then. `others`: somebody else changed the same lane at the same moment."""

    before: Control | None
    others: bool


def aspects(control: Control | None) -> Aspects:
    return {name: getattr(control, name) if control is not None else None for name in ASPECTS}


def standing(log: Sequence[Entry]) -> Aspects:
    """What should stand after all records of a destination that are still there, in their order. Pure.

    The first is taken whole: it has what was before it. A tombstone takes everything back.
    """
    counts: Control | None = None
    for entry in log:
        counts = entry.control.upon(counts) if entry.control is not None else None
    return aspects(counts)


def kafka_settings(bootstrap: str | None) -> KafkaSettings:
    settings = load_settings(KafkaSettings, {"bootstrap": bootstrap} if bootstrap else None)
    return settings.model_copy(update={"send_timeout_s": max(SEND_TIMEOUT_S, settings.send_timeout_s)})


def checked(destination: str) -> str:
    try:
        return _SLUG.validate_python(destination)
    except ValidationError:
        raise typer.BadParameter("an id of a destination, as in `antragsweiche lanes`") from None


def now() -> datetime:
    return datetime.now(UTC)


def say_others(changed: Changed) -> None:
    if changed.others:
        typer.echo(
            "somebody else changed this lane at the same moment; `antragsweiche lanes` shows what stands", err=True
        )


async def change(
    kafka: KafkaSettings, destination: str, aspect: Aspect, value: Any, clock: Callable[[], datetime] = now
) -> Changed:
    """Changes one aspect and leaves the others. When it returns, the broker has acknowledged the record.

    Raises `Misconfigured` for a destination that has no lane, `KafkaUnavailable`.
    """
    if destination not in await served_destinations(kafka):
        raise Misconfigured(f"there is no lane {destination}")
    producer = Producer(kafka, client_id="antragsweiche-cli")
    await producer.start()
    try:
        return await _change(kafka, producer, destination, clock, aspect, value)
    finally:
        await producer.stop()


async def _change(  # noqa: PLR0917 - `change`, with its producer
    kafka: KafkaSettings,
    producer: Producer,
    destination: str,
    clock: Callable[[], datetime],
    aspect: Aspect,
    value: Any,
) -> Changed:
    log = await _entries(kafka, destination)
    known, before = len(log), log[-1].control if log else None
    own: list[str] = []
    wanted, about = standing(log) | {aspect.value: value}, aspect
    for _ in range(_ROUNDS):
        control = Control(destination=destination, at=clock(), changes=about, **wanted)
        message = control_message(control, source="/cli")
        await producer.send(topics.CONTROL, destination, message)
        own.append(str(message.id))
        log = await _entries(kafka, destination)
        wanted, about = standing(log), Aspect.NOTHING
        if log and aspects(log[-1].control) == wanted:
            return Changed(before, any(entry.id not in own for entry in log[known:]))
    raise KafkaUnavailable(f"{destination}: others change it all the time; look at `antragsweiche lanes`")


async def _entries(kafka: KafkaSettings, destination: str) -> list[Entry]:
    rows = await read_log(kafka, topics.CONTROL, Control)
    return [Entry(each.id, each.row) for each in rows if each.key == destination]
