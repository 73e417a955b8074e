"""Bodies of requests and answers: the API's models. The OpenAPI document is generated from them.

Requests refuse unknown members, so that a misspelt `unresolvd` is told and not ignored.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from services.intake.records import Document, DocumentState
from services.intake.status import State
from shared.contracts.base import Moment, MunicipalityKey, Postcode, Slug
from shared.contracts.directory import Contact, JobcenterEntry, KeyState
from shared.contracts.manifest import Kind
from shared.directory.resolve import Resolution
from shared.directory.search import Found
from shared.directory.tables import Candidate
from shared.form.metadata import Purpose

JOBCENTER_EXAMPLE: JsonDict = {
    "id": "landkreis-osnabrueck",
    "name": "Landkreis Osnabrück",
    "state": "Niedersachsen",
    "rollout": "live",
    "contact": {"telephone": "+49 541 501-2099", "website": "www.massarbeit.de"},
    "keys": [],
}
ID_EXAMPLE = "3f0c9a52-6e1b-4a43-9a2e-0d8a4c0f5f11"
DOCUMENT_EXAMPLE = "8b0f6f7e-3f57-4c39-9a33-2f2f0f0e7a10"


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class OpenRequest(Request):
    """Opens a submission. A follow-up (`follows`) needs no place: it goes where its original went."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"service": "sgb2-hauptantrag", "postcode": "49124"}]},
    )

    service: Slug
    postcode: Postcode | None = None
    municipality_key: MunicipalityKey | None = Field(default=None, description="AGS, eight digits")
    unresolved: bool = Field(default=False, description="the municipality cannot be said: a human looks for it")
    send_anyway: bool = Field(default=False, description="although a joint Jobcenter is responsible (§ 16 SGB I)")
    follows: UUID | None = Field(default=None, description="id of the earlier submission")
    kind: Literal["supplement", "withdrawal"] | None = Field(default=None, description="with `follows` only")

    @model_validator(mode="after")
    def _follow_up(self) -> OpenRequest:
        if (self.follows is None) != (self.kind is None):
            raise ValueError("follows and kind belong together")
        if self.follows is None and self.postcode is None:
            raise ValueError("postcode is needed")
        if self.follows is not None and (self.postcode or self.municipality_key or self.unresolved or self.send_anyway):
            raise ValueError("a follow-up goes where its original went")
        return self

    @property
    def submission_kind(self) -> Kind:
        return Kind.APPLICATION if self.kind is None else Kind(self.kind)


class CompleteRequest(Request):
    """Completes a submission: the answers, and all its documents in the sender's order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"application": {"form": "…"}, "documents": [DOCUMENT_EXAMPLE]}]},
    )

    application: dict[str, Any] = Field(description="fulfils the JSON Schema at /v1/forms/{service}")
    documents: tuple[UUID, ...] = Field(default=(), max_length=1000)

    @model_validator(mode="after")
    def _once_each(self) -> CompleteRequest:
        if len(set(self.documents)) != len(self.documents):
            raise ValueError("a document is named twice")
        return self


class KeyView(View):
    """A public key of a destination."""

    destination: Slug
    kid: str
    use: str
    state: KeyState
    jwk: dict[str, Any]


class JobcenterView(View):
    """A municipal Jobcenter. Contact details stand only where a source gives them."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [JOBCENTER_EXAMPLE]})

    id: Slug
    name: str
    state: str = Field(description="the Land")
    rollout: str | None = Field(description="null: not in the signed directory yet")
    contact: Contact
    keys: tuple[KeyView, ...] = ()


class ReferralView(View):
    """Where somebody applies for whom a joint Jobcenter is responsible; `text` is for the citizen."""

    area: str
    url: str
    text: str


class CandidateView(View):
    """A municipality and who is responsible there: `jobcenter`, or `referral` to a joint one."""

    municipality_key: MunicipalityKey
    municipality: str
    district: str
    state: str
    jobcenter: Slug | None = None
    referral: ReferralView | None = None


