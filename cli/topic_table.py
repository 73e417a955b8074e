"""A compacted topic of states as a table: the newest good record of each destination."""

from __future__ import annotations

from typing import TypeVar

from aiokafka.errors import KafkaError

from shared.contracts.control import Control, LaneState
from shared.directory.reading import assign_all, behind, close, key_text, make_consumer
from shared.errors import KafkaUnavailable, MessageError
from shared.kafka.cloudevents import read
from shared.kafka.settings import KafkaSettings

T = TypeVar("T", Control, LaneState)


async def read_table(kafka: KafkaSettings, topic: str, model: type[T]) -> dict[str, T]:
    """Raises `KafkaUnavailable`."""
    consumer = make_consumer(kafka)
    rows: dict[str, T] = {}
    try:
        await consumer.start()
        partitions = await assign_all(consumer, topic)
        await consumer.seek_to_beginning(*partitions)
        while any(lag > 0 for lag in (await behind(consumer, partitions)).values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    _take(rows, model, key_text(record.key), record.value, list(record.headers))
    except KafkaError as error:
        raise KafkaUnavailable(f"{topic} cannot be read: {type(error).__name__}") from None
    finally:
        await close(consumer)
    return rows


def _take(rows: dict[str, T], model: type[T], key: str, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    if value is None:
        rows.pop(key, None)
        return
    try:
        _, row = read(model, headers, value)
    except MessageError:
        return  # delivery says so in its log, and keeps what it knew
    if row.destination == key:
        rows[key] = row
