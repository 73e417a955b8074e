"""Objects in the store that services share. Keys are computed from ids by `shared.store.keys`, never read."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.answer import Problem
from shared.contracts.base import Contract, Moment


class OutcomeKind(StrEnum):
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """Taken back before it was completed."""


class Outcome(Contract):
    """`<id>/outcome`, written once (`If-None-Match: *`): how a submission ended at the door."""

    version: Literal[1] = 1
    kind: OutcomeKind
    submission_id: UUID
    client_id: str
    at: Moment
    traceparent: str
    manifest: str | None = Field(default=None, description="compact JWS; set when accepted")
    inline: dict[UUID, str] = Field(default_factory=dict, description="part id → compact JWE of small parts")
    locks: dict[UUID, str] = Field(
        default_factory=dict,
        description="part id → content key under the transit key: `<kid>.<RSA-OAEP-256, base64url>`",
    )
    state: str | None = Field(default=None, description="intake's own, sealed with its state key: receipt secret")


class Claimant(StrEnum):
    DELIVERY = "delivery"
    SENDER = "sender"


class Claim(Contract):
    """`<id>/<generation>/claim`, written once: who was first, the first push or the sender's withdrawal."""

    version: Literal[1] = 1
    by: Claimant
    at: Moment


class ClearingMark(Contract):
    """`<id>/<generation>/clearing`: a human decides; so that intake can tell the sender from the store alone."""

    version: Literal[1] = 1
    reason: str
    at: Moment
    answer: str | None = Field(default=None, description="the Jobcenter's compact JWS when it said not-responsible")


class Settlement(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    FORWARDED = "forwarded"


class Settled(Contract):
    """`<id>/<generation>/settled`, written once: the verified accept or final reject, or the withdrawal."""

    version: Literal[1] = 1
    settlement: Settlement
    at: Moment
    destination: str
    delivery_id: UUID | None = None
    answer: str | None = Field(default=None, description="the Jobcenter's compact JWS")
    problems: tuple[Problem, ...] = ()


class HandedOver(Contract):
    """`<id>/<generation>/handed-over`, written once: the Jobcenter took everything and will answer later.

    What verifies the late answer: no message has to be found for it.
    """

    version: Literal[1] = 1
    at: Moment = Field(description="when the first push that was answered so began")
    delivery_id: UUID
    destination: str
    manifest: str = Field(description="compact JWS")
    traceparent: str
