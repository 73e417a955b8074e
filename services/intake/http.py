"""Requests in, answers out. Decides nothing: reads, checks the form of what came, calls, shows."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator
from typing import TypeVar
from urllib.parse import unquote_plus
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.intake import documents, openings, state
from services.intake.auth import Caller, TokenIssuer
from services.intake.completion import complete
from services.intake.door import Door
from services.intake.dossier import Order
from services.intake.openings import Opened
from services.intake.status import State, state_of
from services.intake.uploads import read_announcement
from services.intake.views import (
    CompleteRequest,
    JobcentersView,
    JobcenterView,
    MunicipalitiesView,
    OpenedView,
    OpenRequest,
    PendingView,
    ReferralView,
    candidates_of,
    document_view,
    jobcenter_view,
    municipality_view,
)
from services.intake.withdraw import withdraw
from shared import form
from shared.contracts.base import MunicipalityKey, Postcode
from shared.contracts.canonical import strict_json
from shared.contracts.directory import Contact, JobcenterEntry
from shared.contracts.manifest import CLEARING, Kind
from shared.contracts.stored import OutcomeKind
from shared.directory.decide import responsible
from shared.directory.search import MAX_QUERY_LENGTH, MIN_QUERY_LENGTH, search_municipalities
from shared.errors import SenderError
from shared.web.trace import trace_of

CALLER = web.RequestKey("caller", Caller)
CHUNK_BYTES = 256 * 1024
"""Sealing one takes about two milliseconds, so the loop stays live without a thread."""
MAX_HITS = 50
RECEIPT_RETRY_S = "10"
NO_STORE = {"Cache-Control": "no-store"}

B = TypeVar("B", bound=BaseModel)
_POSTCODE: TypeAdapter[str] = TypeAdapter(Postcode)
_MUNICIPALITY: TypeAdapter[str] = TypeAdapter(MunicipalityKey)


class Api:
    """The handlers. `issuer` is the built-in one, if it is used."""

    def __init__(self, door: Door, issuer: TokenIssuer | None) -> None:
        self.door = door
        self.issuer = issuer
        self._shown: dict[str, tuple[JobcenterEntry, JobcenterView]] = {}
        """By Jobcenter: the entry of the directory, and how it is shown. There are about 400."""

    # -- the directory -----------------------------------------------------------------------------------------------

    async def jobcenters(self, request: web.Request) -> web.Response:
        postcode = _checked(_POSTCODE, request.query.get("postcode"), "postcode")
        municipality = request.query.get("municipality")
        key = None if municipality is None else _checked(_MUNICIPALITY, municipality, "municipality")
        found = responsible(self.door.tables, self.door.view.directory, postcode, key)
        resolution = found.resolution
        referral = None
        if resolution.kind.value == "joint" and resolution.candidates:
            only = resolution.candidates[0].referral
            referral = None if only is None else ReferralView(**only._asdict())
        view = JobcentersView(
            kind=resolution.kind.value,
            why=resolution.why.value if resolution.why is not None else None,
            candidates=tuple(candidates_of(resolution)),
            jobcenter=self._jobcenter(resolution.jobcenter_id),
            referral=referral,
        )
        return _json(view, headers={"Cache-Control": "no-cache"})

    async def municipalities(self, request: web.Request) -> web.Response:
        query = request.query.get("q", "").strip()
        if not MIN_QUERY_LENGTH <= len(query) <= MAX_QUERY_LENGTH:
            raise _invalid("q", "length")
        hits = search_municipalities(self.door.tables, query, MAX_HITS)
        return _json(MunicipalitiesView(municipalities=tuple(municipality_view(hit) for hit in hits)))

    async def receipt_keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self.door.platform.receipt_jwks())

    async def form_schema(self, request: web.Request) -> web.Response:
        try:
            kind = Kind(request.query.get("kind", Kind.APPLICATION.value))
            schema = form.schema(request.match_info["service"], kind)
        except (ValueError, KeyError):
            raise SenderError("not-found") from None
        return web.json_response(schema, content_type="application/schema+json")

    # -- submissions -------------------------------------------------------------------------------------------------

    async def open(self, request: web.Request) -> web.Response:
        wanted = await _body(request, OpenRequest, self.door.settings.upload_idle_s)
        caller = request[CALLER]
        opened = await openings.open_submission(
            self.door,
            caller.client_id,
            openings.Request(
                service=wanted.service,
                postcode=wanted.postcode,
                municipality_key=wanted.municipality_key,
                unresolved=wanted.unresolved,
                send_anyway=wanted.send_anyway,
                kind=wanted.submission_kind,
                follows=wanted.follows,
            ),
            _idempotency_key(request),
            str(trace_of(request)),
            test_client=caller.test,
        )
        location = {"Location": f"/v1/submissions/{opened.submission_id}", **NO_STORE}
        return _json(self._opened(opened), status=200 if opened.replayed else 201, headers=location)

    async def upload(self, request: web.Request) -> web.Response:
        door = self.door
        announced = read_announcement(
            request.headers, request.query.get("purpose", "attachment"), door.settings.upload_limits
        )
        with door.admission.upload():
            opening = await door.open_for(request[CALLER].client_id, _id(request, "id"))
            body = _chunks(request, door.settings.upload_idle_s)
            document = await documents.upload(door, door.settings.upload_limits, opening, announced, body)
        location = f"/v1/submissions/{opening.submission_id}/documents/{document.id}"
        return _json(document_view(document), status=201, headers={"Location": location, **NO_STORE})

    async def delete_document(self, request: web.Request) -> web.Response:
        opening = await self.door.open_for(request[CALLER].client_id, _id(request, "id"))
        await documents.delete(self.door, opening, _id(request, "document"))
        return web.Response(status=204)

    async def complete(self, request: web.Request) -> web.Response:
        submission_id = _id(request, "id")
        wanted = await _body(request, CompleteRequest, self.door.settings.upload_idle_s)
        order = Order(wanted.application, wanted.documents)
        try:
            size = len(order.plaintext)
        except ValueError:
            raise _invalid("/application", "not-json") from None
        if size > form.MAX_APPLICATION_BYTES:
            raise SenderError("request-too-large", limit_bytes=form.MAX_APPLICATION_BYTES)
        trace = str(trace_of(request))
        done = await complete(self.door, request[CALLER].client_id, submission_id, order, trace)
        if done.receipt is None:
            return _pending(submission_id)
        return _json(done.receipt, status=done.status, headers=NO_STORE)

    async def status(self, request: web.Request) -> web.Response:
        view = await state.status(self.door, request[CALLER].client_id, _id(request, "id"))
        return _json(view, headers=NO_STORE)

    async def receipt(self, request: web.Request) -> web.Response:
        submission_id = _id(request, "id")
        found = await state.receipt(self.door, request[CALLER].client_id, submission_id)
        return _pending(submission_id) if found is None else _json(found, headers=NO_STORE)

    async def withdraw(self, request: web.Request) -> web.Response:
        await withdraw(self.door, request[CALLER].client_id, _id(request, "id"), str(trace_of(request)))
        return web.Response(status=204)

    # -- the built-in issuer -----------------------------------------------------------------------------------------

    async def token(self, request: web.Request) -> web.Response:
        """Errors in OAuth's own form (RFC 6749, section 5.2): its client libraries read nothing else."""
        assert self.issuer is not None, "the route exists only with the issuer"
        fields = await request.post()
        basic = _basic(request.headers.get("Authorization"))
        client_id, secret = basic or (str(fields.get("client_id", "")), str(fields.get("client_secret", "")))
        if fields.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400, headers=NO_STORE)
        token = self.issuer.token(client_id, secret)
        if token is None:
            headers = {"WWW-Authenticate": 'Basic realm="antragsweiche"', **NO_STORE}
            return web.json_response({"error": "invalid_client"}, status=401, headers=headers)
        return web.json_response(token, headers=NO_STORE)

    async def issuer_keys(self, _request: web.Request) -> web.Response:
        assert self.issuer is not None, "the route exists only with the issuer"
        return web.json_response(self.issuer.jwks())

    # -- views -------------------------------------------------------------------------------------------------------

    def _jobcenter(self, jobcenter_id: str | None) -> JobcenterView | None:
        if jobcenter_id is None:
            return None
        entry = self.door.view.directory.entry(jobcenter_id)
        if entry is not None:
            shown = self._shown.get(entry.id)
            if shown is None or shown[0] is not entry:
                shown = self._shown[entry.id] = (entry, jobcenter_view(entry))
            return shown[1]
        base = self.door.tables.jobcenters[jobcenter_id]
        return JobcenterView(id=base.id, name=base.name, state=base.state, rollout=None, contact=Contact())

    def _opened(self, opened: Opened) -> OpenedView:
        opening, outcome = opened.opening, opened.outcome
        if outcome is not None and outcome.kind is OutcomeKind.ACCEPTED:
            manifest = self.door.verified(outcome)
            return OpenedView(
                submission_id=opened.submission_id,
                status=state_of(outcome, manifest),
                expires_at=None,
                jobcenter=self._jobcenter(manifest.jobcenter),
                clearing=manifest.destination == CLEARING,
            )
        if outcome is not None or opening is None:
            ended = State.EXPIRED if outcome is None else state_of(outcome, None)
            return OpenedView(
                submission_id=opened.submission_id, status=ended, expires_at=None, jobcenter=None, clearing=False
            )
        return OpenedView(
            submission_id=opened.submission_id,
            status=State.OPENED,
            expires_at=opening.expires_at,
            jobcenter=self._jobcenter(opening.jobcenter),
            clearing=opening.destination == CLEARING,
        )


