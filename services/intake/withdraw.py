"""Taking a submission back: until it is completed, and after that until delivery begins.

no outcome        outcome=withdrawn (first wins), event, everything erased
accepted          claim by the sender (first wins, against delivery's first push), event
claimed by delivery, or settled        409: send a follow-up of kind `withdrawal`
"""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from services.intake.door import Door, gone, not_found
from services.intake.publishing import publish, publish_event
from services.intake.status import Marks, marks
from services.intake.sweeper import erase_all
from shared.contracts.events import Step, SubmissionEvent
from shared.contracts.reasons import Reason
from shared.contracts.stored import Claim, Claimant, Outcome, OutcomeKind
from shared.errors import SenderError, StoreUnavailable
from shared.store import keys
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)


async def withdraw(door: Door, client_id: str, submission_id: UUID, traceparent: str) -> None:
    """Idempotent. Raises 404, 409 (handed over), 410; `KafkaUnavailable` when the event is missing: ask again."""
    outcome = await door.outcome(submission_id)
    if outcome is None:
        outcome = await _end(door, client_id, submission_id, traceparent)
    if outcome.client_id != client_id:
        raise not_found()
    if outcome.kind is OutcomeKind.EXPIRED:
        raise gone()
    if outcome.kind is OutcomeKind.ACCEPTED:
        await _claim(door, outcome)
        return
    await publish(door, outcome, None)
    try:
        await erase_all(door, submission_id)
    except StoreUnavailable:
        emit(log, logging.WARNING, "erase-later", submission=submission_id)


async def _end(door: Door, client_id: str, submission_id: UUID, traceparent: str) -> Outcome:
    """Write the outcome, or read the one that was first."""
    opening = await door.opening(submission_id)
    if opening is None or opening.client_id != client_id:
        outcome = await door.outcome(submission_id)
        if outcome is None:
            raise not_found()
        return outcome
    now: datetime = door.clock()
    outcome = Outcome(
        kind=OutcomeKind.EXPIRED if opening.expired(now) else OutcomeKind.WITHDRAWN,
        submission_id=submission_id,
        client_id=client_id,
        at=now,
        traceparent=traceparent,
    )
    if await door.store.put_new(keys.outcome(submission_id), outcome.to_bytes()):
        return outcome
    first = await door.outcome(submission_id)
    if first is None:
        raise StoreUnavailable("an outcome exists and cannot be read")
    return first


async def _claim(door: Door, outcome: Outcome) -> None:
    submission_id = outcome.submission_id
    found: Marks = marks(submission_id, await door.store.list(keys.submission_prefix(submission_id)))
    key = keys.claim(submission_id, found.generation)
    claim = Claim(by=Claimant.SENDER, at=door.clock())
    if not await door.store.put_new(key, claim.to_bytes()):
        body = await door.store.get(key)
        if body is None:
            raise StoreUnavailable("a claim exists and cannot be read")
        claim = Claim.model_validate_json(body)
    if claim.by is not Claimant.SENDER:
        raise SenderError(
            "withdrawal-too-late", "It is with the Jobcenter already: send a follow-up of kind `withdrawal` instead."
        )
    manifest = door.verified(outcome)
    event = SubmissionEvent(
        submission_id=submission_id,
        generation=found.generation,
        step=Step.WITHDRAWN,
        at=claim.at,
        received_at=manifest.received_at,
        client_id=outcome.client_id,
        destination=manifest.destination,
        reason=Reason.WITHDRAWN_BY_SENDER.value,
    )
    await publish_event(door, event, outcome.traceparent)
