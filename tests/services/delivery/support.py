"""Submissions, a store full of them, and a Jobcenter's receiver in miniature that signs with test keys.

The parts are not sealed for real: nobody in a lane could open them anyway.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.contracts import ids, topics
from shared.contracts.answer import Answer, Problem, Verdict
from shared.contracts.manifest import Manifest, Part, Role
from shared.contracts.messages import Delivery, Received
from shared.contracts.stored import Outcome, OutcomeKind
from shared.kafka.cloudevents import CloudMessage
from shared.kafka.events import delivery_message, received_message
from shared.sealing.jwk import b64u
from shared.store import keys as store_keys
from shared.store.port import Store
from shared.trust.answers import sign_answer
from shared.trust.manifests import manifest_digest, sign_manifest, verify_manifest
from shared.trust.push import parts_digest, verify_probe, verify_push
from shared.web.trace import Trace
from tests import keys

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Submission:
    """A signed manifest with the exact bytes of its parts."""

    manifest: Manifest
    token: str
    parts: dict[UUID, bytes]
    traceparent: str = field(default_factory=lambda: str(Trace.new()))

    @property
    def id(self) -> UUID:
        return self.manifest.submission_id

    @property
    def delivery_id(self) -> UUID:
        return ids.delivery_id(self.id, self.manifest.destination, self.manifest.generation)

    @property
    def outcome(self) -> Outcome:
        return Outcome(
            kind=OutcomeKind.ACCEPTED,
            submission_id=self.id,
            client_id=self.manifest.client_id,
            at=AT,
            traceparent=self.traceparent,
            manifest=self.token,
            inline={part.id: self.parts[part.id].decode("ascii") for part in self.manifest.parts[:2]},
        )

    def delivery(self) -> CloudMessage:
        """The lane's message."""
        body = Delivery(
            submission_id=self.id,
            generation=self.manifest.generation,
            destination=self.manifest.destination,
            delivery_id=self.delivery_id,
            manifest=self.token,
            routed_at=AT,
        )
        return delivery_message(body, source="/test", traceparent=self.traceparent)

    def received(self) -> CloudMessage:
        """The door's message."""
        body = Received(submission_id=self.id, manifest=self.token)
        return received_message(body, generation=0, source="/test", traceparent=self.traceparent, at=AT)

    async def store(self, store: Store) -> Submission:
        """Puts everything where intake would."""
        await store.put_new(store_keys.outcome(self.id), self.outcome.to_bytes())
        for part in self.manifest.parts[2:]:
            await store.put(store_keys.part(self.id, part.id), self.parts[part.id])
        return self


def make_submission(destination: str = "jobcenter-a", *attachments: bytes, **claims: Any) -> Submission:
    """A submission for `destination`; `attachments` are bytes of further parts, `claims` override the manifest's."""
    bodies = [(Role.METADATA, b"metadata." + uuid4().hex.encode()), (Role.DATA, b"data." + uuid4().hex.encode())]
    bodies += [(Role.ATTACHMENT, body) for body in attachments]
    content = {uuid4(): (role, body) for role, body in bodies}
    parts = tuple(
        Part(
            role=role,
            id=part_id,
            kid=keys.kid("a-encrypt"),
            size=len(body),
            sha256=b64u(hashlib.sha256(body).digest()),
            tag=b64u(hashlib.md5(body).digest()),
        )
        for part_id, (role, body) in content.items()
    )
    manifest = Manifest(
        **{
            "submission_id": uuid4(),
            "client_id": "portal",
            "received_at": AT,
            "service": "sgb2-hauptantrag",
            "postcode": "63303",
            "destination": destination,
            "jobcenter": destination,
            "directory_version": 1,
            "parts": parts,
            "content": "c" * 43,
        }
        | claims
    )
    token = sign_manifest(manifest, keys.private_key("receipt"), keys.kid("receipt"))
    return Submission(manifest, token, {part_id: body for part_id, (_, body) in content.items()})


@dataclass(frozen=True)
class Push:
    """What the receiver got in one push."""

    delivery_id: UUID
    manifest: Manifest
    parts: dict[str, bytes]
    token: str


Behaviour = Callable[["Receiver", web.Request, Push], Awaitable[web.StreamResponse]]


