"""The API, declared: what the router serves and what the OpenAPI document says."""

from __future__ import annotations

from typing import Any

from services.intake.declare import Answer, Operation, Parameter
from services.intake.http import Api
from services.intake.receipts import Receipt
from services.intake.views import (
    DOCUMENT_EXAMPLE,
    ID_EXAMPLE,
    CompleteRequest,
    DocumentView,
    JobcentersView,
    JwkSet,
    MunicipalitiesView,
    OpenedView,
    OpenRequest,
    PendingView,
    StatusView,
    TokenView,
)
from shared.form.media import ALLOWED
from shared.form.metadata import Purpose

UUID_SCHEMA: dict[str, Any] = {"type": "string", "format": "uuid"}
ID = Parameter("id", "path", UUID_SCHEMA, "the submission", example=ID_EXAMPLE)
DOCUMENT = Parameter("document", "path", UUID_SCHEMA, "the document", example=DOCUMENT_EXAMPLE)
TRACE = Parameter("traceparent", "header", {"type": "string"}, "W3C Trace Context; goes with the submission")
KINDS = ["application", "supplement", "withdrawal"]
ENDED = ("submission-not-found", "submission-completed", "submission-withdrawn", "submission-expired")
RETRY = {"Retry-After": "seconds until the receipt may be ready"}


def operations(api: Api) -> list[Operation]:
    """All operations; the built-in issuer's only where it is used."""
    return _directory(api) + _submissions(api) + _documents(api) + (_oauth(api) if api.issuer is not None else [])


def _directory(api: Api) -> list[Operation]:
    return [
        Operation(
            "GET",
            "/v1/jobcenters",
            api.jobcenters,
            "findJobcenter",
            "Who is responsible for a place",
            {200: Answer("The Jobcenter, the candidates to choose from, or a referral", JobcentersView)},
            tag="directory",
            public=True,
            parameters=(
                Parameter("postcode", "query", {"type": "string", "pattern": "^[0-9]{5}$"}, "", True, "49124"),
                Parameter("municipality", "query", {"type": "string", "pattern": "^[0-9]{8}$"}, "AGS, eight digits"),
            ),
            problems=("invalid-request",),
        ),
        Operation(
            "GET",
            "/v1/municipalities",
            api.municipalities,
            "findMunicipality",
            "Municipalities by the name of a municipality, village or quarter",
            {200: Answer("At most 50, best first", MunicipalitiesView)},
            tag="directory",
            public=True,
            parameters=(
                Parameter("q", "query", {"type": "string", "minLength": 2, "maxLength": 100}, "", True, "Georgsmarien"),
            ),
            problems=("invalid-request",),
        ),
        Operation(
            "GET",
            "/v1/receipt-keys",
            api.receipt_keys,
            "listReceiptKeys",
            "Keys that verify receipts, old ones included",
            {200: Answer("JWK set, the active key first", JwkSet)},
            tag="directory",
            public=True,
        ),
        Operation(
            "GET",
            "/v1/forms/{service}",
            api.form_schema,
            "getForm",
            "The form's JSON Schema (2020-12)",
            {200: Answer("JSON Schema", None, "application/schema+json")},
            tag="directory",
            public=True,
            parameters=(
                Parameter("service", "path", {"type": "string"}, example="sgb2-hauptantrag"),
                Parameter("kind", "query", {"enum": KINDS}),
            ),
            problems=("not-found",),
        ),
    ]


