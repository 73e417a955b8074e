"""Completing a submission: the one commit point.

    opening and descriptors  →  checks  →  outcome (If-None-Match: *)  →  Kafka  →  `open/<id>` erased  →  201

Nothing is promised before the outcome, nothing can be taken back after it. Whoever does not win the outcome answers
from the winner's. A crash or a Kafka failure after the outcome is completed by any replica's sweeper.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.intake.application import check_application
from services.intake.door import Door, ended, gone, not_found
from services.intake.dossier import Dossier, Order, Seals, assemble, choose, is_repeat, read_completion
from services.intake.publishing import erase_open, publish
from services.intake.receipts import Receipt, receipt_of
from services.intake.records import Document, Opening
from services.intake.sealing import check_still_openable
from shared.contracts.stored import Outcome, OutcomeKind
from shared.errors import KafkaUnavailable, SenderError, StoreUnavailable
from shared.store import keys
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Completed:
    """`receipt` is None while Kafka has not acknowledged: stored, the receipt follows."""

    first: bool
    receipt: Receipt | None

    @property
    def status(self) -> int:
        if self.receipt is None:
            return 202
        return 201 if self.first else 200


async def complete(door: Door, client_id: str, submission_id: UUID, order: Order, traceparent: str) -> Completed:
    """See the module. Raises `SenderError`; `KafkaUnavailable` and `StoreUnavailable` when nothing was stored."""
    opening = await door.opening(submission_id)
    if opening is None or opening.client_id != client_id:
        outcome = await door.outcome(submission_id)
        if outcome is None:
            raise not_found()
        return await _repeat(door, client_id, outcome, order, still_open=opening is not None)
    stored = await door.documents(submission_id)
    try:
        dossier = _prepare(door, opening, stored, order, traceparent)
    except (SenderError, KafkaUnavailable):
        # It may have been completed before: then its descriptors are gone, and Kafka is not needed to say so.
        outcome = await door.outcome(submission_id)
        if outcome is None:
            raise
        return await _repeat(door, client_id, outcome, order, still_open=True)
    if not await door.store.put_new(keys.outcome(submission_id), dossier.outcome.to_bytes()):
        outcome = await door.outcome(submission_id)
        if outcome is None:
            raise StoreUnavailable("an outcome exists and cannot be read")
        return await _repeat(door, client_id, outcome, order, still_open=True)
    receipt = receipt_of(dossier.outcome, dossier.manifest, dossier.completion)
    published = await _publish_and_erase(door, dossier, {document.id for document in stored})
    return Completed(first=True, receipt=receipt if published else None)


def _prepare(door: Door, opening: Opening, stored: Sequence[Document], order: Order, traceparent: str) -> Dossier:
    """All checks, then the outcome, ready to be stored."""
    now = door.clock()
    if opening.expired(now):
        raise gone()
    schema_uri = check_application(opening, order)
    documents = choose(order, stored, now)
    directory, platform = door.view.directory, door.platform
    check_still_openable(opening, documents, directory, platform)
    if not door.kafka.healthy:
        raise KafkaUnavailable("known to be down; nothing was stored")
    seals = Seals(
        recipient=door.recipients.of(opening, directory, platform),
        transit=door.recipients.transit(platform),
        receipt_key=door.receipt_key,
        receipt_kid=door.receipt_kid,
        box=door.box,
    )
    return assemble(seals, opening, order, documents, schema_uri=schema_uri, now=now, traceparent=traceparent)


async def _repeat(door: Door, client_id: str, outcome: Outcome, order: Order, *, still_open: bool) -> Completed:
    """Answer from an outcome that exists: the stored receipt for equal content, 409 otherwise."""
    if outcome.client_id != client_id or outcome.kind is not OutcomeKind.ACCEPTED:
        raise ended(outcome, client_id)
    manifest, completion = door.verified(outcome), read_completion(door.box, outcome)
    if not is_repeat(order, manifest, completion):
        raise SenderError("content-differs", "It was completed with another content. Open a follow-up to add to it.")
    if still_open:
        # The first completion may have stopped anywhere after the outcome; finishing it twice does no harm.
        left = {document.id for document in await door.documents(outcome.submission_id)}
        if not await _publish_and_erase(door, Dossier(outcome, manifest, completion), left):
            return Completed(first=False, receipt=None)
    return Completed(first=False, receipt=receipt_of(outcome, manifest, completion))


async def _publish_and_erase(door: Door, dossier: Dossier, documents: set[UUID]) -> bool:
    """False when Kafka did not acknowledge: the sweeper completes it."""
    submission_id = dossier.outcome.submission_id
    try:
        await publish(door, dossier.outcome, dossier.manifest)
    except KafkaUnavailable:
        emit(log, logging.WARNING, "publish-later", submission=submission_id)
        return False
    try:
        await erase_open(door, submission_id, documents, {part.id for part in dossier.manifest.parts})
    except StoreUnavailable:
        emit(log, logging.WARNING, "erase-later", submission=submission_id)
    return True
