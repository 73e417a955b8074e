"""A small submission with everything that is signed about it, for the tests of trust."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from shared.contracts.answer import Answer, Verdict
from shared.contracts.ids import delivery_id
from shared.contracts.manifest import Manifest, Part, Role
from shared.sealing.jwe import seal
from shared.trust.manifests import manifest_digest, sign_manifest
from tests import keys

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SUBMISSION = UUID("11111111-1111-4111-8111-111111111111")
DELIVERY = delivery_id(SUBMISSION, "jobcenter-a", 0)


def part(role: Role, number: int) -> Part:
    _, sealed = seal(b"content", keys.recipient("a-encrypt"), "application/json")
    return Part(
        role=role,
        id=uuid5(SUBMISSION, str(number)),
        kid=sealed.kid,
        size=sealed.size,
        sha256=sealed.sha256,
        tag=sealed.tag,
    )


PARTS = (part(Role.METADATA, 0), part(Role.DATA, 1), part(Role.ATTACHMENT, 2), part(Role.ATTACHMENT, 3))


def manifest(**changes: Any) -> Manifest:
    return Manifest(
        **{
            "submission_id": SUBMISSION,
            "client_id": "portal",
            "received_at": NOW,
            "service": "sgb2-hauptantrag",
            "postcode": "63303",
            "destination": "jobcenter-a",
            "jobcenter": "jobcenter-a",
            "directory_version": 1,
            "parts": PARTS,
            "content": "A" * 43,
        }
        | changes
    )


def token(claims: Manifest | None = None) -> str:
    return sign_manifest(claims or manifest(), keys.private_key("receipt"), keys.kid("receipt"))


def answer(manifest_token: str, **changes: Any) -> Answer:
    return Answer(
        **{
            "iss": "jobcenter-a",
            "jti": uuid5(SUBMISSION, "answer"),
            "iat": int(NOW.timestamp()),
            "delivery_id": DELIVERY,
            "submission_id": SUBMISSION,
            "manifest": manifest_digest(manifest_token),
            "verdict": Verdict.ACCEPT,
            "tags": {part.id: part.tag for part in PARTS},
        }
        | changes
    )
