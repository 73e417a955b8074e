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

from services.delivery.adapters.settings import AdapterSettings
from services.delivery.announce import Announcer
from services.delivery.http import create_app
from services.delivery.lanes import Lanes
from services.delivery.late import LateAnswers
from services.delivery.poll import LanePoller, Stalled, make_consumer
from services.delivery.report import Report
from services.delivery.returns import Returner, ReturnsPump, make_returns_consumer
from services.delivery.settings import DeliverySettings
from services.delivery.tables import TableFollower
from services.delivery.wiring import (
    make_adapters,
    make_courier,
    make_lanes,
    make_schedule,
    make_settler,
    push_kid,
    utc_now,
)
from shared.contracts import topics
from shared.contracts.control import Control, LaneState
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
ANNOUNCE_S = 0.5


class _Service:
    """Wires the parts, runs them, takes them apart in reverse order."""

    def __init__(
        self, settings: DeliverySettings, adapters: AdapterSettings, kafka: KafkaSettings, store: StoreSettings
    ) -> None:
        self._settings = settings
        self._adapters = adapters
        self._kafka = kafka
        self._store = store
        self._lanes: Lanes | None = None
        self._late: LateAnswers | None = None
        self._polled_at = float("-inf")
        self._stop = asyncio.Event()

    async def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        async with AsyncExitStack() as stack:
            parts = await self._wire(stack)
            if parts is None:
                return 0
            poller, returns, announcer = parts
            running = [
                asyncio.create_task(poller.run()),
                asyncio.create_task(returns.run()),
                asyncio.create_task(self._announce(poller, announcer)),
            ]
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            self._stop.set()
            poller.stop()
            returns.stop()
            try:
                await asyncio.gather(*running)
            except Stalled as error:
                emit(log, logging.CRITICAL, "no progress, restart me", error=error)
                await asyncio.wait(running)
                return 1
            finally:
                self._late = None
            return 0

    async def _announce(self, poller: LanePoller, announcer: Announcer) -> None:
        """Lane states, until the last moment: the next owner goes on from the last ones."""
        assert self._lanes is not None
        while True:
            stopping = self._stop.is_set()
            states = self._lanes.states(self._settings.instance_id, poller.ends())
            announcer.forget({state.destination for state in states})
            await announcer.announce(states)
            if stopping:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), ANNOUNCE_S)

    async def _wire(self, stack: AsyncExitStack) -> tuple[LanePoller, ReturnsPump, Announcer] | None:
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
        controls = TableFollower(self._kafka, topics.CONTROL, Control, self._controls_changed, upon=Control.upon)
        told = TableFollower(self._kafka, topics.LANES, LaneState)
        stack.push_async_callback(controls.stop)
        stack.push_async_callback(told.stop)
        for table in (follower, controls, told):
            if not await self._unless_stopped(asyncio.create_task(table.start())):
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
        settler = make_settler(settings, store, producer)
        courier = make_courier(
            settings,
            store=store,
            parts_store=parts_store,
            settler=settler,
            directory=lambda: follower.directory,
            adapter=make_adapters(settings, session, adapters=self._adapters, store=self._store),
        )
        self._lanes = make_lanes(
            settings,
            courier,
            Report(health.registry),
            control=controls.get,
            open_s=lambda destination: state.open_s if (state := told.get(destination)) is not None else 0.0,
        )
        self._late = LateAnswers(courier, settler, lambda: follower.directory)
        port = await self._serve_http(stack, health)
        returner = Returner(settler, make_schedule(settings), utc_now)
        joined = await self._join(stack, returner)
        if joined is None:
            return None
        emit(log, logging.INFO, "ready", port=port)
        source = f"/delivery/{settings.instance_id}"
        now = asyncio.get_running_loop().time
        return *joined, Announcer(producer, every_s=settings.lane_report_s, source=source, now=now)

    def _controls_changed(self) -> None:
        if self._lanes is not None:
            self._lanes.tick()

    async def _join(self, stack: AsyncExitStack, returner: Returner) -> tuple[LanePoller, ReturnsPump] | None:
        assert self._lanes is not None
        settings = self._settings
        consumer = make_consumer(self._kafka, settings)
        stack.push_async_callback(consumer.stop)
        poller = LanePoller(consumer, self._lanes, settings, on_progress=self._note_progress)
        again = make_returns_consumer(self._kafka, settings)
        stack.push_async_callback(again.stop)
        returns = ReturnsPump(again, returner, settings)
        if not await self._until_kafka(poller.start) or not await self._until_kafka(returns.start):
            return None
        self._note_progress()
        return poller, returns

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

    async def _serve_http(self, stack: AsyncExitStack, health: Health) -> int:
        runner = web.AppRunner(create_app(health, lambda: self._late), access_log=None)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, self._settings.host, self._settings.port).start()
        return int(runner.addresses[0][1])


def _alarm(alarm: Alarm) -> None:
    emit(log, logging.ERROR, "directory record ignored", reason=alarm.applied.value, offset=alarm.offset)


async def _main() -> int:
    kafka = load_settings(KafkaSettings)
    kafka = kafka.model_copy(update={"send_timeout_s": max(SEND_TIMEOUT_S, kafka.send_timeout_s)})
    settings, adapters = load_settings(DeliverySettings), load_settings(AdapterSettings)
    return await _Service(settings, adapters, kafka, load_settings(StoreSettings)).run()


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
