"""Opening a submission: decides for whom it will be sealed, and stores that decision. Nothing is promised yet."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.intake.door import Door, ended, not_found
from services.intake.dossier import read_completion
from services.intake.publishing import opened_event, publish_event
from services.intake.records import Opening, seal
from services.intake.views import candidates_of
from shared import form
from shared.contracts.canonical import canonical_json
from shared.contracts.manifest import Kind, Manifest
from shared.contracts.stored import Outcome, OutcomeKind
from shared.directory.decide import Decision, Refusal, RefusalCode, decide, decide_follow_up
from shared.directory.resolve import Why
from shared.errors import KafkaUnavailable, SenderError, StoreUnavailable
from shared.sealing.jwk import b64u
from shared.store import keys
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What the sender asks for. A follow-up has no place of its own: it goes where its original went."""

    service: str
    postcode: str | None = None
    municipality_key: str | None = None
    unresolved: bool = False
    send_anyway: bool = False
    kind: Kind = Kind.APPLICATION
    follows: UUID | None = None

    def digest(self) -> str:
        """Recognises a replay of the same request; stored sealed."""
        facts = [
            self.service,
            self.postcode,
            self.municipality_key,
            self.unresolved,
            self.send_anyway,
            self.kind.value,
            str(self.follows),
        ]
        return b64u(hashlib.sha256(canonical_json(facts)).digest())


@dataclass(frozen=True)
class Place:
    """Where a submission goes: the part of a decision that is kept."""

    postcode: str
    municipality_key: str | None
    decision: Decision


@dataclass(frozen=True)
class Opened:
    """`outcome` is set when a replay found a submission that ended meanwhile."""

    submission_id: UUID
    opening: Opening | None
    outcome: Outcome | None = None
    replayed: bool = False


async def open_submission(
    door: Door, client_id: str, request: Request, idempotency_key: str | None, traceparent: str, *, test_client: bool
) -> Opened:
    """Raises `SenderError` (404, 409, 422), `KafkaUnavailable`, `StoreUnavailable`; then nothing stays open.

    A replay answers as it did the first time, whatever has changed since: it is looked for whenever something stands
    in the way of opening anew. The ordinary opening costs one write, and one read more with an `Idempotency-Key`.
    """
    older: list[UUID] = []
    submission_id = uuid4()
    if idempotency_key is not None:
        *older, submission_id = door.ids.candidates(client_id, idempotency_key)
    for earlier_id in older:
        if (earlier := await _replay(door, earlier_id, request)) is not None:
            return earlier
    try:
        if not door.kafka.healthy:
            raise KafkaUnavailable("known to be down; nothing was stored")  # noqa: TRY301 - as any other obstacle
        place = await _place(door, client_id, request, test_client=test_client)
    except (SenderError, KafkaUnavailable):
        if idempotency_key is not None and (earlier := await _replay(door, submission_id, request)) is not None:
            return earlier
        raise
    opening = _opening(door, submission_id, client_id, request=request, place=place, traceparent=traceparent)
    key = keys.opening(submission_id)
    if not await door.store.put_new(key, seal(door.box, opening, key)):
        earlier = await _replay(door, submission_id, request)
        if earlier is None:
            raise StoreUnavailable("an opening exists and cannot be read")
        return earlier
    if idempotency_key is not None and await door.store.exists(keys.outcome(submission_id)):
        # It has ended, and its opening is gone: what was written just now must not linger.
        await door.store.delete(key)
        earlier = await _replay(door, submission_id, request)
        if earlier is None:
            raise StoreUnavailable("an outcome exists and cannot be read")
        return earlier
    await _announce(door, opening, erase=idempotency_key is None)
    return Opened(submission_id, opening)


async def _replay(door: Door, submission_id: UUID, request: Request) -> Opened | None:
    """The earlier opening under this id, if the request is the same. Raises the 409 problem if it is another."""
    opening, outcome = await door.opening(submission_id), await door.outcome(submission_id)
    if opening is None and outcome is None:
        return None
    known: str | None = None
    if opening is not None:
        known = opening.request
    elif outcome is not None and outcome.kind is OutcomeKind.ACCEPTED:
        known = read_completion(door.box, outcome).request
    if known is not None and known != request.digest():
        raise SenderError("idempotency-key-reused", "This Idempotency-Key opened a submission with other contents.")
    if opening is not None and outcome is None:
        await _announce(door, opening, erase=False)
    return Opened(submission_id, opening, outcome, replayed=True)


