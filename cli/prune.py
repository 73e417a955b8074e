"""The DeleteRecords job: the only thing that ever deletes an application's message.

A partition is cut at the first record that must stay. A record may go when all of this is true:

- it lies below the offset that its reader's group has committed;
- it is older than the limit (30 days) by the broker's timestamp;
- its submission is settled, by the store: the newest generation that left any object has `settled`. A record that
  proves no submission may go once its dead letter was resolved.

So one application that is held for a year keeps its record, and everything after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import KafkaError

from cli.dead_letter import read_items
from shared.contracts import topics
from shared.contracts.base import Contract
from shared.contracts.messages import Delivery, Received
from shared.directory.reading import close
from shared.errors import KafkaUnavailable, MessageError
from shared.kafka.admin import admin_client
from shared.kafka.cloudevents import read
from shared.kafka.settings import KafkaSettings
from shared.store import keys
from shared.store.port import Store


@dataclass(frozen=True)
class Cut:
    """One partition: what is below `before` may go. `why` says what stays next: `committed`, `young`, `unsettled`."""

    topic: str
    partition: int
    begin: int
    before: int
    why: str

    @property
    def count(self) -> int:
        return self.before - self.begin


def readers(names: Iterable[str], *, delivery_group: str, router_group: str) -> dict[str, str]:
    """Topic → the group that reads it, for all that is kept without limit. Pure."""
    found = {}
    for name in names:
        if name.startswith(topics.LANE_PREFIX):
            found[name] = delivery_group
        elif name.startswith(topics.RETRY_PREFIX) or name == topics.AWAITING:
            found[name] = f"{delivery_group}.returns"
        elif name == topics.RECEIVED:
            found[name] = router_group
    return found


def newest_is_settled(listing: Iterable[str], submission_id: UUID) -> bool:
    """From a listing of the submission's objects. Nothing at all proves nothing. Pure."""
    prefix = keys.submission_prefix(submission_id)
    names: dict[int, set[str]] = {}
    for key in listing:
        generation, _, name = key.removeprefix(prefix).partition("/")
        if generation.isascii() and generation.isdigit():
            names.setdefault(int(generation), set()).add(name)
    return bool(names) and "settled" in names[max(names)]


class Pruner:
    """Finds where each partition may be cut."""

    def __init__(self, kafka: KafkaSettings, store: Store, *, older_than: timedelta, now: datetime) -> None:
        self._kafka = kafka
        self._store = store
        self._limit_ms = int((now - older_than).timestamp() * 1000)
        self._settled: dict[UUID, bool] = {}
        self._unresolved: frozenset[str] = frozenset()

    async def plan(self, groups: Mapping[str, str]) -> list[Cut]:
        """Raises `KafkaUnavailable`, `StoreUnavailable`; then nothing was deleted."""
        self._unresolved = frozenset(await read_items(self._kafka))
        committed: dict[TopicPartition, int] = {}
        async with admin_client(self._kafka) as client:
            for group in sorted(set(groups.values())):
                offsets = await client.list_consumer_group_offsets(group)
                committed |= {
                    partition: entry.offset
                    for partition, entry in offsets.items()
                    if groups.get(partition.topic) == group and entry.offset >= 0
                }
        consumer: Any = AIOKafkaConsumer(**self._kafka.client_options(), group_id=None, enable_auto_commit=False)
        try:
            await consumer.start()
            return [await self._cut(consumer, partition, committed[partition]) for partition in sorted(committed)]
        except KafkaError as error:
            raise KafkaUnavailable(f"prune: {type(error).__name__}") from None
        finally:
            await close(consumer)

    async def _cut(self, consumer: Any, partition: TopicPartition, committed: int) -> Cut:
        await consumer._client.set_topics((partition.topic,))
        consumer.assign([partition])
        begin = (await consumer.beginning_offsets([partition]))[partition]
        end = min(committed, (await consumer.end_offsets([partition]))[partition])
        before = begin
        consumer.seek(partition, begin)
        while before < end:
            polled = await consumer.getmany(partition, timeout_ms=1000)
            records = polled.get(partition, [])
            if not records:
                break
            for record in records:
                if record.offset >= end:
                    return Cut(partition.topic, partition.partition, begin, end, "committed")
                why = await self._stays(record)
                if why is not None:
                    return Cut(partition.topic, partition.partition, begin, record.offset, why)
                before = record.offset + 1
        return Cut(partition.topic, partition.partition, begin, before, "committed")

    async def _stays(self, record: Any) -> str | None:
        if record.timestamp <= 0 or record.timestamp >= self._limit_ms:
            return "young"
        model: type[Contract] = Received if record.topic == topics.RECEIVED else Delivery
        try:
            _, body = read(model, list(record.headers), record.value)
        except MessageError:
            position = f"{record.topic}/{record.partition}/{record.offset}"
            return "unsettled" if position in self._unresolved else None
        assert isinstance(body, Received | Delivery)
        return None if await self._is_settled(body.submission_id) else "unsettled"

    async def _is_settled(self, submission_id: UUID) -> bool:
        if submission_id not in self._settled:
            listing = await self._store.list(keys.submission_prefix(submission_id))
            self._settled[submission_id] = newest_is_settled(listing, submission_id)
        return self._settled[submission_id]


async def delete(kafka: KafkaSettings, cuts: Iterable[Cut]) -> int:
    """Deletes what the cuts allow; answers how many records."""
    wanted = [cut for cut in cuts if cut.count > 0]
    if wanted:
        async with admin_client(kafka) as client:
            await client.delete_records(
                {TopicPartition(cut.topic, cut.partition): RecordsToDelete(before_offset=cut.before) for cut in wanted}
            )
    return sum(cut.count for cut in wanted)
