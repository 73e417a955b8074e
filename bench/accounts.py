"""The two books of every run: ids that intake accepted, ids whose acknowledgement stands on `submissions.events`."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.topics import EVENTS
from shared.directory.reading import close

ACKNOWLEDGED = b"de.antragsweiche.submission.acknowledged"


@dataclass
class Accounts:
    """Follows the topic from its beginning; of each record only its headers are looked at."""

    bootstrap: str
    accepted: set[UUID] = field(default_factory=set)
    acknowledged: dict[UUID, float] = field(default_factory=dict)
    """When its acknowledgement was read here, seconds since the epoch."""
    _consumer: Any = None
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        await consumer._client.set_topics((EVENTS,))
        consumer.assign([TopicPartition(EVENTS, number) for number in consumer.partitions_for_topic(EVENTS) or ()])
        await consumer.seek_to_beginning()
        self._consumer = consumer
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await close(self._consumer)

    async def _read(self) -> None:
        while True:
            for batch in (await self._consumer.getmany(timeout_ms=500)).values():
                now = time.time()
                for record in batch:
                    if ("ce_type", ACKNOWLEDGED) in record.headers:
                        self.acknowledged.setdefault(UUID(record.key.decode()), now)
                self._news.set()

    def pause(self) -> None:
        """Read nothing for now: following intake's events would take cores from it, and not from the bare loop."""
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        self._consumer.resume(*self._consumer.assignment())

    @property
    def missing(self) -> set[UUID]:
        """Accepted and not acknowledged yet."""
        return self.accepted - self.acknowledged.keys()

    async def settle(self, timeout_s: float) -> float:
        """Wait until nothing is missing, at most so long without news; the seconds it took."""
        began = last = time.monotonic()
        before = len(self.missing)
        while self.missing and time.monotonic() - last < timeout_s:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), 1.0)
            except TimeoutError:
                continue
            if len(self.missing) < before:
                before, last = len(self.missing), time.monotonic()
        return time.monotonic() - began
