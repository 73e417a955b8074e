"""The ends of a delivery: settled, in clearing, in the dead letter. Always effect first, then event, then the offset.

Every method may be repeated after a crash at any point: objects are written once, messages bear the same key, events
bear the same id.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from pydantic import ValidationError

from services.delivery.tiers import with_attempts
from shared.contracts import topics
from shared.contracts.events import Step, SubmissionEvent
from shared.contracts.manifest import Manifest
from shared.contracts.messages import Attempts, NeedsHuman
from shared.contracts.reasons import Reason
from shared.contracts.stored import ClearingMark, HandedOver, Settled, Settlement
from shared.errors import StoreUnavailable
from shared.kafka.cloudevents import CloudMessage, Headers
from shared.kafka.events import event_message, needs_human_message
from shared.store import keys
from shared.store.port import Store
from shared.telemetry.logs import emit
from shared.web.trace import Trace

log = logging.getLogger(__name__)

MAX_ORIGINAL_BYTES = 600_000
"""Base64 makes a third more of it, and a message has one megabyte. A larger original stays where its position says:
the topics of lanes keep everything that is not settled."""

_STEPS = {
    Settlement.ACKNOWLEDGED: Step.ACKNOWLEDGED,
    Settlement.REJECTED: Step.REJECTED,
    Settlement.WITHDRAWN: Step.WITHDRAWN,
}


class Publisher(Protocol):
    """Sends one message and returns after the broker's answer; raises `KafkaUnavailable`."""

    async def send(self, topic: str, key: UUID | str, message: CloudMessage) -> None: ...

    async def send_raw(self, topic: str, key: bytes, value: bytes | None, headers: Headers | None = None) -> None: ...


@dataclass(frozen=True)
class Record:
    """One record of a lane's topic."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Headers
    at: datetime | None = None
    """When it was written, by its writer's clock."""

    @property
    def position(self) -> str:
        """Names the record for good: the key of what cannot name itself."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Case:
    """A verified message on its way."""

    record: Record
    manifest: Manifest
    token: str
    delivery_id: UUID
    traceparent: str


def _key(record: Record) -> bytes:
    """A delivery's key on every topic: its submission."""
    return next((value for name, value in record.headers if name == "ce_subject"), b"")


