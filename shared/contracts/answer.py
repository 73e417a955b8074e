"""The Jobcenter's signed answer to a delivery: the only thing that counts as delivered.

A compact JWS, PS512 by an active `verify` key of exactly the destination, header `typ` = `antragsweiche-answer+jwt`.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Contract, Slug
from shared.contracts.manifest import Sha256, Tag

ANSWER_TYP = "antragsweiche-answer+jwt"


class Verdict(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"


class Problem(Contract):
    """Why a delivery was rejected. `code` is one of `Reason`; `detail` never leaves the access-controlled store."""

    code: str
    part: UUID | None = None
    detail: str | None = Field(default=None, max_length=500)


class Answer(Contract):
    """Claims of the answer."""

    iss: Slug = Field(description="the destination's id")
    jti: UUID
    iat: int = Field(description="seconds since 1970, UTC")
    delivery_id: UUID
    submission_id: UUID
    manifest: Sha256 = Field(description="SHA-256 of the manifest's compact JWS as delivered")
    verdict: Verdict
    tags: dict[UUID, Tag] = Field(default_factory=dict, description="part id → tag; all parts in an accept")
    problems: tuple[Problem, ...] = ()
    reference: str | None = Field(default=None, max_length=120, description="the specialist system's own id")
