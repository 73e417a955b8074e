"""A compacted topic of states: its records in order, and as a table, the newest good record of each destination."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from aiokafka.errors import KafkaError

from shared.contracts.control import Control, LaneState
from shared.directory.reading import assign_all, behind, close, key_text, make_consumer
from shared.errors import KafkaUnavailable, MessageError
from shared.kafka.cloudevents import read
from shared.kafka.settings import KafkaSettings

T = TypeVar("T", Control, LaneState)


@dataclass(frozen=True)
class Row(Generic[T]):
    """One good record. `row` is None for a tombstone, whose `id` is its position."""

    key: str
    id: str
    row: T | None


async def read_log(kafka: KafkaSettings, topic: str, model: type[T]) -> list[Row[T]]:
    """All good records in their order. Raises `KafkaUnavailable`."""
    consumer = make_consumer(kafka)
    rows: list[Row[T]] = []
    try:
        await consumer.start()
        partitions = await assign_all(consumer, topic)
        await consumer.seek_to_beginning(*partitions)
        while any(lag > 0 for lag in (await behind(consumer, partitions)).values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    row = _row(model, record.offset, key_text(record.key), record.value, list(record.headers))
                    rows += [row] if row is not None else []
    except KafkaError as error:
        raise KafkaUnavailable(f"{topic} cannot be read: {type(error).__name__}") from None
    finally:
        await close(consumer)
    return rows


async def read_table(
    kafka: KafkaSettings, topic: str, model: type[T], upon: Callable[[T, T | None], T] = lambda row, before: row
) -> dict[str, T]:
    """`upon` says what counts after a record, by what counted before. Raises `KafkaUnavailable`."""
    counts: dict[str, T] = {}
    for each in await read_log(kafka, topic, model):
        if each.row is None:
            counts.pop(each.key, None)
        else:
            counts[each.key] = upon(each.row, counts.get(each.key))
    return counts


def _row(model: type[T], offset: int, key: str, value: bytes | None, headers: list[tuple[str, bytes]]) -> Row[T] | None:
    """None for what cannot be read, or stands elsewhere: delivery says so in its log, and keeps what it knew."""
    if value is None:
        return Row(key, str(offset), None)
    try:
        envelope, row = read(model, headers, value)
    except MessageError:
        return None
    return Row(key, envelope.id, row) if row.destination == key else None