class Settler:
    """Writes the ends. May raise `StoreUnavailable` and `KafkaUnavailable`; then everything is to be repeated."""

    def __init__(self, store: Store, publisher: Publisher, *, clock: Callable[[], datetime], source: str) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._source = source

    async def event(self, case: Case, step: Step, *, attempt: int = 0, reason: str | None = None) -> None:
        """Publishes one event of the case and waits for the broker's answer."""
        manifest = case.manifest
        event = SubmissionEvent(
            submission_id=manifest.submission_id,
            generation=manifest.generation,
            step=step,
            attempt=attempt,
            at=self._clock(),
            received_at=manifest.received_at,
            client_id=manifest.client_id,
            destination=manifest.destination,
            delivery_id=case.delivery_id,
            reason=reason,
            documents=len(manifest.parts) - 2,
            bytes=sum(part.size for part in manifest.parts),
        )
        message = event_message(event, source=self._source, traceparent=case.traceparent)
        await self._publisher.send(topics.EVENTS, manifest.submission_id, message)

    async def settle(self, case: Case, settled: Settled, reason: str | None) -> Settled:
        """Writes `settled` and its event. Answers what is stored: the first writer's, whoever that was."""
        key = keys.settled(case.manifest.submission_id, case.manifest.generation)
        if await self._store.put_new(key, settled.to_bytes()):
            await self.event(case, _STEPS[settled.settlement], reason=reason)
            return settled
        stored = await self.settled(case)
        if stored is None:
            raise StoreUnavailable("settled was refused as taken, yet is absent")
        await self.announce(case, stored)
        if stored.settlement is not settled.settlement:
            await self.alarm(case, Reason.ANSWER_CONTRADICTS)
        return stored

    async def settled(self, case: Case) -> Settled | None:
        """What was settled before, if anything."""
        body = await self._store.get(keys.settled(case.manifest.submission_id, case.manifest.generation))
        try:
            return None if body is None else Settled.model_validate_json(body)
        except ValidationError:
            # Only we write this object. Taking it for absent would push again; so a human has to look.
            raise StoreUnavailable("settled is unreadable") from None

    async def announce(self, case: Case, settled: Settled) -> None:
        """The event of what was settled before: a crash may have come between the object and its event."""
        step = _STEPS.get(settled.settlement)
        if step is not None:
            codes = [problem.code for problem in settled.problems]
            await self.event(case, step, reason=codes[0] if codes else None)

    async def clearing(self, case: Case, reason: str, *, answer: str | None, attempts: Attempts) -> None:
        """A human decides where this goes."""
        manifest = case.manifest
        mark = ClearingMark(reason=reason, at=self._clock(), answer=answer)
        await self._store.put_new(keys.clearing(manifest.submission_id, manifest.generation), mark.to_bytes())
        await self._hand_over(topics.CLEARING, case, reason, attempts)
        await self.event(case, Step.CLEARING, reason=reason)

    async def clearing_mark(self, case: Case) -> ClearingMark | None:
        """The mark of an earlier attempt that came this far, if any."""
        body = await self._store.get(keys.clearing(case.manifest.submission_id, case.manifest.generation))
        try:
            return None if body is None else ClearingMark.model_validate_json(body)
        except ValidationError:
            raise StoreUnavailable("the clearing mark is unreadable") from None

    async def alarm(self, case: Case, reason: Reason, *, attempt: int = 0) -> None:
        """Something that a human should see; changes nothing."""
        emit(log, logging.ERROR, "alarm", submission=case.manifest.submission_id, reason=reason.value)
        await self.event(case, Step.ALARM, attempt=attempt, reason=reason)

    async def retry(self, case: Case, tier: str, due: datetime, attempts: Attempts) -> None:
        """To a retry topic: the same message, its trace included, with what was tried."""
        hopped = attempts.model_copy(update={"hops": attempts.hops + 1})
        await self._send_again(topics.retry(tier), case, with_attempts(case.record.headers, hopped, due))
        await self.event(case, Step.RETRY, attempt=attempts.count, reason=attempts.last_reason)

    async def handed_over(self, case: Case, at: datetime, due: datetime, attempts: Attempts) -> None:
        """The Jobcenter has everything since a push that began `at`, and answers later. `due`: when to ask again."""
        manifest = case.manifest
        mark = HandedOver(
            at=at,
            delivery_id=case.delivery_id,
            destination=manifest.destination,
            manifest=case.token,
            traceparent=case.traceparent,
        )
        await self._store.put_new(keys.handed_over(manifest.submission_id, manifest.generation), mark.to_bytes())
        await self._send_again(topics.AWAITING, case, with_attempts(case.record.headers, attempts, due))
        await self.event(case, Step.HANDED_OVER, attempt=attempts.asked)

    async def handed_over_mark(self, submission_id: UUID, generation: int) -> HandedOver | None:
        """What a late answer is verified against, if this generation was ever handed over so."""
        body = await self._store.get(keys.handed_over(submission_id, generation))
        try:
            return None if body is None else HandedOver.model_validate_json(body)
        except ValidationError:
            raise StoreUnavailable("the hand-over's mark is unreadable") from None

    async def put_back(self, record: Record, destination: str, headers: Headers) -> None:
        """To the tail of a lane: the same message, with other headers."""
        await self._publisher.send_raw(topics.lane(destination), _key(record), record.value, headers)

    async def is_over(self, submission_id: UUID, generation: int) -> bool:
        """Whether nobody waits for the Jobcenter any more: settled, or with a human."""
        return await self._store.exists(keys.settled(submission_id, generation)) or await self._store.exists(
            keys.clearing(submission_id, generation)
        )

    async def _send_again(self, topic: str, case: Case, headers: Headers) -> None:
        key = str(case.manifest.submission_id).encode("ascii")
        await self._publisher.send_raw(topic, key, case.record.value, headers)

    async def dead_letter(self, case: Case, reason: str, *, attempts: Attempts) -> None:
        """A verified message that cannot go on."""
        await self._hand_over(topics.DEAD_LETTER, case, reason, attempts)
        await self.event(case, Step.DEAD_LETTER, reason=reason)

    async def unreadable(self, record: Record, reason: str) -> None:
        """A message that proves nothing about itself: kept whole. Its key is its position, not the id it claims, so
        that it can neither replace another's entry in the compacted topic nor be replaced."""
        value = record.value
        fits = value is not None and len(value) <= MAX_ORIGINAL_BYTES
        human = NeedsHuman(
            submission_id=None,
            reason=reason,
            at=self._clock(),
            source_topic=record.topic,
            source_partition=record.partition,
            source_offset=record.offset,
            original=base64.b64encode(value).decode("ascii") if value is not None and fits else None,
        )
        message = needs_human_message(human, source=self._source, traceparent=str(Trace.new()))
        await self._publisher.send(topics.DEAD_LETTER, record.position, message)

    async def _hand_over(self, topic: str, case: Case, reason: str, attempts: Attempts) -> None:
        human = NeedsHuman(
            submission_id=case.manifest.submission_id,
            generation=case.manifest.generation,
            reason=reason,
            at=self._clock(),
            manifest=case.token if len(case.token) <= MAX_ORIGINAL_BYTES else None,
            destination=case.manifest.destination,
            attempts=attempts,
            source_topic=case.record.topic,
            source_partition=case.record.partition,
            source_offset=case.record.offset,
        )
        message = needs_human_message(human, source=self._source, traceparent=case.traceparent)
        await self._publisher.send(topic, case.manifest.submission_id, message)
