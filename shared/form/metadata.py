"""The metadata part: FIT-Connect metadata 2.1.0. It tells the receiver what each plaintext must be. Pure.

Field names and rules are those of the published schema
(https://schema.fitko.de/fit-connect/metadata/2.1.0/metadata.schema.json), against which the tests check.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

METADATA_VERSION = "2.1.0"
METADATA_SCHEMA = f"https://schema.fitko.de/fit-connect/metadata/{METADATA_VERSION}/metadata.schema.json"
_BERLIN = ZoneInfo("Europe/Berlin")


class Purpose(StrEnum):
    """What a document is for."""

    FORM = "form"
    """The whole application as a PDF."""
    ATTACHMENT = "attachment"
    """Uploaded by the citizen."""
    REPORT = "report"
    """Made by the portal afterwards."""
    DATA = "data"
    """Data too large for the data part."""


@dataclass(frozen=True)
class Document:
    """One document as the metadata describes it. `sha512` is the plaintext's, lower-case hex."""

    id: UUID
    sha512: str
    filename: str
    purpose: Purpose
    media_type: str


def build_metadata(
    *,
    submission_id: UUID,
    received_at: datetime,
    schema_uri: str,
    data_sha512: str,
    documents: Iterable[Document],
) -> dict[str, Any]:
    """The metadata of a submission, ready for `canonical_json`; documents in the sender's order.

    `applicationDate` is the day of receipt in Germany: the benefit works back to the first of *that* month
    (§ 37 (2) SGB II), so an application of 23:30 UTC on the 31st belongs to the next month.
    Raises ValueError for a moment without time zone.
    """
    if received_at.tzinfo is None:
        raise ValueError("received_at needs a time zone")
    return {
        "$schema": METADATA_SCHEMA,
        "contentStructure": {
            "data": {
                "hash": _hash(data_sha512),
                "submissionSchema": {"schemaUri": schema_uri, "mimeType": "application/json"},
            },
            "attachments": [_attachment(document) for document in documents],
        },
        "additionalReferenceInfo": {
            "senderReference": str(submission_id),
            "applicationDate": received_at.astimezone(_BERLIN).date().isoformat(),
        },
    }


def _attachment(document: Document) -> dict[str, Any]:
    return {
        "attachmentId": str(document.id),
        "purpose": document.purpose.value,
        "mimeType": document.media_type,
        "filename": document.filename,
        "hash": _hash(document.sha512),
    }


def _hash(sha512: str) -> dict[str, str]:
    return {"type": "sha512", "content": sha512}
