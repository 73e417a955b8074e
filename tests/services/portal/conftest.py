"""A portal over an in-memory store and a fake intake, and a visitor with a browser's manners, without JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from devtools.visitor import Visitor
from services.portal.app import build_app
from services.portal.branding import Brandings
from services.portal.drafts import Drafts
from services.portal.intake import Intake
from services.portal.sending import Sender
from services.portal.settings import PortalSettings
from services.portal.site import Site
from services.portal.web import Cookies
from shared.store.memory import MemoryStore
from shared.web.health import Health
from tests.services.portal.fake_intake import FakeIntake


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class World:
    site: Site
    store: MemoryStore
    intake: FakeIntake
    clock: Clock
    url: str
    visitors: list[Visitor] = field(default_factory=list)

    def visitor(self) -> Visitor:
        visitor = Visitor(self.url)
        self.visitors.append(visitor)
        return visitor


def settings(intake_url: str, **more: Any) -> PortalSettings:
    values: dict[str, Any] = {
        "plain_http": True,
        "intake_url": intake_url,
        "client_id": "portal",
        "client_secret_file": Path("unused"),
        "max_document_bytes": 5_000_000,
        "rate_per_s": 1000.0,
        "burst": 10_000,
    }
    return PortalSettings(**(values | more))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    fake, store, clock = FakeIntake(), MemoryStore(), Clock()
    async with TestServer(fake.app()) as intake_server, ClientSession() as session:
        chosen = settings(str(intake_server.make_url("")).rstrip("/"))
        drafts = Drafts(store, clock)
        intake = Intake(session, chosen.intake_url, "portal", "secret", chosen.intake_timeout_s)
        site = Site(
            settings=chosen,
            drafts=drafts,
            intake=intake,
            sender=Sender(drafts, intake, chosen, clock, lambda *_: b"%PDF-1.7 copy"),
            brandings=Brandings.from_file(None),
            clock=clock,
            cookies=Cookies(plain_http=True),
        )
        async with TestServer(build_app(site, Health("portal"))) as server:
            world = World(site, store, fake, clock, str(server.make_url("")).rstrip("/"))
            yield world
            for visitor in world.visitors:
                await visitor.close()
