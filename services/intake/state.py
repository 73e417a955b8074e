"""Reads what a submission's sender may see of it, with as few reads as possible; `status` decides what it means."""

from __future__ import annotations

import asyncio
from typing import TypeVar
from uuid import UUID

from services.intake.door import Door, not_found
from services.intake.dossier import read_completion
from services.intake.receipts import Receipt, receipt_of
from services.intake.records import DocumentState, Opening
from services.intake.status import Marks, State, marks, state_of
from services.intake.sweeper import expire
from services.intake.views import StatusView, document_view
from shared.contracts.base import Contract
from shared.contracts.stored import Claim, ClearingMark, Outcome, OutcomeKind, Settled
from shared.errors import SenderError
from shared.store import keys

M = TypeVar("M", bound=Contract)


async def status(door: Door, client_id: str, submission_id: UUID) -> StatusView:
    """Raises 404 for another's or an unknown one. An expired one is shown, and ended if nobody did yet."""
    outcome, opening = await asyncio.gather(door.outcome(submission_id), door.opening(submission_id))
    if outcome is None and opening is None:
        # Between the two reads it may have been completed and erased.
        outcome = await door.outcome(submission_id)
    if outcome is None:
        if opening is None or opening.client_id != client_id:
            raise not_found()
        if not opening.expired(door.clock()):
            return await _opened(door, opening)
        outcome, _ = await expire(door, opening)
    if outcome.client_id != client_id:
        raise not_found()
    if outcome.kind is not OutcomeKind.ACCEPTED:
        return StatusView(submission_id=submission_id, status=state_of(outcome, None), ended_at=outcome.at)
    return await _accepted(door, outcome, published=opening is None)


async def receipt(door: Door, client_id: str, submission_id: UUID) -> Receipt | None:
    """The stored receipt; None while it follows. Raises 404 unless it is the client's own and was accepted."""
    outcome, opening = await asyncio.gather(door.outcome(submission_id), door.store.exists(keys.opening(submission_id)))
    if outcome is None:
        found = await door.opening(submission_id)
        if found is None or found.client_id != client_id:
            raise not_found()
        raise SenderError("receipt-pending", "It has not been completed yet.")
    if outcome.client_id != client_id:
        raise not_found()
    if outcome.kind is OutcomeKind.EXPIRED:
        raise SenderError("submission-expired")
    if outcome.kind is OutcomeKind.WITHDRAWN:
        raise SenderError("submission-withdrawn")
    if opening:
        return None
    return receipt_of(outcome, door.verified(outcome), read_completion(door.box, outcome))


async def _opened(door: Door, opening: Opening) -> StatusView:
    documents = await door.documents(opening.submission_id)
    return StatusView(
        submission_id=opening.submission_id,
        status=State.OPENED,
        expires_at=opening.expires_at,
        jobcenter=opening.jobcenter,
        documents=tuple(
            document_view(document) for document in documents if document.state is not DocumentState.DELETED
        ),
    )


async def _accepted(door: Door, outcome: Outcome, *, published: bool) -> StatusView:
    submission_id = outcome.submission_id
    manifest = door.verified(outcome)
    found: Marks = marks(submission_id, await door.store.list(keys.submission_prefix(submission_id)))
    generation = found.generation
    settled = await _read(door, Settled, keys.settled(submission_id, generation)) if found.settled else None
    claim = clearing = None
    if settled is None:
        claim = await _read(door, Claim, keys.claim(submission_id, generation)) if found.claim else None
        clearing = await _read(door, ClearingMark, keys.clearing(submission_id, generation)) if found.clearing else None
    return StatusView(
        submission_id=submission_id,
        status=state_of(outcome, manifest, claim=claim, clearing=clearing, settled=settled),
        received_at=manifest.received_at,
        ended_at=settled.at if settled is not None else None,
        jobcenter=manifest.jobcenter,
        receipt_ready=published,
        reasons=tuple(problem.code for problem in settled.problems) if settled is not None else (),
    )


async def _read(door: Door, model: type[M], key: str) -> M | None:
    body = await door.store.get(key)
    return None if body is None else model.model_validate_json(body)