class Receiver:
    """Checks each push as the contract says, then behaves as told. `pushes` are those that came complete and right."""

    def __init__(self, letter: str = "a") -> None:
        self.letter = letter
        self.pushes: list[Push] = []
        self.attempts = 0
        self.times: list[float] = []
        self.behaviour: Behaviour = accept
        self.before: Callable[[], web.StreamResponse | None] = lambda: None
        self.before_probe: Callable[[], web.StreamResponse | None] = lambda: None
        self.probes = 0
        self.url = ""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Receiver]:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/{destination}/v1/deliveries/{delivery_id}", self._deliveries)
        app.router.add_get("/{destination}/v1/probe", self._probe)
        async with TestServer(app) as server:
            self.url = str(server.make_url("")).rstrip("/")
            yield self

    def url_of(self, destination: str) -> str:
        return f"{self.url}/{destination}"

    async def _probe(self, request: web.Request) -> web.StreamResponse:
        verify_probe(f"{self.url}{request.path}", request.headers, keys.platform_keys().push_key_for, datetime.now(UTC))
        self.probes += 1
        return self.before_probe() or web.Response(status=204)

    async def _deliveries(self, request: web.Request) -> web.StreamResponse:
        self.attempts += 1
        self.times.append(asyncio.get_running_loop().time())
        early = self.before()
        if early is not None:
            return early
        platform = keys.platform_keys()
        url = f"{self.url}{request.path}"
        verify_push("POST", url, request.headers, platform.push_key_for, datetime.now(UTC))
        fields = [
            (part.name, part.headers["Content-Type"], bytes(await part.read()))
            async for part in await request.multipart()
        ]
        assert all(kind == "application/jose" for _, kind, _ in fields)
        assert fields[0][0] == "manifest"
        token = fields[0][2].decode("ascii")
        manifest = verify_manifest(token, platform)
        assert request.headers["Delivery-Id"] == request.match_info["delivery_id"]
        assert request.headers["Parts-Digest"] == parts_digest(token, manifest)
        assert [name for name, _, _ in fields[1:]] == [str(part.id) for part in manifest.parts]
        parts = {str(name): body for name, _, body in fields[1:]}
        for part in manifest.parts:
            assert b64u(hashlib.sha256(parts[str(part.id)]).digest()) == part.sha256
        push = Push(UUID(request.headers["Delivery-Id"]), manifest, parts, token)
        self.pushes.append(push)
        return await self.behaviour(self, request, push)

    def answer(self, push: Push, verdict: Verdict = Verdict.ACCEPT, **changes: Any) -> str:
        """The signed answer to a push."""
        answer = Answer(
            **{
                "iss": push.manifest.destination,
                "jti": uuid4(),
                "iat": int(datetime.now(UTC).timestamp()),
                "delivery_id": push.delivery_id,
                "submission_id": push.manifest.submission_id,
                "manifest": manifest_digest(push.token),
                "verdict": verdict,
                "tags": {part.id: part.tag for part in push.manifest.parts},
            }
            | changes
        )
        name = f"{self.letter}-verify"
        return sign_answer(answer, keys.private_key(name), keys.kid(name))


def signed(text: str) -> web.Response:
    return web.Response(body=text.encode(), content_type="application/jose")


async def accept(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
    return signed(receiver.answer(push))


def reject(*codes: str) -> Behaviour:
    """A behaviour: a signed, final reject with these codes."""

    async def behave(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        problems = tuple(Problem(code=code, detail="Geheimnis im Freitext") for code in codes)
        return signed(receiver.answer(push, Verdict.REJECT, tags={}, problems=problems))

    return behave


def status(code: int, **headers: str) -> Callable[[], web.StreamResponse | None]:
    """For `Receiver.before`: answers without reading."""
    return lambda: web.Response(status=code, headers=headers)


async def publish_lane(producer: Any, *submissions: Submission) -> None:
    """Routes by hand."""
    for submission in submissions:
        await producer.send(topics.lane(submission.manifest.destination), submission.id, submission.delivery())


def decoded(original: str | None) -> bytes:
    assert original is not None
    return base64.b64decode(original, validate=True)
