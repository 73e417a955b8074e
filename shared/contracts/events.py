"""Every change of a submission's state: `submissions.events`. No postcode, no municipality, no personal data.

Written after the effect and before the commit: readers must tolerate any order and repetition.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Contract, Moment, Slug


class Step(StrEnum):
    """What happened. The CloudEvents `type` is `de.antragsweiche.submission.<step>`."""

    OPENED = "opened"
    ACCEPTED = "accepted"
    ROUTED = "routed"
    CLEARING = "clearing"
    PUSHING = "pushing"
    """The first push begins: from here on a withdrawal is a follow-up."""
    ATTEMPT_FAILED = "attempt-failed"
    RETRY = "retry"
    """The failure is the message's: it waits on a retry topic, with `reason`, then returns to its lane's tail."""
    HANDED_OVER = "handed-over"
    """The Jobcenter has everything and will answer later. Not delivered: only a signed answer is."""
    ALARM = "alarm"
    """A human should look, `reason` says why; the submission goes on."""
    REPLAYED = "replayed"
    """An operator put it back from the dead letter, with a new budget."""
    DEAD_LETTER = "dead-letter"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


EVENT_TYPE_PREFIX = "de.antragsweiche.submission."


class SubmissionEvent(Contract):
    """One step of one submission."""

    submission_id: UUID
    generation: int = Field(ge=0, default=0)
    step: Step
    attempt: int = Field(ge=0, default=0)
    at: Moment
    received_at: Moment | None = None
    client_id: str | None = None
    destination: Slug | None = None
    delivery_id: UUID | None = None
    reason: str | None = None
    documents: int | None = Field(default=None, ge=0)
    bytes: int | None = Field(default=None, ge=0, description="sealed bytes of all parts")
