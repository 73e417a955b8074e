"""What must hold before a delivery is accepted: pure functions from what was opened to problems.

No problem's text contains anything that was opened: only codes, part ids, sizes and field names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.receiver.settings import DestinationSettings
from shared.contracts.answer import Problem
from shared.contracts.canonical import canonical_json, strict_json
from shared.contracts.ids import delivery_id as expected_delivery_id
from shared.contracts.manifest import Manifest, Part, Role
from shared.contracts.reasons import Reason
from shared.form.media import ALLOWED

JSON = "application/json"
_METADATA_SCHEMA = re.compile(
    r"^https://schema\.fitko\.de/fit-connect/metadata/[12]\.[0-9]+\.[0-9]+/metadata\.schema\.json$"
)


@dataclass(frozen=True)
class Opened:
    """What one part turned out to be, after its hash, size and tag were verified.

    `sha512` (hex) and `size` are the plaintext's; `media_type` is the JWE header's `cty`, `sniffed` what the first
    bytes show; `plaintext` is kept for metadata and data alone.
    """

    part_id: UUID
    media_type: str | None
    sniffed: str | None
    size: int
    sha512: str
    plaintext: bytes | None = None


@dataclass(frozen=True)
class Document:
    """One attachment as the metadata describes it, in the manifest's order."""

    part_id: UUID
    original_name: str | None
    purpose: str
    media_type: str
    size: int
    sha512: str