def _submissions(api: Api) -> list[Operation]:
    return [
        Operation(
            "POST",
            "/v1/submissions",
            api.open,
            "openSubmission",
            "Open a submission",
            {
                201: Answer("Opened", OpenedView, headers={"Location": "the submission"}),
                200: Answer("The same Idempotency-Key opened it before", OpenedView),
            },
            body=OpenRequest,
            parameters=(
                Parameter(
                    "Idempotency-Key",
                    "header",
                    {"type": "string", "maxLength": 200},
                    "the same key gives the same submission, whenever and wherever it is repeated",
                ),
                TRACE,
            ),
            problems=(
                "malformed-body",
                "submission-not-found",
                "municipality-needed",
                "idempotency-key-reused",
                "submission-withdrawn",
                "submission-expired",
                "request-too-large",
                "unsupported-media-type",
                "invalid-request",
                "postcode-unknown",
                "municipality-unknown",
                "municipality-mismatch",
                "joint-jobcenter",
                "service-unknown",
            ),
        ),
        Operation(
            "PUT",
            "/v1/submissions/{id}",
            api.complete,
            "completeSubmission",
            "Complete a submission and get its receipt",
            {
                201: Answer("Received: stored, and on its way", Receipt),
                200: Answer("The same completion again: the stored receipt, byte for byte", Receipt),
                202: Answer("Stored; the receipt follows", PendingView, headers=RETRY),
            },
            body=CompleteRequest,
            parameters=(ID, TRACE),
            problems=(
                "malformed-body",
                *ENDED,
                "content-differs",
                "documents-differ",
                "destination-changed",
                "request-too-large",
                "unsupported-media-type",
                "invalid-request",
                "application-invalid",
                "routing-differs",
            ),
        ),
        Operation(
            "GET",
            "/v1/submissions/{id}",
            api.status,
            "getSubmission",
            "How far it is",
            {200: Answer("Its state", StatusView)},
            parameters=(ID,),
            problems=("submission-not-found",),
        ),
        Operation(
            "GET",
            "/v1/submissions/{id}/receipt",
            api.receipt,
            "getReceipt",
            "The receipt again",
            {
                200: Answer("The same bytes as at its completion", Receipt),
                202: Answer("Stored; the receipt follows", PendingView, headers=RETRY),
            },
            parameters=(ID,),
            problems=("submission-not-found", "receipt-pending", "submission-withdrawn", "submission-expired"),
        ),
        Operation(
            "DELETE",
            "/v1/submissions/{id}",
            api.withdraw,
            "withdrawSubmission",
            "Take a submission back, until its delivery begins",
            {204: Answer("Withdrawn")},
            parameters=(ID,),
            problems=("submission-not-found", "withdrawal-too-late", "submission-expired"),
        ),
    ]


def _documents(api: Api) -> list[Operation]:
    return [
        Operation(
            "POST",
            "/v1/submissions/{id}/documents",
            api.upload,
            "uploadDocument",
            "Upload one document",
            {201: Answer("Stored, sealed", DocumentView, headers={"Location": "the document"})},
            description="The body is the document itself. Its media type must be the content's.",
            body_types=tuple(sorted(ALLOWED)),
            parameters=(
                ID,
                Parameter("purpose", "query", {"enum": [purpose.value for purpose in Purpose]}),
                Parameter("Content-Length", "header", {"type": "integer", "minimum": 1}, "bytes", True),
                Parameter(
                    "Content-Disposition",
                    "header",
                    {"type": "string"},
                    "the file's name (RFC 6266)",
                    True,
                    "attachment; filename*=UTF-8''Mietvertrag.pdf",
                ),
                Parameter("Content-Digest", "header", {"type": "string"}, "RFC 9530: sha-512 or sha-256, checked"),
                TRACE,
            ),
            problems=(
                "document-cut-off",
                *ENDED,
                "upload-too-slow",
                "too-many-documents",
                "destination-changed",
                "length-required",
                "document-too-large",
                "submission-too-large",
                "unsupported-media-type",
                "document-empty",
                "digest-mismatch",
                "invalid-request",
            ),
        ),
        Operation(
            "DELETE",
            "/v1/submissions/{id}/documents/{document}",
            api.delete_document,
            "deleteDocument",
            "Take a document back",
            {204: Answer("Deleted")},
            parameters=(ID, DOCUMENT),
            problems=(*ENDED, "document-not-found"),
        ),
    ]


def _oauth(api: Api) -> list[Operation]:
    form = {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"const": "client_credentials"},
            "client_id": {"type": "string"},
            "client_secret": {"type": "string"},
        },
    }
    return [
        Operation(
            "POST",
            "/oauth/token",
            api.token,
            "getToken",
            "Client credentials in, access token out (RFC 6749, section 4.4)",
            {
                200: Answer("A token", TokenView),
                400: Answer("Not a client credentials request", None),
                401: Answer("Unknown client or wrong secret", None),
            },
            description="Client id and secret in the form or in `Authorization: Basic`.",
            tag="oauth",
            public=True,
            form=form,
        ),
        Operation(
            "GET",
            "/oauth/jwks.json",
            api.issuer_keys,
            "listIssuerKeys",
            "Keys that verify access tokens",
            {200: Answer("JWK set", JwkSet)},
            tag="oauth",
            public=True,
        ),
    ]
