"""A door with everything around it: store in memory (or a real one), Kafka as a list, a directory of two Jobcenters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from aiohttp.test_utils import TestClient, TestServer

from devtools.households import Place, single
from services.intake.app import build_app
from services.intake.auth import TokenIssuer, TokenRules, TokenVerifier
from services.intake.clients import Client, Clients, ClientsFile, hash_secret, write_clients
from services.intake.door import Door, OpeningIds
from services.intake.limits import Admission, ClientLimits
from services.intake.sealing import Recipients
from services.intake.settings import IntakeSettings
from services.intake.sweeper import Sweeper
from shared.contracts.directory import JobcenterEntry, Rollout
from shared.contracts.topics import EVENTS, RECEIVED
from shared.directory.snapshot import Applied, Directory
from shared.directory.tables import Tables
from shared.errors import KafkaUnavailable
from shared.kafka.cloudevents import CloudMessage
from shared.sealing.jwk import generate_ec
from shared.sealing.statebox import StateBox
from shared.store.memory import MemoryStore
from shared.store.port import Store
from shared.web.health import Health
from tests import keys as test_keys

OSNABRUECK = "landkreis-osnabrueck"
VERDEN = "landkreis-verden"
POSTCODE = "49124"
PDF = b"%PDF-1.7\n" + b"synthetic evidence " * 40
PORTAL, SECRET = "portal-a", "a-secret-of-tests-only"
OTHER, OTHER_SECRET = "portal-b", "another-secret-of-tests"
STATE_KEYS = {"k1": b"\x01" * 32}


class FakeSender:
    """Kafka as a list. `down`: known to be down; `silent`: looks healthy, but nothing is acknowledged."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, CloudMessage]] = []
        self.down = False
        self.silent = False
        self.before: Callable[[str], None] = lambda _topic: None
        self.after: Callable[[str], None] = lambda _topic: None

    @property
    def healthy(self) -> bool:
        return not self.down

    async def send(self, topic: str, key: UUID | str, message: CloudMessage) -> None:
        if self.down or self.silent:
            raise KafkaUnavailable("switched off")
        self.before(topic)
        self.sent.append((topic, str(key), message))
        self.after(topic)

    def steps(self, submission_id: str) -> list[str]:
        """Steps of a submission's events, repetitions (same id) counted once."""
        found = {
            message.id: message.type.rpartition(".")[2]
            for topic, key, message in self.sent
            if topic == EVENTS and key == submission_id
        }
        return list(found.values())

    def received(self, submission_id: str) -> list[str]:
        """Manifests on `submissions.received`."""
        return [
            message.data.model_dump()["manifest"]
            for topic, key, message in self.sent
            if topic == RECEIVED and key == submission_id
        ]


@dataclass
class Clock:
    """Time that a test moves."""

    now: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class View:
    def __init__(self, directory: Directory) -> None:
        self.directory = directory


def entry(identity: str, letter: str, *, rollout: Rollout = Rollout.LIVE, version: int = 1) -> JobcenterEntry:
    return test_keys.jobcenter_entry(letter, identity, version=version).model_copy(update={"rollout": rollout})


@cache
def _tokens() -> tuple[tuple[str, str], ...]:
    entries = (test_keys.platform_entry(), entry(OSNABRUECK, "a"), entry(VERDEN, "b"))
    return tuple((each.id, test_keys.signed(each)) for each in entries)


def make_directory() -> Directory:
    directory = Directory(test_keys.anchor())
    for key, token in _tokens():
        assert directory.apply(key, token) is Applied.OK
    return directory


def make_settings(**values: Any) -> IntakeSettings:
    nowhere = Path("/nonexistent")
    base: dict[str, Any] = {
        "DIRECTORY_ANCHOR_FILE": nowhere,
        "state_key_file": nowhere,
        "receipt_key_file": nowhere,
        "issuer_key_file": nowhere,
        "clients_file": nowhere,
    }
    return IntakeSettings(**(base | values))


def make_door(
    store: Store, sender: Any, clock: Clock, settings: IntakeSettings | None = None, directory: Directory | None = None
) -> Door:
    settings = settings or make_settings()
    key = test_keys.private_key("receipt")
    return Door(
        settings=settings,
        store=store,
        kafka=sender,
        view=View(directory or make_directory()),
        tables=Tables.load(),
        box=StateBox(STATE_KEYS, "k1"),
        ids=OpeningIds(STATE_KEYS, "k1"),
        receipt_key=key,  # type: ignore[arg-type]
        receipt_kid=test_keys.kid("receipt"),
        clock=clock,
        monotonic=clock.seconds,
        client_limits=ClientLimits(settings.client_rate_per_s, settings.client_burst),
        admission=Admission(settings.max_requests, settings.max_uploads),
        recipients=Recipients(),
    )


