"""The one declaration of all problem types: code, status, title, and what whoever meets it should do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ProblemType:
    """`title` never changes for a code; `remedy` says what to do. `citizen_hint` (German) may be shown to citizens."""

    code: str
    status: int
    title: str
    remedy: str
    citizen_hint: str | None = None


_TYPES: Final = (
    # who asks
    ProblemType("unauthorized", 401, "No valid access token", "Get a new token and send it as a bearer token."),
    ProblemType("forbidden", 403, "The token does not allow this", "Ask the operator for the scope you need."),
    ProblemType("invalid-client", 401, "Unknown client or wrong secret", "Check client id and secret."),
    # the request's form
    ProblemType("invalid-request", 422, "The request is not what the API expects", "Correct the fields in `errors`."),
    ProblemType("malformed-body", 400, "The body cannot be read", "Send valid UTF-8 JSON."),
    ProblemType("not-found", 404, "There is nothing at this address", "Compare the address with the API description."),
    ProblemType("method-not-allowed", 405, "The address does not support this method", "Use a method of `Allow`."),
    ProblemType("request-too-large", 413, "The request is too large", "Send less at once."),
    ProblemType("length-required", 411, "Content-Length is missing", "Send the exact length of the body."),
    ProblemType("idempotency-key-reused", 409, "The Idempotency-Key belongs to another request", "Use a new key."),
    ProblemType(
        "precondition-failed", 412, "The state has changed meanwhile", "Read the current state and decide anew."
    ),
    # who is responsible
    ProblemType(
        "municipality-needed",
        409,
        "The postcode alone does not decide which Jobcenter is responsible",
        "Send the key of one of the `candidates`, or `unresolved: true` when the citizen does not know.",
        "Zu dieser Postleitzahl gehören mehrere Jobcenter. Bitte wählen Sie Ihre Gemeinde aus.",
    ),
    ProblemType(
        "postcode-unknown",
        422,
        "No municipality has this postcode",
        "Ask for the municipality and send its key; PO boxes and large recipients have postcodes of their own.",
        "Diese Postleitzahl gehört zu keinem Wohnort (vielleicht ein Postfach). Bitte geben Sie Ihre Gemeinde an.",
    ),
    ProblemType(
        "municipality-unknown",
        422,
        "There is no such municipality",
        "Find the key with GET /v1/municipalities.",
        "Diese Gemeinde kennen wir nicht. Bitte wählen Sie sie aus der Liste aus.",
    ),
    ProblemType(
        "municipality-mismatch",
        422,
        "The postcode does not lie in the municipality",
        "Correct one of the two.",
        "Postleitzahl und Gemeinde passen nicht zusammen. Bitte prüfen Sie beide Angaben.",
    ),
    ProblemType(
        "joint-jobcenter",
        422,
        "A joint Jobcenter is responsible, which is not served here",
        "Refer the citizen as `referral` says, or send again with `send_anyway: true` to have it forwarded by hand.",
        "Für Ihren Wohnort ist ein Jobcenter zuständig, das Anträge auf einem anderen Weg annimmt.",
    ),
    ProblemType("jobcenter-paused", 503, "The Jobcenter takes no applications at the moment", "Try again later."),
    ProblemType("service-unknown", 422, "There is no such service", "Use a service of the API description."),
    # a submission's life
    ProblemType(
        "submission-not-found", 404, "There is no such submission", "Check the id; it may be another client's."
    ),
    ProblemType("submission-completed", 409, "The submission has been completed", "Open a follow-up to add to it."),
    ProblemType("submission-withdrawn", 409, "The submission has been withdrawn", "Open a new one."),
    ProblemType(
        "submission-expired",
        410,
        "The submission was not completed in time and has been erased",
        "Open a new one.",
        "Der Antrag wurde nicht rechtzeitig abgeschlossen und deshalb gelöscht. Bitte beginnen Sie neu.",
    ),
    ProblemType("content-differs", 409, "It was completed with another content", "Open a follow-up to add to it."),
    ProblemType("receipt-pending", 409, "The receipt is not ready yet", "Ask again after Retry-After."),
    ProblemType("withdrawal-too-late", 409, "The hand-over has begun", "Send a follow-up of kind `withdrawal`."),
    ProblemType("follow-up-unknown", 422, "The submission to follow does not exist", "Check `follows`."),
    ProblemType("destination-changed", 409, "The Jobcenter's keys have changed since the opening", "Open a new one."),
    ProblemType(
        "routing-differs",
        422,
        "Postcode or municipality in the application are not those of the opening",
        "Correct the application, or open a new submission for the other address.",
    ),
    ProblemType(
        "application-invalid",
        422,
        "The application does not fit the form's schema",
        "Correct the fields in `errors`; values are never repeated there.",
        "Einige Angaben fehlen oder passen nicht. Bitte prüfen Sie die markierten Felder.",
    ),
    # documents
    ProblemType("document-not-found", 404, "The submission has no such document", "Check the id."),
    ProblemType("documents-differ", 409, "The list is not what was uploaded", "Name or delete each uploaded document."),
    ProblemType(
        "document-too-large",
        413,
        "The document is too large",
        "Send it in smaller pieces or with less resolution.",
        "Die Datei ist zu groß. Bitte verkleinern oder teilen Sie sie.",
    ),
    ProblemType(
        "submission-too-large",
        413,
        "All documents together are too large",
        "Send the rest with a follow-up of kind `supplement`.",
        "Alle Dateien zusammen sind zu groß. Bitte reichen Sie einen Teil nach.",
    ),
    ProblemType("too-many-documents", 409, "The submission has too many documents", "Send the rest with a follow-up."),
    ProblemType("document-empty", 422, "The document has no bytes", "Send the file itself."),
    ProblemType("document-cut-off", 400, "The document was cut off; nothing was kept", "Send it again."),
    ProblemType(
        "digest-mismatch", 422, "The bytes are not those of Content-Digest; nothing was kept", "Send it again."
    ),
    ProblemType(
        "unsupported-media-type",
        415,
        "This type of content is not accepted",
        "Send PDF, JPEG or PNG with its true media type.",
        "Dieses Dateiformat wird nicht angenommen. Möglich sind PDF, JPEG und PNG.",
    ),
    ProblemType("upload-too-slow", 408, "The document did not arrive in time; nothing was kept", "Send it again."),
    # delivery, at the receiver
    ProblemType(
        "signature-invalid", 401, "The push's signature is not valid", "Sign as docs/for-jobcenter-it.md says."
    ),
    ProblemType("answer-invalid", 422, "The answer is not validly signed", "Sign as docs/for-jobcenter-it.md says."),
    # load, and ours
    ProblemType("too-many-requests", 429, "Too many requests", "Wait as long as Retry-After says."),
    ProblemType("busy", 503, "Too much is under way; nothing was stored", "Try again after Retry-After."),
    ProblemType(
        "unavailable",
        503,
        "The service cannot store anything safely at the moment",
        "Try again after Retry-After; a repeated request is never done twice.",
        "Der Dienst ist gerade nicht erreichbar. Bitte versuchen Sie es in ein paar Minuten noch einmal.",
    ),
    ProblemType("internal", 500, "An error of ours", "Try again later; tell the operator the `trace` if it persists."),
)

CATALOGUE: Final[Mapping[str, ProblemType]] = {problem.code: problem for problem in _TYPES}
"""Code → type."""