def _json(view: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=view.model_dump_json().encode(), status=status, content_type="application/json", headers=headers
    )


def _pending(submission_id: UUID) -> web.Response:
    headers = {"Retry-After": RECEIPT_RETRY_S, **NO_STORE}
    return _json(PendingView(submission_id=submission_id), status=202, headers=headers)


async def _body(request: web.Request, model: type[B], idle_s: float) -> B:
    """The JSON body as a model. Problems name fields and codes; neither values nor names that the sender invented."""
    if request.content_type != "application/json":
        raise SenderError("unsupported-media-type", "Send application/json.", accepted=["application/json"])
    try:
        async with asyncio.timeout(idle_s):
            body = await request.read()
        read = strict_json(body)
    except TimeoutError:
        raise SenderError("upload-too-slow") from None
    except (ValueError, ConnectionError, EOFError):
        raise SenderError("malformed-body", "Send one JSON object, valid UTF-8, no member twice.") from None
    try:
        return model.model_validate(read)
    except ValidationError as error:
        faults = [
            {"field": _field(fault["loc"], fault["type"]), "code": fault["type"]} for fault in error.errors()[:100]
        ]
        raise SenderError("invalid-request", errors=faults) from None


def _field(loc: tuple[int | str, ...], code: str) -> str:
    parts = [str(part) for part in loc]
    if code == "extra_forbidden":
        parts[-1] = "?"
    return "/" + "/".join(parts) if parts else ""


