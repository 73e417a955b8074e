"""A submission's state for its sender, from the store's objects alone. Pure.

    objects                                         state
    no outcome                                      opened (after its expiry: expired)
    outcome withdrawn | expired                     withdrawn | expired
    outcome accepted, newest generation:
        settled                                     acknowledged | rejected | withdrawn | clearing (forwarded)
        claim by the sender                         withdrawn
        clearing mark, or signed for clearing
        because nobody could be named               clearing
        none of these                               accepted

`no-destination-key` shows as accepted: clearing seals anew by itself, the citizen need not notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from shared.contracts.manifest import Manifest
from shared.contracts.reasons import Reason
from shared.contracts.stored import Claim, Claimant, ClearingMark, Outcome, OutcomeKind, Settled, Settlement

SHOWN_AS_CLEARING = frozenset({Reason.UNRESOLVED.value, Reason.JOINT_JOBCENTER.value})
"""Reasons at the door that mean: a human looks for the responsible Jobcenter."""


class State(StrEnum):
    OPENED = "opened"
    ACCEPTED = "accepted"
    CLEARING = "clearing"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


_SETTLED = {
    Settlement.ACKNOWLEDGED: State.ACKNOWLEDGED,
    Settlement.REJECTED: State.REJECTED,
    Settlement.WITHDRAWN: State.WITHDRAWN,
    # Forwarded to a carrier outside this system by a human (§ 16 SGB I): not acknowledged by anybody we can verify.
    Settlement.FORWARDED: State.CLEARING,
}


@dataclass(frozen=True)
class Marks:
    """Which objects of the newest generation exist, from a listing of `<id>/`."""

    generation: int = 0
    claim: bool = False
    clearing: bool = False
    settled: bool = False


def marks(submission_id: UUID, listing: Iterable[str]) -> Marks:
    """The newest generation that left any object; 0 when none did. Foreign keys are ignored."""
    found: dict[int, set[str]] = {}
    prefix = f"{submission_id}/"
    for key in listing:
        generation, _, name = key.removeprefix(prefix).partition("/")
        if key.startswith(prefix) and generation.isascii() and generation.isdigit():
            found.setdefault(int(generation), set()).add(name)
    newest = max(found, default=0)
    names = found.get(newest, set())
    return Marks(newest, "claim" in names, "clearing" in names, "settled" in names)


def state_of(
    outcome: Outcome,
    manifest: Manifest | None,
    *,
    claim: Claim | None = None,
    clearing: ClearingMark | None = None,
    settled: Settled | None = None,
) -> State:
    """The state once an outcome exists. `claim`, `clearing`, `settled` are those of the newest generation."""
    if outcome.kind is OutcomeKind.WITHDRAWN:
        return State.WITHDRAWN
    if outcome.kind is OutcomeKind.EXPIRED:
        return State.EXPIRED
    if settled is not None:
        return _SETTLED[settled.settlement]
    if claim is not None and claim.by is Claimant.SENDER:
        return State.WITHDRAWN
    if clearing is not None or (manifest is not None and manifest.clearing_reason in SHOWN_AS_CLEARING):
        return State.CLEARING
    return State.ACCEPTED