@dataclass(frozen=True)
class Contents:
    """A submission that passed every check."""

    data: bytes
    data_sha512: str
    schema_uri: str
    documents: tuple[Document, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Hash(_Part):
    type: str = Field(pattern=r"^sha512$")
    content: str = Field(pattern=r"^[a-f0-9]{128}$")


class _Schema(_Part):
    schemaUri: str  # noqa: N815 - FIT-Connect's name
    mimeType: str  # noqa: N815


class _Data(_Part):
    hash: _Hash
    submissionSchema: _Schema  # noqa: N815


class _Attachment(_Part):
    hash: _Hash
    purpose: str = Field(max_length=40)
    filename: str | None = None
    mimeType: str = Field(max_length=200)  # noqa: N815
    attachmentId: UUID  # noqa: N815


class _Structure(_Part):
    data: _Data
    attachments: tuple[_Attachment, ...]


class _Metadata(_Part):
    """What a receiver needs of FIT-Connect's metadata, 1.x and 2.x (the members are the same in both)."""

    schema_uri: str = Field(alias="$schema")
    contentStructure: _Structure  # noqa: N815


def problem(reason: Reason, part: UUID | None = None, detail: str | None = None) -> Problem:
    """A problem with a code of the catalogue."""
    return Problem(code=reason.value, part=part, detail=detail)


def check_manifest(manifest: Manifest, destination: DestinationSettings, delivery_id: UUID) -> list[Problem]:
    """Is this delivery for this destination at all? Its signature is verified already."""
    problems = []
    if manifest.destination != destination.id:
        return [problem(Reason.WRONG_DESTINATION, detail="the manifest names another destination")]
    if delivery_id != expected_delivery_id(manifest.submission_id, manifest.destination, manifest.generation):
        problems.append(problem(Reason.MANIFEST_INVALID, detail="the delivery id is not computed from this manifest"))
    roles = [part.role for part in manifest.parts]
    if roles[:2] != [Role.METADATA, Role.DATA] or set(roles[2:]) - {Role.ATTACHMENT}:
        problems.append(problem(Reason.MANIFEST_INVALID, detail="parts must be metadata, data, then attachments"))
    if len({part.id for part in manifest.parts}) != len(manifest.parts):
        problems.append(problem(Reason.MANIFEST_INVALID, detail="two parts bear the same id"))
    elsewhere = manifest.municipality_key not in destination.municipality_keys
    if destination.municipality_keys and manifest.municipality_key is not None and elsewhere:
        problems.append(problem(Reason.NOT_RESPONSIBLE, detail="the municipality is not in this destination's list"))
    return problems


def check_presence(manifest: Manifest, arrived: Iterable[str]) -> list[Problem]:
    """Compare the names of the fields that arrived, in any order, with the manifest's parts."""
    names = list(arrived)
    expected = {str(part.id): part for part in manifest.parts}
    problems = [
        problem(Reason.PART_MISSING, part.id, "not in the delivery")
        for name, part in expected.items()
        if name not in names
    ]
    unknown = sum(name not in expected for name in names)
    if unknown:
        problems.append(problem(Reason.PART_EXTRA, detail=f"{unknown} fields are no parts of the manifest"))
    problems.extend(
        problem(Reason.PART_EXTRA, part.id, "more than once in the delivery")
        for name, part in expected.items()
        if names.count(name) > 1
    )
    return problems


def check_contents(
    manifest: Manifest, opened: Mapping[UUID, Opened], destination: DestinationSettings
) -> tuple[Contents | None, list[Problem]]:
    """Compare everything that was opened with what the metadata says. All parts of the manifest must be in `opened`."""
    metadata_part, data_part, *attachments = manifest.parts
    try:
        metadata = _Metadata.model_validate_json(opened[metadata_part.id].plaintext or b"")
    except ValidationError as error:
        fields = sorted({".".join(str(step) for step in item["loc"]) or "document" for item in error.errors()})
        detail = f"metadata: {', '.join(fields)}"[:500]
        return None, [problem(Reason.METADATA_MISMATCH, metadata_part.id, detail)]
    if not _METADATA_SCHEMA.match(metadata.schema_uri):
        return None, [problem(Reason.SCHEMA_UNSUPPORTED, metadata_part.id, "metadata must be version 1.x or 2.x")]
    structure = metadata.contentStructure
    problems = _check_data(structure.data, data_part, opened[data_part.id], destination)
    if opened[metadata_part.id].media_type != JSON:
        problems.append(problem(Reason.METADATA_MISMATCH, metadata_part.id, "cty is not application/json"))
    problems += _check_attachments(structure.attachments, attachments, opened, destination)
    if problems:
        return None, problems
    described = {item.attachmentId: item for item in structure.attachments}
    documents = tuple(
        Document(
            part_id=part.id,
            original_name=described[part.id].filename,
            purpose=described[part.id].purpose,
            media_type=described[part.id].mimeType,
            size=opened[part.id].size,
            sha512=opened[part.id].sha512,
        )
        for part in attachments
    )
    data = opened[data_part.id]
    return Contents(data.plaintext or b"", data.sha512, structure.data.submissionSchema.schemaUri, documents), []


def _check_data(described: _Data, part: Part, data: Opened, destination: DestinationSettings) -> list[Problem]:
    problems = []
    schema = described.submissionSchema
    if schema.mimeType != JSON:
        return [problem(Reason.SCHEMA_UNSUPPORTED, part.id, "data must be JSON")]
    if destination.schema_uris and schema.schemaUri not in destination.schema_uris:
        problems.append(problem(Reason.SCHEMA_UNSUPPORTED, part.id, "this version of the form is not configured"))
    if data.sha512 != described.hash.content:
        problems.append(problem(Reason.METADATA_MISMATCH, part.id, "SHA-512 differs from the metadata"))
    if data.media_type != JSON:
        problems.append(problem(Reason.METADATA_MISMATCH, part.id, "cty is not application/json"))
    if parse_application(data.plaintext or b"") is None:
        problems.append(problem(Reason.METADATA_MISMATCH, part.id, "data is not a JSON object"))
    return problems


def _check_attachments(
    described: Sequence[_Attachment],
    parts: Sequence[Part],
    opened: Mapping[UUID, Opened],
    destination: DestinationSettings,
) -> list[Problem]:
    by_id = {item.attachmentId: item for item in described}
    if len(by_id) != len(described) or set(by_id) != {part.id for part in parts}:
        return [problem(Reason.METADATA_MISMATCH, detail="the metadata's attachments are not the manifest's")]
    problems = []
    for part in parts:
        wrong = _attachment_fault(by_id[part.id], opened[part.id], destination)
        if wrong is not None:
            problems.append(problem(Reason.METADATA_MISMATCH, part.id, wrong))
    return problems


def _attachment_fault(item: _Attachment, part: Opened, destination: DestinationSettings) -> str | None:
    """A sealed document passes no check on its way that could look inside: this is the first and only one."""
    if part.sha512 != item.hash.content:
        return "SHA-512 differs from the metadata"
    if part.media_type != item.mimeType:
        return "cty differs from the metadata's media type"
    if item.mimeType in ALLOWED or part.sniffed is not None:
        return None if part.sniffed == item.mimeType else "the content is not of the media type"
    return None if item.mimeType in destination.other_media_types else "this media type is not configured"


def parse_application(data: bytes) -> dict[str, Any] | None:
    """The application as an object, or None when it is none."""
    try:
        value = strict_json(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def content_digest(contents: Contents) -> str:
    """What a submission says, whatever it was sealed with: the same for every generation of one submission.

    SHA-256 (hex) over the plaintext hashes. Sorted, so that re-sealing may order parts differently.
    """
    hashes = {"data": contents.data_sha512, "attachments": sorted(item.sha512 for item in contents.documents)}
    return hashlib.sha256(canonical_json(hashes)).hexdigest()
