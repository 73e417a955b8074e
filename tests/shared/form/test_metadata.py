"""The metadata part, against FIT-Connect's published schema."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import form
from shared.contracts.manifest import Kind
from shared.form.media import ALLOWED
from shared.form.metadata import Document, Purpose, build_metadata

REPOSITORY = Path(__file__).parents[3]
PUBLISHED = REPOSITORY.parent / "shared" / "fitconnect" / "metadata-2.1.0.schema.json"
SUBMISSION = UUID("3f0a1c52-9f5e-4a87-8c42-5a1d9c0e7b11")
HASH = hashlib.sha512(b"").hexdigest()


@pytest.fixture(scope="module")
def published() -> jsonschema.Draft202012Validator:
    if not PUBLISHED.exists():
        pytest.skip(f"the published schema is reference data and not part of the project; not found at {PUBLISHED}")
    return jsonschema.Draft202012Validator(
        json.loads(PUBLISHED.read_text()), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def built(
    *documents: Document, at: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC), kind: Kind = Kind.APPLICATION
) -> Any:
    return build_metadata(
        submission_id=SUBMISSION,
        received_at=at,
        schema_uri=form.schema_uri(form.SERVICE, kind),
        data_sha512=HASH,
        documents=documents,
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_every_purpose_and_type_fulfils_the_published_schema(
    published: jsonschema.Draft202012Validator, kind: Kind
) -> None:
    documents = [
        Document(uuid4(), HASH, "Kontoauszüge.pdf", purpose, media_type)
        for purpose in Purpose
        for media_type in sorted(ALLOWED)
    ]
    metadata = built(*documents, kind=kind)
    published.validate(metadata)
    assert [entry["attachmentId"] for entry in metadata["contentStructure"]["attachments"]] == [
        str(document.id) for document in documents
    ]


def test_the_published_schema_would_notice(published: jsonschema.Draft202012Validator) -> None:
    metadata = built(Document(uuid4(), "beef", "a.pdf", Purpose.FORM, "application/pdf"))
    assert not published.is_valid(metadata)


def test_it_says_what_belongs_together() -> None:
    metadata = built()
    assert metadata["contentStructure"]["attachments"] == []
    assert metadata["contentStructure"]["data"]["hash"] == {"type": "sha512", "content": HASH}
    assert metadata["contentStructure"]["data"]["submissionSchema"]["schemaUri"] == form.schema_uri(form.SERVICE)
    assert metadata["additionalReferenceInfo"]["senderReference"] == str(SUBMISSION)


@pytest.mark.parametrize(
    ("received", "day"),
    [
        (datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC), "2026-11-30"),
        (datetime(2026, 11, 30, 23, 0, tzinfo=UTC), "2026-12-01"),
        (datetime(2026, 7, 31, 21, 59, tzinfo=UTC), "2026-07-31"),
        (datetime(2026, 7, 31, 22, 0, tzinfo=UTC), "2026-08-01"),
    ],
)
def test_the_day_is_germanys(received: datetime, day: str) -> None:
    assert built(at=received)["additionalReferenceInfo"]["applicationDate"] == day


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        built(at=datetime(2026, 11, 22, 12))


@given(st.text(max_size=60))
def test_file_names_are_told_as_they_are(filename: str) -> None:
    metadata = built(Document(SUBMISSION, HASH, filename, Purpose.ATTACHMENT, "image/png"))
    assert metadata["contentStructure"]["attachments"][0]["filename"] == filename
