"""Intake's own objects in the store, each sealed with the state key and bound to its place.

    open/<id>/opening            Opening            written once, gone when the end is published
    open/<id>/documents/<doc>    Document           uploading → uploaded → deleted; or uploading → removed
    <id>/outcome, member state   Completion         what a repeated completion is compared with

Nothing of these is readable without the state key: client, file names, sizes and plaintext hashes stand only here.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeVar
from uuid import UUID

from pydantic import Field, ValidationError

from shared.contracts.base import Contract, Moment, MunicipalityKey, Postcode, Slug
from shared.contracts.manifest import Kind, Part
from shared.errors import CannotOpen
from shared.form.metadata import Purpose
from shared.sealing.statebox import StateBox
from shared.store import keys


class Opening(Contract):
    """What was decided when a submission was opened; completion must agree with it."""

    version: Literal[1] = 1
    submission_id: UUID
    client_id: str
    opened_at: Moment
    expires_at: Moment
    service: Slug
    kind: Kind = Kind.APPLICATION
    follows: UUID | None = None
    postcode: Postcode
    municipality_key: MunicipalityKey | None = None
    destination: Slug
    jobcenter: Slug | None = None
    clearing_reason: str | None = None
    directory_version: int = Field(ge=0)
    request: str = Field(description="digest of the opening request, to recognise a replay")
    traceparent: str

    def expired(self, now: datetime) -> bool:
        return now >= self.expires_at


class DocumentState(StrEnum):
    UPLOADING = "uploading"
    """Bytes are still coming, until `deadline`; afterwards nobody waits for it."""
    UPLOADED = "uploaded"
    DELETED = "deleted"
    """Taken back by the sender; the sealed part goes when the submission ends."""


class Document(Contract):
    """One document of an open submission."""

    version: Literal[1] = 1
    id: UUID
    state: DocumentState
    deadline: Moment
    purpose: Purpose
    media_type: str
    filename: str
    size: int = Field(gt=0, description="bytes of the plaintext, as announced")
    sha512: str | None = Field(default=None, description="hex, of the plaintext; set once uploaded")
    part: Part | None = None
    lock: str | None = None

    def stands(self, now: datetime) -> bool:
        """Counts for completion: uploaded, or still uploading within its time."""
        return self.state is DocumentState.UPLOADED or (self.state is DocumentState.UPLOADING and now < self.deadline)


class Listed(Contract):
    """What of a document belongs to the compared content; also in the outcome, for repeated completions."""

    id: UUID
    sha512: str
    filename: str
    purpose: Purpose
    media_type: str


class Completion(Contract):
    """The sealed member `state` of an accepted outcome."""

    version: Literal[1] = 1
    secret: str = Field(description="the receipt secret, base64url")
    request: str = Field(description="the opening's request digest")
    documents: tuple[Listed, ...] = ()


M = TypeVar("M", bound=Contract)


def seal(box: StateBox, record: Contract, context: str) -> bytes:
    """The record, readable only with the state key and only at its place."""
    return box.seal(record.to_bytes(), context)


def unseal(box: StateBox, model: type[M], sealed: bytes, context: str) -> M:
    """Raises `CannotOpen` when it is not a record of this kind from this place."""
    try:
        return model.model_validate_json(box.open(sealed, context))
    except ValidationError:
        raise CannotOpen("state-model") from None


def completion_context(submission_id: UUID) -> str:
    """The place of the sealed member `state`: its outcome's key, but not the same context as the object."""
    return keys.outcome(submission_id) + "#state"
