"""Carries decisions out: effect first, then event. Everything may be repeated after a crash at any point.

Every method may raise `KafkaUnavailable` or `StoreUnavailable`; then whatever it was given is to be repeated whole.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence, Set
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Protocol
from uuid import UUID

from services.router.route import Clearing, DeadLetter, Decision, Lane, Signed, place, read_signed, route
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
from shared.kafka.producer import Outgoing
from shared.store import keys
from shared.store.port import Store
from shared.trust.platform import PlatformKeys
from shared.web.trace import Trace

MAX_ORIGINAL_BYTES = 600_000
"""Base64 makes a third more of it, and a message has one megabyte. A larger original stays where its position says:
`submissions.received` keeps everything that is not settled."""


SIGNATURE_THREADS = 2
"""Verifying leaves the interpreter to others; what surrounds it does not, so that more threads would only wait."""


class Publisher(Protocol):
    """Sends and returns after the broker's answer (`shared.kafka.producer`)."""

    async def send(self, topic: str, key: UUID | str, message: CloudMessage) -> None:
        """Raises `KafkaUnavailable`."""
        ...

    async def send_many(self, messages: Sequence[Outgoing]) -> Sequence[Exception | None]:
        """Answers for each message what `send` would have raised."""
        ...


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
        ensure_lanes: Callable[[Set[str]], Awaitable[None]],
        executor: Executor,
        clock: Callable[[], datetime],
        source: str,
    ) -> None:
        """`ensure_lanes` returns when the destinations' topics exist, and raises `KafkaUnavailable` when they do not:
        a send to a topic that does not exist would make the shared producer fail for everyone."""
        self._directory = directory
        self._tables = tables
        self._store = store
        self._publisher = publisher
        self._ensure_lanes = ensure_lanes
        self._executor = executor
        self._clock = clock
        self._source = source

    def decide(self, value: bytes | None, headers: AnyHeaders) -> Decision:
        return route(value, headers, self._platform(), self._directory(), self._tables)

    async def decide_many(self, messages: Sequence[tuple[bytes | None, AnyHeaders]]) -> list[Decision]:
        """The same decisions. Signatures are verified by the executor's threads, which need not take turns for that;
        what stands in the directory is looked up here, where the directory changes."""
        platform, loop = self._platform(), asyncio.get_running_loop()
        size = -(-len(messages) // SIGNATURE_THREADS)
        chunks = [messages[start : start + size] for start in range(0, len(messages), size)]
        read = await asyncio.gather(*(loop.run_in_executor(self._executor, _read, each, platform) for each in chunks))
        directory = self._directory()
        return [
            signed if isinstance(signed, DeadLetter) else place(signed, directory, self._tables)
            for signed in chain.from_iterable(read)
        ]

    def _platform(self) -> PlatformKeys:
        platform = self._directory().platform
        if platform is None:
            raise DirectoryUnavailable("no platform key set yet")
        return platform

    async def carry_out(self, decision: Decision, origin: Origin, value: bytes | None) -> None:
        match decision:
            case Lane():
                [error] = await self.to_lanes([decision])
                if error is not None:
                    raise error
            case Clearing():
                await self._to_clearing(decision, origin)
            case DeadLetter():
                await self._to_dead_letter(decision, origin, value)

    async def to_lanes(self, decisions: Sequence[Lane]) -> list[Exception | None]:
        """Many at once: all messages to their lanes, then the events of those that the broker has acknowledged.

        Answers for each decision, in order, what went wrong with its message or its event.
        """
        await self._ensure_lanes({decision.manifest.destination for decision in decisions})
        deliveries = [self._delivery(decision) for decision in decisions]
        errors = list(await self._publisher.send_many([outgoing for outgoing, _ in deliveries]))
        routed = [number for number, error in enumerate(errors) if error is None]
        events = [self._event(decisions[number], Step.ROUTED, delivery_id=deliveries[number][1]) for number in routed]
        for number, error in zip(routed, await self._publisher.send_many(events), strict=True):
            errors[number] = error
        return errors

    def _delivery(self, decision: Lane) -> tuple[Outgoing, UUID]:
        """The message for the lane, and its delivery's id."""
        manifest = decision.manifest
        delivery = Delivery(
            submission_id=manifest.submission_id,
            generation=manifest.generation,
            destination=manifest.destination,
            delivery_id=ids.delivery_id(manifest.submission_id, manifest.destination, manifest.generation),
            manifest=decision.token,
            routed_at=self._clock(),
        )
        message = delivery_message(delivery, source=self._source, traceparent=decision.traceparent)
        return Outgoing(topics.lane(manifest.destination), manifest.submission_id, message), delivery.delivery_id

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
        await self._publisher.send(*self._event(decision, Step.CLEARING, reason=decision.reason))

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

    def _event(
        self, decision: Lane | Clearing, step: Step, *, reason: str | None = None, delivery_id: UUID | None = None
    ) -> Outgoing:
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
        return Outgoing(topics.EVENTS, manifest.submission_id, message)


def _read(messages: Sequence[tuple[bytes | None, AnyHeaders]], platform: PlatformKeys) -> list[Signed | DeadLetter]:
    return [read_signed(value, headers, platform) for value, headers in messages]
