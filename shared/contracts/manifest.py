"""The manifest: what the door signs, what the sender keeps as receipt, what every later hand verifies first.

It travels as a compact JWS (ES256, header `typ` = `antragsweiche-manifest+jwt`) and is never re-encoded.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.contracts.base import Contract, Moment, MunicipalityKey, Postcode, Slug

MANIFEST_TYP = "antragsweiche-manifest+jwt"
CLEARING = "clearing"
"""The reserved destination of what only clearing can open."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""SHA-256, base64url without padding."""
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
"""The 128-bit GCM tag: the fifth segment of the compact JWE."""
Thumbprint = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""RFC 7638 thumbprint (SHA-256, base64url)."""


class Role(StrEnum):
    METADATA = "metadata"
    DATA = "data"
    ATTACHMENT = "attachment"


class Kind(StrEnum):
    APPLICATION = "application"
    SUPPLEMENT = "supplement"
    """More for an earlier submission: goes where that one went."""
    WITHDRAWAL = "withdrawal"
    """Takes an earlier submission back after it was handed over."""


class Part(Contract):
    """One sealed part, exactly as stored and delivered."""

    role: Role
    id: UUID
    kid: Thumbprint
    size: int = Field(gt=0, description="bytes of the compact JWE")
    sha256: Sha256 = Field(description="of the exact bytes of the compact JWE")
    tag: Tag


class Manifest(Contract):
    """Claims of the manifest. Exactly one `metadata` and one `data` part, then attachments in the sender's order."""

    submission_id: UUID
    client_id: str
    generation: int = Field(ge=0, default=0)
    received_at: Moment = Field(description="first durable storage; decides the month (§ 37 (2) SGB II)")
    service: Slug
    kind: Kind = Kind.APPLICATION
    follows: UUID | None = None
    postcode: Postcode
    municipality_key: MunicipalityKey | None = None
    destination: Slug = Field(description="whom the parts are sealed for; `clearing` = the transit key")
    jobcenter: Slug | None = None
    clearing_reason: str | None = Field(default=None, description="why the destination is `clearing`")
    directory_version: int = Field(ge=0, description="version of the Jobcenter's signed entry; 0 without one")
    parts: tuple[Part, ...] = Field(min_length=2)
    content: Sha256 = Field(description="HMAC-SHA-256(receipt secret, SHA-512 of the plaintext content)")
    previous: str | None = Field(default=None, description="the predecessor's compact JWS, generation > 0")

    def part(self, part_id: UUID) -> Part | None:
        return next((part for part in self.parts if part.id == part_id), None)
