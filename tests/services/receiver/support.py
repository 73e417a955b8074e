"""A sender and a platform in miniature: real keys, real sealing, real signatures, no servers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.receiver.deliveries import Step
from services.receiver.http import create_app
from services.receiver.settings import DestinationSettings, Limits, ReceiverSettings
from shared.contracts.answer import Answer
from shared.contracts.canonical import canonical_json
from shared.contracts.ids import delivery_id
from shared.contracts.manifest import Kind, Manifest, Part, Role
from shared.sealing.jwe import seal
from shared.sealing.jwk import b64u
from shared.trust.answers import verify_answer
from shared.trust.manifests import sign_manifest
from shared.trust.push import parts_digest, sign_probe, sign_push
from tests import keys

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PDF = b"%PDF-1.7\n" + b"Kontoauszug " * 400
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 64
SCHEMA_URI = "https://forms.example/sgb2-hauptantrag/1"


class Clock:
    """A clock that tests set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Attachment:
    """A document as a sender gives it; `metadata` overrides what the metadata says of it."""

    content: bytes = PDF
    filename: str | None = "Kontoauszug März.pdf"
    media_type: str = "application/pdf"
    id: UUID = field(default_factory=uuid4)
    cty: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Package:
    """A signed manifest and the sealed parts, in the manifest's order, that will be sent."""

    token: str
    manifest: Manifest
    parts: tuple[tuple[str, bytes], ...]

    @property
    def delivery_id(self) -> UUID:
        return delivery_id(self.manifest.submission_id, self.manifest.destination, self.manifest.generation)

    def with_parts(self, parts: Iterable[tuple[str, bytes]]) -> Package:
        return replace(self, parts=tuple(parts))


def make_metadata(data: bytes, attachments: Sequence[Attachment], **changes: Any) -> dict[str, Any]:
    """FIT-Connect metadata 2.1.0; `changes` replace top-level members."""
    described = []
    for item in attachments:
        entry: dict[str, Any] = {
            "attachmentId": str(item.id),
            "purpose": "attachment",
            "mimeType": item.media_type,
            "hash": {"type": "sha512", "content": hashlib.sha512(item.content).hexdigest()},
        }
        if item.filename is not None:
            entry["filename"] = item.filename
        described.append(entry | item.metadata)
    return {
        "$schema": "https://schema.fitko.de/fit-connect/metadata/2.1.0/metadata.schema.json",
        "contentStructure": {
            "data": {
                "hash": {"type": "sha512", "content": hashlib.sha512(data).hexdigest()},
                "submissionSchema": {"schemaUri": SCHEMA_URI, "mimeType": "application/json"},
            },
            "attachments": described,
        },
    } | changes


def make_package(
    attachments: Sequence[Attachment] = (),
    *,
    application: Any = None,
    letter: str = "a",
    receipt: str = "receipt",
    metadata: bytes | None = None,
    **claims: Any,
) -> Package:
    """A submission sealed for test destination `letter` and signed by the test platform."""
    data = canonical_json({"person": {"family_name": "Müßig"}} if application is None else application)
    if metadata is None:
        metadata = canonical_json(make_metadata(data, attachments))
    recipient, lock = keys.recipient(f"{letter}-encrypt"), keys.recipient("transit")
    plain = [(Role.METADATA, uuid4(), metadata, "application/json"), (Role.DATA, uuid4(), data, "application/json")]
    plain += [(Role.ATTACHMENT, item.id, item.content, item.cty or item.media_type) for item in attachments]
    parts, sent = [], []
    for role, part_id, content, cty in plain:
        jwe, sealed = seal(content, recipient, cty, lock)
        parts.append(
            Part(role=role, id=part_id, kid=sealed.kid, size=sealed.size, sha256=sealed.sha256, tag=sealed.tag)
        )
        sent.append((str(part_id), jwe))
    manifest = Manifest.model_validate(
        {
            "submission_id": uuid4(),
            "client_id": "portal",
            "received_at": NOW,
            "service": "sgb2-hauptantrag",
            "postcode": "63303",
            "municipality_key": "06438002",
            "destination": f"jobcenter-{letter}",
            "jobcenter": f"jobcenter-{letter}",
            "directory_version": 1,
            "parts": tuple(parts),
            "content": b64u(hashlib.sha256(data).digest()),
        }
        | claims
    )
    return sign(manifest, sent, receipt)


def sign(manifest: Manifest, parts: Iterable[tuple[str, bytes]], receipt: str = "receipt") -> Package:
    """Sign a manifest with the test platform's receipt key, or with another test key under its kid."""
    token = sign_manifest(manifest, keys.private_key(receipt), keys.kid("receipt"))
    return Package(token, manifest, tuple(parts))


def resealed(first: Package, attachments: Sequence[Attachment], **changes: Any) -> Package:
    """The next generation of a submission, with fresh keys, as clearing makes it."""
    manifest = first.manifest
    kept = {name: getattr(manifest, name) for name in ("submission_id", "received_at", "content", "kind", "follows")}
    return make_package(attachments, generation=manifest.generation + 1, previous=first.token, **kept, **changes)


def follow_up(earlier: UUID, kind: Kind = Kind.SUPPLEMENT) -> Package:
    return make_package(kind=kind, follows=earlier)


