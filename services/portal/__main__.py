"""Composition root: reads settings, wires, runs, drains. `python -m services.portal`, by environment alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import uvloop
from aiohttp import ClientSession, DummyCookieJar, web

from services.portal.app import build_app
from services.portal.branding import Brandings
from services.portal.document import render
from services.portal.drafts import Drafts
from services.portal.intake import Intake
from services.portal.sending import Sender
from services.portal.settings import PortalSettings
from services.portal.site import Site
from services.portal.web import Cookies
from shared.errors import Misconfigured, OurError
from shared.heap import settle_heap
from shared.settings import load_settings, read_secret_file
from shared.store.port import Store
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.telemetry.logs import configure, emit
from shared.web.health import Health

log = logging.getLogger(__name__)


def now() -> datetime:
    return datetime.now(UTC)


def build_site(settings: PortalSettings, store: Store, session: ClientSession, secret: str) -> Site:
    """Wires the parts. Raises `Misconfigured`."""
    drafts = Drafts(store, now)
    intake = Intake(
        session,
        settings.intake_url,
        settings.client_id,
        secret,
        settings.intake_timeout_s,
        token_url=settings.token_url,
    )
    return Site(
        settings=settings,
        drafts=drafts,
        intake=intake,
        sender=Sender(drafts, intake, settings, now, render),
        brandings=Brandings.from_file(settings.branding_file),
        clock=now,
        cookies=Cookies(settings.plain_http),
    )


async def run(settings: PortalSettings, store_settings: StoreSettings) -> int:
    """Until SIGTERM or SIGINT; then the requests under way are finished."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    secret = read_secret_file(settings.client_secret_file).decode()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(S3Store.open(store_settings))
        if not await _bucket(stop, store):
            return 0
        session = await stack.enter_async_context(ClientSession(cookie_jar=DummyCookieJar()))
        site = build_site(settings, store, session, secret)

        async def reachable() -> bool:
            await store.check()
            return True

        health = Health("portal", ready={"store": reachable, "intake": site.intake.ready})
        runner = web.AppRunner(build_app(site, health), access_log=None, shutdown_timeout=settings.drain_s)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, settings.host, settings.port).start()
        sweeping = asyncio.create_task(_sweep(stop, site), name="sweeper")
        settle_heap()
        emit(log, logging.INFO, "ready", port=int(runner.addresses[0][1]))
        await stop.wait()
        health.drain()
        await sweeping
    return 0


async def _bucket(stop: asyncio.Event, store: S3Store) -> bool:
    """Waits patiently for the store. False when it was told to stop meanwhile."""
    while not stop.is_set():
        try:
            await store.check_bucket()
        except OurError as error:
            if isinstance(error, Misconfigured):
                raise
            emit(log, logging.WARNING, "waiting for infrastructure", error=error)
            await _pause(stop, 1.0)
        else:
            return True
    return False


async def _sweep(stop: asyncio.Event, site: Site) -> None:
    """Rounds for ever, not all replicas at the same moment."""
    while not stop.is_set():
        await _pause(stop, site.settings.sweep_interval_s * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
        if stop.is_set():
            return
        try:
            erased = await site.drafts.sweep()
        except OurError as error:
            emit(log, logging.WARNING, "sweep-failed", error=error)
            continue
        if erased:
            emit(log, logging.INFO, "swept", count=erased)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def main() -> int:
    """0 after SIGTERM, 78 (EX_CONFIG) when settings, branding or bucket are not what they must be."""
    configure("portal")
    try:
        return uvloop.run(run(load_settings(PortalSettings), load_settings(StoreSettings)))
    except OurError as error:
        emit(log, logging.CRITICAL, "cannot start", error=error)
        return 78 if isinstance(error, Misconfigured) else 1


if __name__ == "__main__":
    sys.exit(main())
