"""Delivery as a process: `python -m services.delivery`, configured by the environment alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import uvloop
from aiohttp import web

from services.delivery.lanes import Lanes
from services.delivery.poll import LanePoller, Stalled, make_consumer
from services.delivery.report import Report
from services.delivery.settings import DeliverySettings
from services.delivery.wiring import make_lanes, push_kid
from shared.contracts.topics import all_topics
from shared.directory.follower import Alarm, DirectoryFollower
from shared.errors import KafkaUnavailable, Misconfigured
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from shared.kafka.topic_watch import TopicWatch
from shared.settings import load_settings
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.telemetry.logs import configure, emit
from shared.trust.anchor import Anchor
from shared.web.health import Health

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 10.0
"""Nobody waits for delivery's answer, so it can be more patient than the door."""
UNREADY_AFTER_S = 30.0


class _Service:
    """Wires the parts, runs them, takes them apart in reverse order."""

    def __init__(self, settings: DeliverySettings, kafka: KafkaSettings, store: StoreSettings) -> None:
        self._settings = settings
        self._kafka = kafka
        self._store = store
        self._lanes: Lanes | None = None
        self._polled_at = float("-inf")
        self._stop = asyncio.Event()

    async def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        async with AsyncExitStack() as stack:
            poller = await self._wire(stack)
            if poller is None:
                return 0
            running = asyncio.create_task(poller.run())
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            poller.stop()
            try:
                await running
            except Stalled as error:
                emit(log, logging.CRITICAL, "no progress, restart me", error=error)
                return 1
            return 0

    async def _wire(self, stack: AsyncExitStack) -> LanePoller | None:
        """None when SIGTERM came before everything was there."""
        settings = self._settings
        follower = DirectoryFollower(
            self._kafka,
            Anchor.from_file(settings.anchor_file),
            _alarm,
            lambda entry_id: self._directory_changed(follower, entry_id),
        )
        producer = Producer(self._kafka, client_id=settings.instance_id)
        if not await self._until_kafka(producer.start):
            return None
        stack.push_async_callback(producer.stop)
        stack.push_async_callback(follower.stop)
        started = asyncio.create_task(follower.start())
        if not await self._unless_stopped(started):
            return None
        store = await stack.enter_async_context(S3Store.open(self._store))
        wide = self._store.model_copy(update={"max_connections": 0})  # bounded by the slots already
        parts_store = await stack.enter_async_context(S3Store.open(wide))
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        watch = TopicWatch(self._kafka, lambda: all_topics(follower.directory.destinations()))
        watch.start()
        stack.push_async_callback(watch.stop)
        kid = push_kid(settings)
        health = Health(
            "delivery",
            ready={
                "kafka": lambda: producer.healthy,
                "topics": lambda: watch.good,
                "polling": self._is_polling,
                "push-key": lambda: (
                    (known := follower.directory.platform) is not None and known.push_key_for(kid) is not None
                ),
            },
            live={"polling": self._is_polling},
        )
        self._lanes = make_lanes(
            settings,
            store=store,
            parts_store=parts_store,
            publisher=producer,
            directory=lambda: follower.directory,
            session=session,
            observer=Report(health.registry),
        )
        port = await self._serve_health(stack, health)
        poller = await self._join(stack)
        if poller is not None:
            emit(log, logging.INFO, "ready", port=port)
        return poller

    async def _join(self, stack: AsyncExitStack) -> LanePoller | None:
        assert self._lanes is not None
        consumer = make_consumer(self._kafka, self._settings)
        stack.push_async_callback(consumer.stop)
        poller = LanePoller(consumer, self._lanes, self._settings, on_progress=self._note_progress)
        if not await self._until_kafka(poller.start):
            return None
        self._note_progress()
        return poller

    async def _until_kafka(self, start: Callable[[], Awaitable[None]]) -> bool:
        """Waits for a broker to appear; False when SIGTERM came first."""
        while not self._stop.is_set():
            try:
                await start()
            except KafkaUnavailable as error:
                emit(log, logging.WARNING, "waiting for kafka", error=error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), 1.0)
            else:
                return True
        return False

    async def _unless_stopped(self, task: asyncio.Task[None]) -> bool:
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not task.done():
            task.cancel()
            return False
        task.result()
        return True

    def _directory_changed(self, follower: DirectoryFollower, entry_id: str) -> None:
        entry = follower.directory.entry(entry_id)
        if entry is not None and self._lanes is not None:
            self._lanes.directory_changed(destination.id for destination in entry.destinations)

    def _note_progress(self) -> None:
        self._polled_at = asyncio.get_running_loop().time()

    def _is_polling(self) -> bool:
        return asyncio.get_running_loop().time() - self._polled_at < UNREADY_AFTER_S

    async def _serve_health(self, stack: AsyncExitStack, health: Health) -> int:
        http = web.Application()
        http.add_routes(health.routes())
        runner = web.AppRunner(http, access_log=None)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, self._settings.host, self._settings.port).start()
        return int(runner.addresses[0][1])


def _alarm(alarm: Alarm) -> None:
    emit(log, logging.ERROR, "directory record ignored", reason=alarm.applied.value, offset=alarm.offset)


async def _main() -> int:
    kafka = load_settings(KafkaSettings)
    kafka = kafka.model_copy(update={"send_timeout_s": max(SEND_TIMEOUT_S, kafka.send_timeout_s)})
    return await _Service(load_settings(DeliverySettings), kafka, load_settings(StoreSettings)).run()


def main() -> int:
    """Exit code 0 after SIGTERM, 1 when a restart is needed, 78 (EX_CONFIG) when the configuration is wrong."""
    configure("delivery")
    try:
        return uvloop.run(_main())
    except Misconfigured as error:
        emit(log, logging.CRITICAL, "misconfigured", error=error)
        return 78


if __name__ == "__main__":
    sys.exit(main())
