"""After an outcome exists: tell Kafka, then erase what it does not name. Every step may be repeated by any replica.

    outcome  →  messages acknowledged  →  parts not named erased  →  descriptors erased  →  opening erased

`open/<id>` goes last, so as long as anything is left to do the sweeper finds it. Messages bear computed ids and the
outcome's own time: a repetition is the same message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.intake.door import SOURCE, Door
from shared.contracts import topics
from shared.contracts.events import Step, SubmissionEvent
from shared.contracts.manifest import Manifest
from shared.contracts.messages import Received
from shared.contracts.stored import Outcome, OutcomeKind
from shared.kafka.cloudevents import CloudMessage
from shared.kafka.events import event_message, received_message
from shared.store import keys


async def publish(door: Door, outcome: Outcome, manifest: Manifest | None) -> None:
    """Everything that the world must hear of an outcome, acknowledged; `manifest` when it was accepted.

    Raises `KafkaUnavailable`; some of it may have been written all the same.
    """
    messages = [(topics.EVENTS, _event(event, outcome.traceparent)) for event in outcome_events(outcome, manifest)]
    if manifest is not None and outcome.manifest is not None:
        messages.insert(0, (topics.RECEIVED, _received(outcome, outcome.manifest)))
    await asyncio.gather(*(door.kafka.send(topic, outcome.submission_id, message) for topic, message in messages))


async def publish_event(door: Door, event: SubmissionEvent, traceparent: str) -> None:
    """One event, acknowledged."""
    await door.kafka.send(topics.EVENTS, event.submission_id, _event(event, traceparent))


def outcome_events(outcome: Outcome, manifest: Manifest | None) -> list[SubmissionEvent]:
    """The events of an outcome. Pure: repetitions are equal."""

    def event(step: Step, **more: object) -> SubmissionEvent:
        base = {"submission_id": outcome.submission_id, "step": step, "at": outcome.at, "client_id": outcome.client_id}
        return SubmissionEvent.model_validate(base | more)

    if outcome.kind is OutcomeKind.WITHDRAWN:
        return [event(Step.WITHDRAWN, reason="withdrawn-by-sender")]
    if outcome.kind is OutcomeKind.EXPIRED:
        return [event(Step.EXPIRED, reason="expired")]
    assert manifest is not None, "an accepted outcome has a manifest"
    facts = {
        "received_at": manifest.received_at,
        "destination": manifest.destination,
        "documents": len(manifest.parts) - 2,
        "bytes": sum(part.size for part in manifest.parts),
    }
    events = [event(Step.ACCEPTED, **facts)]
    if manifest.clearing_reason is not None:
        events.append(event(Step.CLEARING, reason=manifest.clearing_reason, **facts))
    return events


def opened_event(
    submission_id: UUID, client_id: str, at: datetime, destination: str, reason: str | None
) -> SubmissionEvent:
    return SubmissionEvent(
        submission_id=submission_id,
        step=Step.OPENED,
        at=at,
        client_id=client_id,
        destination=destination,
        reason=reason,
    )


async def erase_open(door: Door, submission_id: UUID, documents: Iterable[UUID], named: Iterable[UUID]) -> None:
    """Erase what intake kept while the submission was open. Only after its outcome was published.

    `documents`: all that may have left a part; `named`: parts of the outcome's manifest, which are never touched.
    """
    documents = set(documents)
    orphans = documents - set(named)
    await asyncio.gather(*(door.store.delete(keys.part(submission_id, orphan)) for orphan in orphans))
    await asyncio.gather(*(door.store.delete(keys.document(submission_id, document)) for document in documents))
    await door.store.delete(keys.opening(submission_id))


def _event(event: SubmissionEvent, traceparent: str) -> CloudMessage:
    return event_message(event, source=SOURCE, traceparent=traceparent)


def _received(outcome: Outcome, manifest: str) -> CloudMessage:
    body = Received(submission_id=outcome.submission_id, manifest=manifest)
    return received_message(body, generation=0, source=SOURCE, traceparent=outcome.traceparent, at=outcome.at)
