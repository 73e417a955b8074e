"""Finishes what no request finishes any more. Runs in every replica; needs nothing but the store and Kafka.

`open/<id>` is the work list. For each submission in it:

    outcome accepted, older than the grace    publish, then erase what it does not name
    outcome withdrawn or expired, likewise    publish the event, then erase everything
    no outcome, past its expiry               write outcome=expired (first wins), then as above
    neither outcome nor opening               left alone: nothing is erased without an outcome

Restartable at every point: `open/<id>/opening` goes last, and every step may be repeated by another replica at the same
time. The grace keeps sweepers away from requests that are still at work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.intake.door import Door
from services.intake.publishing import erase_open, publish
from services.intake.records import Opening
from shared.contracts.stored import Outcome, OutcomeKind
from shared.errors import AntragsweicheError, KafkaUnavailable, StoreUnavailable
from shared.store import keys
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)
AT_ONCE = 8


@dataclass
class Sweep:
    """Counts of one round."""

    seen: int = 0
    published: int = 0
    expired: int = 0
    failed: int = 0


@dataclass
class Sweeper:
    """`grace_s`: how old an outcome must be before somebody else than its request finishes it."""

    door: Door
    grace_s: float
    _expiries: dict[UUID, datetime] = field(default_factory=dict)
    """Openings never change, so their expiry need be read only once."""

    async def sweep(self) -> Sweep:
        """One round over `open/`. Raises `StoreUnavailable` when not even the list can be read."""
        listing = await self.door.store.list(keys.OPEN_PREFIX)
        if keys.SWEEPER not in listing:
            await self.door.store.put(keys.SWEEPER, b"")
        waiting = keys.open_submissions(listing)
        with_opening = {key for key in listing if key.endswith("/opening")}
        self._expiries = {known: self._expiries[known] for known in waiting if known in self._expiries}
        counts = Sweep(seen=len(waiting))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(submission_id: UUID) -> None:
            async with gate:
                try:
                    await self._finish(submission_id, counts, keys.opening(submission_id) in with_opening)
                except (KafkaUnavailable, StoreUnavailable) as error:
                    counts.failed += 1
                    emit(log, logging.WARNING, "sweep-later", submission=submission_id, error=error)
                except (AntragsweicheError, ValueError) as error:
                    # One unreadable object must not keep the others waiting; its type is all that may be told.
                    counts.failed += 1
                    emit(log, logging.ERROR, "sweep-failed", submission=submission_id, error=error)

        await asyncio.gather(*(one(submission_id) for submission_id in waiting))
        return counts

    async def _finish(self, submission_id: UUID, counts: Sweep, has_opening: bool) -> None:
        door = self.door
        outcome = await door.outcome(submission_id)
        fresh = False
        if outcome is None:
            opening = await self._expired_opening(submission_id) if has_opening else None
            if opening is None:
                return
            outcome, fresh = await expire(door, opening)
            counts.expired += fresh
        if not fresh and door.clock() - outcome.at < timedelta(seconds=self.grace_s):
            return
        await finish(door, outcome)
        counts.published += 1

    async def _expired_opening(self, submission_id: UUID) -> Opening | None:
        """The opening if its time is over, else None."""
        expiry = self._expiries.get(submission_id)
        now = self.door.clock()
        if expiry is not None and now < expiry:
            return None
        opening = await self.door.opening(submission_id)
        if opening is None:
            return None
        self._expiries[submission_id] = opening.expires_at
        return opening if opening.expired(now) else None


async def expire(door: Door, opening: Opening) -> tuple[Outcome, bool]:
    """Write outcome=expired; the outcome that stands, and whether it is ours."""
    outcome = Outcome(
        kind=OutcomeKind.EXPIRED,
        submission_id=opening.submission_id,
        client_id=opening.client_id,
        at=door.clock(),
        traceparent=opening.traceparent,
    )
    if await door.store.put_new(keys.outcome(opening.submission_id), outcome.to_bytes()):
        return outcome, True
    first = await door.outcome(opening.submission_id)
    if first is None:
        raise StoreUnavailable("an outcome exists and cannot be read")
    return first, False


async def finish(door: Door, outcome: Outcome) -> None:
    """Publish an outcome and erase what it does not name."""
    if outcome.kind is OutcomeKind.ACCEPTED:
        manifest = door.verified(outcome)
        await publish(door, outcome, manifest)
        await erase_all(door, outcome.submission_id, {part.id for part in manifest.parts})
    else:
        await publish(door, outcome, None)
        await erase_all(door, outcome.submission_id)


async def erase_all(door: Door, submission_id: UUID, named: Iterable[UUID] = ()) -> None:
    """Erase whatever a listing shows and the outcome does not name, also parts that lost their descriptor."""
    own, rest = await asyncio.gather(
        door.store.list(keys.open_prefix(submission_id)), door.store.list(keys.submission_prefix(submission_id))
    )
    described = _ids(own, keys.documents_prefix(submission_id))
    parts = _ids(rest, keys.parts_prefix(submission_id))
    named = set(named)
    await erase_open(door, submission_id, described | (parts - named), named)


def _ids(listing: Iterable[str], prefix: str) -> set[UUID]:
    return {keys.document_id(key) for key in listing if key.startswith(prefix)}
