"""Composition root: reads settings, wires, runs, drains. `python -m services.intake`, by environment alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import uvloop
from aiohttp import web

from services.intake.app import build_app
from services.intake.auth import TokenIssuer, TokenRules, TokenVerifier
from services.intake.clients import Clients
from services.intake.door import Door, OpeningIds
from services.intake.jwks import jwks_from_file, jwks_from_url
from services.intake.limits import Admission, ClientLimits
from services.intake.sealing import Recipients
from services.intake.settings import IntakeSettings
from services.intake.sweeper import Sweeper
from shared.contracts.topics import COMMON
from shared.directory.follower import Alarm, DirectoryFollower
from shared.directory.search import search_municipalities
from shared.directory.tables import Tables
from shared.errors import DirectoryUnavailable, Misconfigured, OurError
from shared.heap import settle_heap
from shared.kafka.admin import check_topics
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from shared.sealing.jwk import load_private_ec, read_jwk, thumbprint
from shared.sealing.statebox import StateBox
from shared.settings import Profile, load_settings
from shared.store.port import Store
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.telemetry.logs import configure, emit
from shared.trust.anchor import Anchor
from shared.web.health import Health

log = logging.getLogger(__name__)
TOPIC_CHECK_S = 60.0


@dataclass
class Runtime:
    """What lives as long as the process."""

    settings: IntakeSettings
    kafka: KafkaSettings
    stop: asyncio.Event
    address: str = ""
    topics_good: bool = False

    @property
    def public_url(self) -> str:
        return self.settings.public_url or self.address


async def run(settings: IntakeSettings, kafka: KafkaSettings, store_settings: StoreSettings) -> int:
    """Until SIGTERM or SIGINT; then the requests under way are finished."""
    runtime = Runtime(settings, kafka, asyncio.Event())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, runtime.stop.set)
    async with AsyncExitStack() as stack:
        follower = DirectoryFollower(kafka, Anchor.from_file(settings.anchor_file), _alarm)
        producer = Producer(kafka, client_id="intake")
        store = await stack.enter_async_context(S3Store.open(store_settings))
        if not await _infrastructure(runtime, stack, producer, store, follower):
            return 0
        door = build_door(settings, store, producer, follower)
        search_municipalities(door.tables, "warm")  # builds its index now instead of in somebody's request
        issuer, verifier = build_auth(settings)
        health = _health(runtime, producer, store, follower)
        runner = web.AppRunner(
            build_app(door, verifier, issuer, health, lambda: runtime.public_url),
            access_log=None,
            shutdown_timeout=settings.drain_s,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, settings.host, settings.port).start()
        port = int(runner.addresses[0][1])
        runtime.address = f"http://{settings.host}:{port}"
        sweeping = asyncio.create_task(_sweep(runtime, Sweeper(door, settings.sweep_grace_s)), name="sweeper")
        checking = asyncio.create_task(_check_topics(runtime), name="topics")
        settle_heap()
        emit(log, logging.INFO, "ready", port=port)
        await runtime.stop.wait()
        health.drain()
        await asyncio.gather(sweeping, checking)
    return 0


def build_door(settings: IntakeSettings, store: Store, producer: Producer, follower: DirectoryFollower) -> Door:
    """The operations' parts. Raises `Misconfigured` for keys that cannot be used."""
    receipt_jwk = read_jwk(settings.receipt_key_file)
    receipt_kid = thumbprint(receipt_jwk)
    platform = follower.directory.platform
    if platform is None or platform.receipt_key_for(receipt_kid) is None:
        raise Misconfigured("the receipt key is not among the platform's keys of the directory")
    return Door(
        settings=settings,
        store=store,
        kafka=producer,
        view=follower,
        tables=Tables.load(),
        box=StateBox.from_file(settings.state_key_file),
        ids=OpeningIds.from_file(settings.state_key_file),
        receipt_key=load_private_ec(receipt_jwk),
        receipt_kid=receipt_kid,
        clock=now,
        monotonic=time.monotonic,
        client_limits=ClientLimits(settings.client_rate_per_s, settings.client_burst),
        admission=Admission(settings.max_requests, settings.max_uploads),
        recipients=Recipients(),
    )