class JobcentersView(View):
    """Who is responsible for a place."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [{"kind": "municipal", "candidates": [], "jobcenter": JOBCENTER_EXAMPLE, "referral": None}]
        },
    )

    kind: Literal["municipal", "joint", "ambiguous", "unknown"]
    why: str | None = Field(default=None, description="for `unknown`: which answer is wrong")
    candidates: tuple[CandidateView, ...]
    jobcenter: JobcenterView | None = None
    referral: ReferralView | None = None


class MunicipalityView(CandidateView):
    """A hit of the search; `place` is the village or quarter by which it was found."""

    place: str | None = None


class MunicipalitiesView(View):
    municipalities: tuple[MunicipalityView, ...]


class OpenedView(View):
    """A submission that was opened; with its Jobcenter and the keys that its parts are sealed for."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "submission_id": ID_EXAMPLE,
                    "status": "opened",
                    "expires_at": "2026-11-23T22:00:00.000Z",
                    "jobcenter": JOBCENTER_EXAMPLE,
                    "clearing": False,
                }
            ]
        },
    )

    submission_id: UUID
    status: State
    expires_at: Moment | None = Field(description="until then it must be completed; null when it has ended")
    jobcenter: JobcenterView | None = Field(description="null when a human looks for the responsible one")
    clearing: bool = Field(description="a human decides about the Jobcenter")


class DocumentView(View):
    """A document of an open submission."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "id": DOCUMENT_EXAMPLE,
                    "state": "uploaded",
                    "purpose": "attachment",
                    "media_type": "application/pdf",
                    "size": 48213,
                    "sha512": "0" * 128,
                }
            ]
        },
    )

    id: UUID
    state: DocumentState
    purpose: Purpose
    media_type: str
    size: int = Field(description="bytes of the plaintext")
    sha512: str | None = Field(description="hex, of the plaintext; null while uploading")


class StatusView(View):
    """A submission as its sender may see it."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "submission_id": ID_EXAMPLE,
                    "status": "acknowledged",
                    "received_at": "2026-11-22T22:00:00.000Z",
                    "jobcenter": "landkreis-osnabrueck",
                    "documents": [],
                }
            ]
        },
    )

    submission_id: UUID
    status: State
    expires_at: Moment | None = None
    received_at: Moment | None = None
    ended_at: Moment | None = Field(default=None, description="acknowledged, rejected, withdrawn or expired")
    jobcenter: Slug | None = None
    receipt_ready: bool = Field(default=False, description="the receipt can be fetched")
    reasons: tuple[str, ...] = Field(default=(), description="codes, for `rejected`")
    documents: tuple[DocumentView, ...] = Field(default=(), description="while it is open")


class PendingView(View):
    """Stored safely; the receipt follows."""

    submission_id: UUID
    status: Literal["accepted"] = "accepted"
    detail: str = "Stored; the receipt follows. Fetch it, or repeat this request."


class JwkSet(View):
    """RFC 7517."""

    keys: tuple[dict[str, Any], ...]


class TokenView(View):
    """RFC 6749, section 5.1."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={"examples": [{"access_token": "eyJ…", "token_type": "Bearer", "expires_in": 1800}]},
    )

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class Problem(View):
    """RFC 9457. Other members depend on the type; none of them repeats what was sent."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/submission-not-found",
                    "title": "Submission not found",
                    "status": 404,
                    "detail": "There is no such submission.",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str | None = None


def document_view(document: Document) -> DocumentView:
    return DocumentView(
        id=document.id,
        state=document.state,
        purpose=document.purpose,
        media_type=document.media_type,
        size=document.size,
        sha512=document.sha512,
    )


def jobcenter_view(entry: JobcenterEntry) -> JobcenterView:
    keys = tuple(
        KeyView(destination=destination.id, kid=key.kid, use=key.use.value, state=key.state, jwk=key.jwk)
        for destination in entry.destinations
        for key in destination.keys
        if key.state is not KeyState.REVOKED
    )
    return JobcenterView(
        id=entry.id,
        name=entry.name,
        state=entry.state,
        rollout=entry.rollout.value,
        contact=entry.contact,
        keys=keys,
    )


def candidate_view(candidate: Candidate) -> CandidateView:
    referral = candidate.referral
    return CandidateView(
        municipality_key=candidate.municipality_key,
        municipality=candidate.municipality,
        district=candidate.district.label,
        state=candidate.state,
        jobcenter=candidate.jobcenter_id,
        referral=None if referral is None else ReferralView(**referral._asdict()),
    )


def candidates_of(resolution: Resolution) -> list[CandidateView]:
    return [candidate_view(candidate) for candidate in resolution.candidates]


def municipality_view(found: Found) -> MunicipalityView:
    return MunicipalityView(**dict(candidate_view(found.candidate)), place=found.place)