def make_settings(folder: Path, *, limits: Limits | None = None, **destination: Any) -> ReceiverSettings:
    """A receiver for `jobcenter-a` and `jobcenter-b` below `folder`, with a signed platform key set."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "anchor.jwk").write_text(json.dumps(keys.public("directory")))
    (folder / "_platform.jws").write_text(keys.signed(keys.platform_entry()))
    destinations = tuple(
        DestinationSettings(
            **{
                "id": f"jobcenter-{letter}",
                "encryption_key_files": (keys.path(f"{letter}-encrypt"),),
                "signing_key_file": keys.path(f"{letter}-verify"),
                "handover_folder": folder / f"handover-{letter}",
            }
            | destination
        )
        for letter in ("a", "b")
    )
    return ReceiverSettings(
        public_url="https://annahme.example",
        anchor_file=folder / "anchor.jwk",
        platform_file=folder / "_platform.jws",
        journal_file=folder / "journal.sqlite3",
        destinations=destinations,
        limits=limits or Limits(min_free_bytes=0),
    )


@dataclass(frozen=True)
class Received:
    """What came back from the receiver."""

    status: int
    body: bytes
    headers: dict[str, str]

    def answer(self, package: Package, letter: str = "a", *, at: datetime = NOW) -> Answer:
        """The answer, verified as delivery verifies it."""
        assert self.status == 200, (self.status, self.body)
        return verify_answer(
            self.body,
            destination=keys.destination(letter),
            delivery_id=package.delivery_id,
            manifest=package.manifest,
            manifest_token=package.token,
            handed_over_at=at,
        )

    def codes(self, package: Package, letter: str = "a") -> list[str]:
        """The codes of a signed reject."""
        answer = self.answer(package, letter)
        assert answer.verdict.value == "reject"
        assert not answer.tags
        return [item.code for item in answer.problems]

    @property
    def code(self) -> str:
        """The code of an unsigned refusal."""
        return str(json.loads(self.body)["code"])


BOUNDARY = "antragsweiche-test-boundary"


def body_of(package: Package, *, manifest_first: bool = True) -> bytes:
    """The multipart body, byte for byte."""
    fields = [("manifest", package.token.encode()), *package.parts]
    if not manifest_first:
        fields = fields[1:] + fields[:1]
    return b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
        + b"Content-Type: application/jose\r\n\r\n"
        + content
        + b"\r\n"
        for name, content in fields
    ) + (f"--{BOUNDARY}--\r\n".encode())


class Platform:
    """Pushes to a receiver over real HTTP."""

    def __init__(self, server: TestServer, session: aiohttp.ClientSession) -> None:
        self._server, self._session = server, session

    def signed_headers(
        self, package: Package, *, letter: str = "a", at: datetime = NOW, push: str = "push", **changes: str
    ) -> dict[str, str]:
        """The headers of a push; `changes` are made before signing."""
        headers = {
            "Delivery-Id": str(package.delivery_id),
            "Parts-Digest": parts_digest(package.token, package.manifest),
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        } | changes
        url = f"https://annahme.example/jobcenter-{letter}/v1/deliveries/{package.delivery_id}"
        return headers | sign_push("POST", url, headers, keys.private_key(push), keys.kid("push"), at)

    async def push(
        self,
        package: Package,
        *,
        letter: str = "a",
        headers: dict[str, str] | None = None,
        body: Any = None,
        at: datetime = NOW,
    ) -> Received:
        return await self.send(
            f"/jobcenter-{letter}/v1/deliveries/{package.delivery_id}",
            headers or self.signed_headers(package, letter=letter, at=at),
            body_of(package) if body is None else body,
        )

    async def send(self, path: str, headers: dict[str, str], body: Any) -> Received:
        async with self._session.post(self._server.make_url(path), headers=headers, data=body) as response:
            return Received(response.status, await response.read(), dict(response.headers))

    async def probe(self, letter: str = "a", *, push: str = "push", at: datetime = NOW) -> int:
        url = f"https://annahme.example/jobcenter-{letter}/v1/probe"
        headers = sign_probe(url, keys.private_key(push), keys.kid("push"), at)
        async with self._session.get(
            self._server.make_url(f"/jobcenter-{letter}/v1/probe"), headers=headers
        ) as response:
            return response.status

    async def get(self, path: str) -> Received:
        async with self._session.get(self._server.make_url(path)) as response:
            return Received(response.status, await response.read(), dict(response.headers))


class Running:
    """A receiver on a free port of loopback, and a platform that speaks to it."""

    def __init__(self, settings: ReceiverSettings, clock: Clock | None = None, on_step: Any = lambda _: None) -> None:
        self.settings, self.clock = settings, clock or Clock()
        self.steps: list[Step] = []
        self._on_step = on_step

    def _step(self, step: Step) -> None:
        self.steps.append(step)
        self._on_step(step)

    @property
    def handover(self) -> Path:
        return self.settings.destinations[0].handover_folder

    def folders(self) -> list[str]:
        """Names in the hand-over folder of `jobcenter-a`, hidden ones left out."""
        return sorted(path.name for path in self.handover.iterdir() if not path.name.startswith("."))

    def leftovers(self) -> list[Path]:
        return list((self.handover / ".incoming").iterdir())

    def folder(self, package: Package) -> Path:
        return self.handover / str(package.manifest.submission_id)

    def index(self, package: Package) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.folder(package) / "index.json").read_bytes())
        return loaded

    async def __aenter__(self) -> Running:
        self.app: web.Application = create_app(self.settings, self.clock, on_step=self._step)
        self._server = TestServer(self.app)
        await self._server.start_server()
        self._session = aiohttp.ClientSession()
        self.platform = Platform(self._server, self._session)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._server.close()