async def _chunks(request: web.Request, idle_s: float) -> AsyncIterator[bytes]:
    """The body as it comes; a sender that falls silent is given up."""
    while True:
        try:
            async with asyncio.timeout(idle_s):
                chunk = await request.content.read(CHUNK_BYTES)
        except TimeoutError:
            raise SenderError("upload-too-slow") from None
        if not chunk:
            return
        yield chunk


def _id(request: web.Request, name: str) -> UUID:
    text = request.match_info[name]
    try:
        found = UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text.lower():
        raise SenderError("submission-not-found" if name == "id" else "document-not-found")
    return found


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= 200 and key.isascii() and key.isprintable()):
        raise _invalid("Idempotency-Key", "form")
    return key


def _checked(adapter: TypeAdapter[str], value: str | None, field: str) -> str:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        raise _invalid(field, "missing" if value is None else "pattern") from None


def _invalid(field: str, code: str) -> SenderError:
    return SenderError("invalid-request", errors=[{"field": field, "code": code}])


def _basic(authorization: str | None) -> tuple[str, str] | None:
    """Client id and secret in `Authorization: Basic …`, both form-encoded (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, found, secret = b64decode(encoded, validate=True).decode().partition(":")
    except (NotBase64, ValueError):
        return "", ""
    return (unquote_plus(client_id), unquote_plus(secret)) if found else ("", "")
