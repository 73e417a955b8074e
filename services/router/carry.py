"""Carries a decision out: effect first, then event. Everything may be repeated after a crash at any point.

Every method may raise `KafkaUnavailable` or `StoreUnavailable`; then the whole message is to be repeated.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.router.route import Clearing, DeadLetter, Decision, Lane, route
from shared.contracts import ids, topics
from shared.contracts.base import Slug
from shared.contracts.events import Step, SubmissionEvent
from shared.contracts.messages import Delivery, NeedsHuman
from shared.contracts.stored import ClearingMark
from shared.directory.snapshot import Directory
from shared.directory.tables import Tables
from shared.errors import DirectoryUnavailable
from shared.kafka.cloudevents import AnyHeaders, CloudMessage
from shared.kafka.events import delivery_message, event_message, needs_human_message
from shared.store import keys
from shared.store.port import Store
from shared.web.trace import Trace

MAX_ORIGINAL_BYTES = 600_000
"""Base64 makes a third more of it, and a message has one megabyte. A larger original stays where its position says:
`submissions.received` keeps everything that is not settled."""


class Publisher(Protocol):
    """Sends one message and returns after the broker's answer; raises `KafkaUnavailable`."""

    async def send(self, topic: str, key: UUID | str, message: CloudMessage) -> None: ...


@dataclass(frozen=True)
class Origin:
    """Where a message stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Carrier:
    """Decides and carries out."""

    def __init__(
        self,
        *,
        directory: Callable[[], Directory],
        tables: Tables,
        store: Store,
        publisher: Publisher,
        ensure_lane: Callable[[str], Awaitable[None]],
        clock: Callable[[], datetime],
        source: str,
    ) -> None:
        """`ensure_lane` returns when the destination's topic exists, and raises `KafkaUnavailable` when it does not:
        a send to a topic that does not exist would make the shared producer fail for everyone."""
        self._directory = directory
        self._tables = tables
        self._store = store
        self._publisher = publisher
        self._ensure_lane = ensure_lane
        self._clock = clock
        self._source = source

    def decide(self, value: bytes | None, headers: AnyHeaders) -> Decision:
        directory = self._directory()
        if directory.platform is None:
            raise DirectoryUnavailable("no platform key set yet")
        return route(value, headers, directory.platform, directory, self._tables)

    async def carry_out(self, decision: Decision, origin: Origin, value: bytes | None) -> None:
        match decision:
            case Lane():
                await self._to_lane(decision)
            case Clearing():
                await self._to_clearing(decision, origin)
            case DeadLetter():
                await self._to_dead_letter(decision, origin, value)

    async def _to_lane(self, decision: Lane) -> None:
        manifest = decision.manifest
        delivery = Delivery(
            submission_id=manifest.submission_id,
            generation=manifest.generation,
            destination=manifest.destination,
            delivery_id=ids.delivery_id(manifest.submission_id, manifest.destination, manifest.generation),
            manifest=decision.token,
            routed_at=self._clock(),
        )
        await self._ensure_lane(manifest.destination)
        message = delivery_message(delivery, source=self._source, traceparent=decision.traceparent)
        await self._publisher.send(topics.lane(manifest.destination), manifest.submission_id, message)
        await self._event(decision, Step.ROUTED, delivery_id=delivery.delivery_id)

    async def _to_clearing(self, decision: Clearing, origin: Origin) -> None:
        manifest = decision.manifest
        mark = ClearingMark(reason=decision.reason, at=self._clock())
        await self._store.put_new(keys.clearing(manifest.submission_id, manifest.generation), mark.to_bytes())
        human = NeedsHuman(
            submission_id=manifest.submission_id,
            generation=manifest.generation,
            reason=decision.reason,
            at=self._clock(),
            manifest=decision.token if len(decision.token) <= MAX_ORIGINAL_BYTES else None,
            destination=manifest.destination,
            candidates=decision.candidates,
            source_topic=origin.topic,
            source_partition=origin.partition,
            source_offset=origin.offset,
        )
        message = needs_human_message(human, source=self._source, traceparent=decision.traceparent)
        await self._publisher.send(topics.CLEARING, manifest.submission_id, message)
        await self._event(decision, Step.CLEARING, reason=decision.reason)

    async def _to_dead_letter(self, decision: DeadLetter, origin: Origin, value: bytes | None) -> None:
        """Kept whole, under its position: not under the id it claims, so that it can neither replace another's entry
        in the compacted topic nor be replaced."""
        fits = value is not None and len(value) <= MAX_ORIGINAL_BYTES
        human = NeedsHuman(
            submission_id=None,
            reason=decision.reason,
            at=self._clock(),
            source_topic=origin.topic,
            source_partition=origin.partition,
            source_offset=origin.offset,
            original=base64.b64encode(value).decode("ascii") if value is not None and fits else None,
        )
        message = needs_human_message(human, source=self._source, traceparent=str(Trace.new()))
        await self._publisher.send(topics.DEAD_LETTER, str(origin), message)

    async def _event(
        self, decision: Lane | Clearing, step: Step, *, reason: str | None = None, delivery_id: UUID | None = None
    ) -> None:
        manifest = decision.manifest
        destination: Slug | None = manifest.destination if isinstance(decision, Lane) else None
        event = SubmissionEvent(
            submission_id=manifest.submission_id,
            generation=manifest.generation,
            step=step,
            at=self._clock(),
            received_at=manifest.received_at,
            client_id=manifest.client_id,
            destination=destination,
            delivery_id=delivery_id,
            reason=reason,
            documents=len(manifest.parts) - 2,
            bytes=sum(part.size for part in manifest.parts),
        )
        message = event_message(event, source=self._source, traceparent=decision.traceparent)
        await self._publisher.send(topics.EVENTS, manifest.submission_id, message)
