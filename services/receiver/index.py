"""`index.json`: what the specialist system reads first. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.receiver.checks import Contents, Document
from shared.contracts.base import rfc3339
from shared.contracts.manifest import Manifest
from shared.form.filenames import safe_name
from shared.form.media import ALLOWED

FORMAT = 1
"""Version of `index.json`. Members may be added; none is removed or given another meaning."""
APPLICATION = "application.json"
DOCUMENTS = "documents"
INDEX = "index.json"
MANIFEST = "manifest.jws"
_EVIDENCE_MEMBERS = ("evidence_code", "person_ref", "question_id", "class")


@dataclass(frozen=True)
class Links:
    """How this submission stands to others of the same destination when it is handed over."""

    follows_arrived: bool = False
    followed_by: Sequence[UUID] = ()


def file_names(documents: Sequence[Document]) -> tuple[str, ...]:
    """Safe, distinct names in the sender's order; see `shared.form.filenames`."""
    return tuple(_file_name(document, number) for number, document in enumerate(documents, start=1))


def _file_name(document: Document, number: int) -> str:
    if document.media_type in ALLOWED:
        return safe_name(document.original_name or "", document.media_type, number)
    # A type that only this Jobcenter configured: no extension is known to be harmless.
    return f"{number:03d}_dokument.bin"


def build_index(
    manifest: Manifest,
    contents: Contents,
    application: Mapping[str, Any],
    *,
    delivery_id: UUID,
    links: Links,
    at: datetime,
    paper: str | None = None,
) -> bytes:
    """The file's bytes: UTF-8 JSON, indented, because people read it too.

    `at` is the moment of the hand-over, `paper` the name of the PDF that was rendered here, if one was."""
    evidence = evidence_by_document(application)
    follows = None
    if manifest.follows is not None:
        follows = {"submission_id": str(manifest.follows), "arrived": links.follows_arrived}
    index: dict[str, Any] = {
        "format": FORMAT,
        "submission_id": str(manifest.submission_id),
        "generation": manifest.generation,
        "delivery_id": str(delivery_id),
        "kind": manifest.kind.value,
        "service": manifest.service,
        "schema": contents.schema_uri,
        "received_at": rfc3339(manifest.received_at),
        "handed_over_at": rfc3339(at),
        "jobcenter": manifest.jobcenter,
        "destination": manifest.destination,
        "postcode": manifest.postcode,
        "municipality_key": manifest.municipality_key,
        "follows": follows,
        "flags": flags_of(application),
        "followed_by": [str(follower) for follower in links.followed_by],
        "application": {"file": APPLICATION, "size": len(contents.data), "sha512": contents.data_sha512},
        "documents": [
            _document(document, name, evidence.get(document.part_id, []))
            for document, name in zip(contents.documents, file_names(contents.documents), strict=True)
        ],
        "manifest": MANIFEST,
    }
    if paper is not None:
        index["application"]["pdf"] = paper
    return json.dumps(index, ensure_ascii=False, indent=2).encode() + b"\n"


def _document(document: Document, name: str, evidence: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "id": str(document.part_id),
        "file": f"{DOCUMENTS}/{name}",
        "original_name": document.original_name,
        "media_type": document.media_type,
        "purpose": document.purpose,
        "size": document.size,
        "sha512": document.sha512,
        "evidence": list(evidence),
    }


def evidence_by_document(application: Mapping[str, Any]) -> dict[UUID, list[dict[str, Any]]]:
    """Which evidence each document is, by the application's own `evidence` list; empty where it says nothing.

    The application is the sender's: members that are not what the form's schema says are left out, never refused.
    """
    found: dict[UUID, list[dict[str, Any]]] = {}
    evidence = application.get("evidence")
    for item in evidence if isinstance(evidence, list) else []:
        document = _uuid(item.get("document")) if isinstance(item, dict) else None
        if document is not None:
            described = {name: item[name] for name in _EVIDENCE_MEMBERS if isinstance(item.get(name), str)}
            found.setdefault(document, []).append(described)
    return found


def flags_of(application: Mapping[str, Any]) -> list[str]:
    """What the application says must be seen first, so that access can be restricted before anyone opens it."""
    flags = application.get("flags")
    named = [item.get("flag") for item in flags if isinstance(item, dict)] if isinstance(flags, list) else []
    return sorted({flag for flag in named if isinstance(flag, str) and re.fullmatch("[a-z][a-z0-9_]{1,48}", flag)})


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
