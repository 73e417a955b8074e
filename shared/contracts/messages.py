"""Bodies of the messages on topics (CloudEvents 1.0, Kafka binary binding). No personal data, no plaintext hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Contract, Moment, Slug


class Received(Contract):
    """`submissions.received`: accepted at the door. All routing facts are claims of the manifest."""

    submission_id: UUID
    manifest: str = Field(description="compact JWS")


class Delivery(Contract):
    """`delivery.to.<destination>`: routed. The parts' place is computed from the ids in the manifest."""

    submission_id: UUID
    generation: int = Field(ge=0)
    destination: Slug
    delivery_id: UUID
    manifest: str = Field(description="compact JWS")
    routed_at: Moment


class Attempts(Contract):
    """What was tried before a message came where it is."""

    count: int = Field(ge=0, default=0)
    first_at: Moment | None = None
    last_at: Moment | None = None
    last_reason: str | None = None
    hops: int = Field(ge=0, default=0, description="how often it went through a retry topic")
    spent_s: float = Field(ge=0, default=0, description="budget spent: seconds in which its lane was open")
    open_mark_s: float | None = Field(
        default=None, description="the lane's open clock when the budget was last charged"
    )
    asked: int = Field(ge=0, default=0, description="how often a signed answer that is late was asked for again")


HOP_HEADERS: Final[Mapping[str, str]] = {
    "ce_attempts": "count",
    "ce_firstattempt": "first_at",
    "ce_lastattempt": "last_at",
    "ce_lastreason": "last_reason",
    "ce_hops": "hops",
    "ce_spent": "spent_s",
    "ce_openmark": "open_mark_s",
    "ce_asked": "asked",
}
"""Headers of a delivery that failed, or was handed over, before: the field of `Attempts` that each carries."""
DUE_HEADER: Final = "ce_due"
"""When it goes back to its lane's tail."""


class NeedsHuman(Contract):
    """`submissions.clearing` and `delivery.dead-letter`. Settled items are followed by a tombstone."""

    submission_id: UUID | None = Field(default=None, description="absent when the original was unreadable")
    generation: int = Field(ge=0, default=0)
    reason: str = Field(description="a code of the catalogue")
    at: Moment
    manifest: str | None = None
    destination: Slug | None = None
    candidates: tuple[Slug, ...] = ()
    attempts: Attempts = Attempts()
    source_topic: str
    source_partition: int
    source_offset: int
    original: str | None = Field(default=None, description="base64 of an unreadable original's value")