async def _announce(door: Door, opening: Opening, *, erase: bool) -> None:
    """Tell of an opening. If that fails the sender gets a refusal and no id: what nobody can complete is erased.

    Not so under an `Idempotency-Key` (`erase` False): another replay may have been answered with it already, and the
    next one announces it again.
    """
    event = opened_event(
        opening.submission_id, opening.client_id, opening.opened_at, opening.destination, opening.clearing_reason
    )
    try:
        await publish_event(door, event, opening.traceparent)
    except KafkaUnavailable:
        if erase:
            try:
                await door.store.delete(keys.opening(opening.submission_id))
            except StoreUnavailable:
                emit(log, logging.WARNING, "erase-later", submission=opening.submission_id)
        raise


async def _place(door: Door, client_id: str, request: Request, *, test_client: bool) -> Place:
    directory = door.view.directory
    if request.service not in form.services():
        raise SenderError("service-unknown", services=form.services())
    if request.follows is not None:
        original = await _original(door, client_id, request.follows)
        if original.service != request.service:
            raise SenderError(
                "invalid-request", "A follow-up has its original's service.", errors=[_error("service", "differs")]
            )
        decision = decide_follow_up(door.tables, directory, original)
        return Place(original.postcode, original.municipality_key, decision)
    if request.postcode is None:
        raise SenderError("invalid-request", "The postcode is missing.", errors=[_error("postcode", "missing")])
    decided = decide(
        door.tables,
        directory,
        request.postcode,
        request.municipality_key,
        unresolved=request.unresolved,
        send_anyway=request.send_anyway,
        test_client=test_client,
    )
    if isinstance(decided, Refusal):
        raise refusal(decided)
    return Place(request.postcode, request.municipality_key, decided)


async def _original(door: Door, client_id: str, submission_id: UUID) -> Manifest:
    """The original's claims. It may still be open: a follow-up may be sent, and arrive, first."""
    outcome = await door.outcome(submission_id)
    if outcome is not None:
        if outcome.client_id != client_id:
            raise not_found()
        if outcome.kind is not OutcomeKind.ACCEPTED:
            raise ended(outcome, client_id)
        return door.verified(outcome)
    opening = await door.opening(submission_id)
    if opening is None or opening.client_id != client_id:
        raise not_found()
    # Not a signed manifest, only its routing claims, as they will be signed.
    claims: dict[str, Any] = {name: value for name, value in dict(opening).items() if name in Manifest.model_fields}
    return Manifest.model_construct(**claims)


def _opening(
    door: Door, submission_id: UUID, client_id: str, *, request: Request, place: Place, traceparent: str
) -> Opening:
    now: datetime = door.clock()
    decision = place.decision
    return Opening(
        submission_id=submission_id,
        client_id=client_id,
        opened_at=now,
        expires_at=now + timedelta(seconds=door.settings.open_for_s),
        service=request.service,
        kind=request.kind,
        follows=request.follows,
        postcode=place.postcode,
        municipality_key=place.municipality_key,
        destination=decision.destination,
        jobcenter=decision.jobcenter,
        clearing_reason=decision.reason.value if decision.reason is not None else None,
        directory_version=decision.directory_version,
        request=request.digest(),
        traceparent=traceparent,
    )


def refusal(refused: Refusal) -> SenderError:
    """The problem that shows the sender the ways out: candidates with their Jobcenter or referral."""
    candidates = [candidate.model_dump(mode="json") for candidate in candidates_of(refused.resolution)]
    return SenderError(_refusal_code(refused), candidates=candidates)


def _refusal_code(refused: Refusal) -> str:
    match refused.code:
        case RefusalCode.AMBIGUOUS:
            return "municipality-needed"
        case RefusalCode.MUNICIPALITY_NEEDED:
            return "postcode-unknown"
        case RefusalCode.JOINT:
            return "joint-jobcenter"
        case RefusalCode.MUNICIPALITY_MISMATCH:
            unknown = refused.resolution.why is Why.MUNICIPALITY_UNKNOWN
            return "municipality-unknown" if unknown else "municipality-mismatch"


def _error(field: str, code: str) -> dict[str, str]:
    return {"field": field, "code": code}
