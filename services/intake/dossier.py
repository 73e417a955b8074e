"""Makes the outcome of a completed submission: seals, describes, signs. Pure but for randomness.

Given the same opening, documents and answers two replicas make different bytes (fresh keys, ids, secret); which of them
counts is decided by the store alone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from services.intake.records import Completion, Document, Listed, Opening, completion_context
from shared.contracts.canonical import canonical_json
from shared.contracts.manifest import Manifest, Part, Role
from shared.contracts.stored import Outcome, OutcomeKind
from shared.errors import SenderError
from shared.form.metadata import Document as Described
from shared.form.metadata import build_metadata
from shared.sealing.jwe import Recipient, seal
from shared.sealing.jwk import b64u, unb64u
from shared.sealing.statebox import StateBox
from shared.trust.content import SECRET_BYTES, SentDocument, content_claim, content_plaintext
from shared.trust.manifests import sign_manifest

JSON = "application/json"


@dataclass(frozen=True)
class Order:
    """What a completion asks for: the answers, and the documents in the sender's order."""

    application: dict[str, Any]
    documents: tuple[UUID, ...]

    @cached_property
    def plaintext(self) -> bytes:
        """The data part. Raises `ValueError` for what JSON cannot hold."""
        return canonical_json(self.application)


@dataclass(frozen=True)
class Seals:
    """Keys of the door and of those it seals for."""

    recipient: Recipient
    transit: Recipient
    receipt_key: EllipticCurvePrivateKey
    receipt_kid: str
    box: StateBox


@dataclass(frozen=True)
class Dossier:
    """An outcome that may be stored, with what is known of it already."""

    outcome: Outcome
    manifest: Manifest
    completion: Completion


def choose(order: Order, stored: Sequence[Document], now: datetime) -> list[Document]:
    """The named documents in the sender's order. What is uploaded and what is named must be the same.

    Raises the 409 problem with the ids that differ: one uploaded or uploading and not named would be lost silently, one
    named and not uploaded cannot be sent.
    """
    standing = {document.id: document for document in stored if document.stands(now)}
    named = [standing.get(document_id) for document_id in order.documents]
    ready = [document for document in named if document is not None and document.part is not None]
    ready_ids = {document.id for document in ready}
    missing = [document_id for document_id in order.documents if document_id not in ready_ids]
    unnamed = standing.keys() - set(order.documents)
    if missing or unnamed:
        raise SenderError(
            "documents-differ",
            "Name every uploaded document; delete those that do not belong to the application.",
            not_uploaded=[str(document_id) for document_id in missing],
            not_named=sorted(str(document_id) for document_id in unnamed),
        )
    return ready


def assemble(
    seals: Seals,
    opening: Opening,
    order: Order,
    documents: Sequence[Document],
    *,
    schema_uri: str,
    now: datetime,
    traceparent: str,
) -> Dossier:
    """The outcome. `documents` as `choose` gave them, `now` the time of receipt."""
    data = order.plaintext
    listed = tuple(_listed(document) for document in documents)
    described = canonical_json(
        build_metadata(
            submission_id=opening.submission_id,
            received_at=now,
            schema_uri=schema_uri,
            data_sha512=hashlib.sha512(data).hexdigest(),
            documents=[Described(**dict(document)) for document in listed],
        )
    )
    secret = os.urandom(SECRET_BYTES)
    parts: list[Part] = []
    inline: dict[UUID, str] = {}
    locks = {document.id: document.lock for document in documents if document.lock is not None}
    for role, plaintext in ((Role.METADATA, described), (Role.DATA, data)):
        part_id = uuid4()
        jwe, sealed = seal(plaintext, seals.recipient, JSON, seals.transit)
        inline[part_id] = jwe.decode("ascii")
        if sealed.lock is not None:
            locks[part_id] = sealed.lock
        parts.append(
            Part(role=role, id=part_id, kid=sealed.kid, size=sealed.size, sha256=sealed.sha256, tag=sealed.tag)
        )
    parts += [document.part for document in documents if document.part is not None]
    manifest = Manifest(
        submission_id=opening.submission_id,
        client_id=opening.client_id,
        received_at=now,
        service=opening.service,
        kind=opening.kind,
        follows=opening.follows,
        postcode=opening.postcode,
        municipality_key=opening.municipality_key,
        destination=opening.destination,
        jobcenter=opening.jobcenter,
        clearing_reason=opening.clearing_reason,
        directory_version=opening.directory_version,
        parts=tuple(parts),
        content=_claim(secret, data, listed),
    )
    completion = Completion(secret=b64u(secret), request=opening.request, documents=listed)
    outcome = Outcome(
        kind=OutcomeKind.ACCEPTED,
        submission_id=opening.submission_id,
        client_id=opening.client_id,
        at=now,
        traceparent=traceparent,
        manifest=sign_manifest(manifest, seals.receipt_key, seals.receipt_kid),
        inline=inline,
        locks=locks,
        state=b64u(seals.box.seal(completion.to_bytes(), completion_context(opening.submission_id))),
    )
    return Dossier(outcome, manifest, completion)


def read_completion(box: StateBox, outcome: Outcome) -> Completion:
    """The sealed member `state`. Raises `CannotOpen`."""
    assert outcome.state is not None, "an accepted outcome has a state"
    return Completion.model_validate_json(box.open(unb64u(outcome.state), completion_context(outcome.submission_id)))


def is_repeat(order: Order, manifest: Manifest, completion: Completion) -> bool:
    """Whether this completion sends what was accepted already: compared by the manifest's keyed claim."""
    known = {document.id: document for document in completion.documents}
    listed = [known[document_id] for document_id in order.documents if document_id in known]
    if len(listed) != len(order.documents):
        return False
    claim = _claim(unb64u(completion.secret), order.plaintext, listed)
    return hmac.compare_digest(claim, manifest.content)


def _listed(document: Document) -> Listed:
    assert document.sha512 is not None, "an uploaded document has a digest"
    return Listed(
        id=document.id,
        sha512=document.sha512,
        filename=document.filename,
        purpose=document.purpose,
        media_type=document.media_type,
    )


def _claim(secret: bytes, data: bytes, documents: Sequence[Listed]) -> str:
    sent = [
        SentDocument(
            id=str(document.id),
            sha512=document.sha512,
            filename=document.filename,
            purpose=document.purpose.value,
            media_type=document.media_type,
        )
        for document in documents
    ]
    return content_claim(secret, content_plaintext(hashlib.sha512(data).hexdigest(), sent))