def now() -> datetime:
    """UTC in milliseconds: as exact as what is written, so that a read value equals the written one."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def build_auth(settings: IntakeSettings) -> tuple[TokenIssuer | None, TokenVerifier]:
    """The built-in issuer, if it is used, and the check of tokens."""
    rules = TokenRules(
        issuer=settings.oauth_issuer or "antragsweiche",
        audience=settings.oauth_audience,
        algorithms=settings.oauth_algorithms,
        client_claim=settings.oauth_client_claim,
        leeway_s=settings.oauth_leeway_s,
    )
    if settings.issuer_key_file is not None and settings.clients_file is not None:
        issuer = TokenIssuer(
            read_jwk(settings.issuer_key_file),
            Clients(settings.clients_file),
            rules,
            lifetime_s=settings.token_lifetime_s,
            now=time.time,
            monotonic=time.monotonic,
        )
        return issuer, TokenVerifier(rules, issuer.read_jwks, time.time)
    if settings.oauth_jwks_file is not None:
        return None, TokenVerifier(rules, jwks_from_file(settings.oauth_jwks_file), time.time)
    assert settings.oauth_jwks_url is not None, "the settings allow exactly one issuer"
    return None, TokenVerifier(rules, jwks_from_url(settings.oauth_jwks_url), time.time)


async def _infrastructure(
    runtime: Runtime, stack: AsyncExitStack, producer: Producer, store: S3Store, follower: DirectoryFollower
) -> bool:
    """Waits patiently for store, Kafka and directory. False when it was told to stop meanwhile."""
    stack.push_async_callback(producer.stop)
    stack.push_async_callback(follower.stop)
    started = False
    while not runtime.stop.is_set():
        try:
            await store.check_bucket()
            await producer.start()
            started = True
            await follower.start(runtime.settings.directory_wait_s)
            if follower.directory.platform is not None:
                return True
            raise Misconfigured("the directory holds no platform key set")
        except (OurError, DirectoryUnavailable) as error:
            if isinstance(error, Misconfigured) or started:
                raise
            emit(log, logging.WARNING, "waiting for infrastructure", error=error)
            await _pause(runtime.stop, 1.0)
    return False


def _health(runtime: Runtime, producer: Producer, store: S3Store, follower: DirectoryFollower) -> Health:
    async def reachable() -> bool:
        await store.check()
        return True

    return Health(
        "intake",
        ready={
            "kafka": lambda: producer.healthy,
            "store": reachable,
            "directory": follower.ready.is_set,
            "topics": lambda: runtime.topics_good,
        },
    )


async def _check_topics(runtime: Runtime) -> None:
    """Topics weaker than declared make the service unready; in the development profile only missing ones do."""
    while not runtime.stop.is_set():
        try:
            weak = await check_topics(runtime.kafka, COMMON)
        except Exception as error:  # noqa: BLE001 - unknown is not ready, and is asked again
            runtime.topics_good = False
            emit(log, logging.WARNING, "topics unknown", error=error)
        else:
            strict = runtime.kafka.profile is Profile.PRODUCTION
            weak = [item for item in weak if strict or item.code == "missing"]
            for item in weak:
                emit(log, logging.ERROR, "topic too weak", topic=item.topic, code=str(item.code))
            runtime.topics_good = not weak
        await _pause(runtime.stop, TOPIC_CHECK_S if runtime.topics_good else 1.0)


async def _sweep(runtime: Runtime, sweeper: Sweeper) -> None:
    """Rounds for ever, not all replicas at the same moment."""
    interval_s = runtime.settings.sweep_interval_s
    while not runtime.stop.is_set():
        await _pause(runtime.stop, interval_s * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
        if runtime.stop.is_set():
            return
        try:
            counts = await sweeper.sweep()
        except OurError as error:
            emit(log, logging.WARNING, "sweep-failed", error=error)
            continue
        except Exception as error:  # noqa: BLE001 - whatever it is, sweeping must go on: it is what repairs
            emit(log, logging.ERROR, "sweep-failed", error=error)
            continue
        if counts.published or counts.failed:
            emit(log, logging.INFO, "swept", count=counts.published)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _alarm(alarm: Alarm) -> None:
    emit(log, logging.ERROR, "directory record ignored", reason=alarm.applied.value, offset=alarm.offset)


def main() -> int:
    """0 after SIGTERM, 78 (EX_CONFIG) when settings, keys, bucket or directory are not what they must be."""
    configure("intake")
    try:
        settings = load_settings(IntakeSettings)
        kafka = load_settings(KafkaSettings)
        kafka = kafka.model_copy(update={"send_timeout_s": min(settings.kafka_timeout_s, kafka.send_timeout_s)})
        return uvloop.run(run(settings, kafka, load_settings(StoreSettings)))
    except OurError as error:
        emit(log, logging.CRITICAL, "cannot start", error=error)
        return 78 if isinstance(error, Misconfigured) else 1


if __name__ == "__main__":
    sys.exit(main())