@cache
def issuer_jwk() -> str:
    return json.dumps(generate_ec())


@dataclass
class Replica:
    """One intake over HTTP, seen by two portals."""

    door: Door
    client: TestClient[Any, Any]
    tokens: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, *, portal: str = PORTAL, **options: Any) -> tuple[int, Any]:
        """Status and body, as JSON where it is JSON."""
        response, body = await self.raw(method, path, portal=portal, **options)
        return response.status, json.loads(body) if body and "json" in response.content_type else body

    async def raw(self, method: str, path: str, *, portal: str | None = PORTAL, **options: Any) -> tuple[Any, bytes]:
        headers = dict(options.pop("headers", {}))
        if portal is not None:
            headers["Authorization"] = f"Bearer {await self._token(portal)}"
        async with self.client.request(method, path, headers=headers, **options) as response:
            return response, await response.read()

    async def open(self, portal: str = PORTAL, key: str | None = None, **members: Any) -> str:
        body = {"service": "sgb2-hauptantrag", "postcode": POSTCODE} | members
        headers = {"Idempotency-Key": key} if key else {}
        status, answer = await self.call("POST", "/v1/submissions", portal=portal, json=body, headers=headers)
        assert status in (200, 201), answer
        return str(answer["submission_id"])

    async def upload(self, submission_id: str, data: bytes = PDF, **more: Any) -> tuple[int, Any]:
        headers = upload_headers(**more.pop("named", {})) | more.pop("headers", {})
        path = f"/v1/submissions/{submission_id}/documents"
        return await self.call("POST", path, data=data, headers=headers, **more)

    async def complete(
        self, submission_id: str, documents: list[str] | None = None, application: Any = None, **more: Any
    ) -> tuple[int, Any]:
        body = {"application": application or make_application(), "documents": documents or []}
        return await self.call("PUT", f"/v1/submissions/{submission_id}", json=body, **more)

    async def _token(self, portal: str) -> str:
        if portal not in self.tokens:
            form = {
                "grant_type": "client_credentials",
                "client_id": portal,
                "client_secret": {PORTAL: SECRET, OTHER: OTHER_SECRET}[portal],
            }
            async with self.client.post("/oauth/token", data=form) as response:
                assert response.status == 200
                self.tokens[portal] = (await response.json())["access_token"]
        return self.tokens[portal]


def upload_headers(filename: str = "Bescheid.pdf", media_type: str = "application/pdf") -> dict[str, str]:
    return {
        "Content-Type": media_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
    }


@dataclass
class World:
    """Shared by all replicas."""

    folder: Path
    store: Any = field(default_factory=MemoryStore)
    kafka: FakeSender = field(default_factory=FakeSender)
    clock: Clock = field(default_factory=Clock)
    directory: Directory = field(default_factory=make_directory)

    def door(self, **settings: Any) -> Door:
        return make_door(self.store, self.kafka, self.clock, make_settings(**settings), self.directory)

    def sweeper(self, door: Door | None = None) -> Sweeper:
        return Sweeper(door or self.door(), grace_s=10)

    @asynccontextmanager
    async def replica(self, **settings: Any) -> AsyncIterator[Replica]:
        door = self.door(**settings)
        clients = self.folder / "clients.json"
        known = {PORTAL: SECRET, OTHER: OTHER_SECRET}
        write_clients(
            clients,
            ClientsFile(clients={name: Client(secret_sha256=hash_secret(secret)) for name, secret in known.items()}),
        )
        rules = TokenRules("antragsweiche", "antragsweiche", ("ES256",))
        issuer = TokenIssuer(
            json.loads(issuer_jwk()),
            Clients(clients),
            rules,
            lifetime_s=1800,
            now=self.clock.seconds,
            monotonic=self.clock.seconds,
        )
        verifier = TokenVerifier(rules, issuer.read_jwks, self.clock.seconds)
        app = build_app(door, verifier, issuer, Health("intake"), lambda: "http://intake.test")
        async with TestClient(TestServer(app)) as client:
            yield Replica(door, client)


def make_application(postcode: str = POSTCODE, municipality: str | None = None, canary: str = "Musterfrau") -> Any:
    return single(Place(postcode, "Musterstadt", municipality), canary, 1)


def sha512(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()


__all__ = ["Clock", "FakeSender", "Replica", "World", "make_application", "replace"]
