"""The router as a process: `python -m services.router`, configured by the environment alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web
from prometheus_client import Gauge

from services.router.agent import make_app
from services.router.batches import Batches
from services.router.carry import SIGNATURE_THREADS, Carrier
from services.router.lane_topics import LaneTopics
from services.router.settings import RouterSettings
from services.router.watch import RouterWatch
from shared.contracts.topics import RECEIVED, all_topics
from shared.directory.follower import Alarm, DirectoryFollower
from shared.directory.tables import Tables
from shared.errors import Misconfigured, OurError
from shared.heap import settle_heap
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
"""Nobody waits for the router's answer, so it can be more patient than the door."""


async def _start_patiently(producer: Producer, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await producer.start()
        except OurError as error:
            emit(log, logging.WARNING, "waiting for kafka", error=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
        else:
            return


async def _run(settings: RouterSettings, kafka: KafkaSettings, store_settings: StoreSettings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        follower = DirectoryFollower(kafka, Anchor.from_file(settings.anchor_file), _alarm)
        stack.push_async_callback(follower.stop)
        producer = Producer(kafka, client_id=settings.instance_id)
        await _start_patiently(producer, stop)
        stack.push_async_callback(producer.stop)
        store = await stack.enter_async_context(S3Store.open(store_settings))
        lane_topics = LaneTopics(kafka)
        batches = Batches(
            Carrier(
                directory=lambda: follower.directory,
                tables=Tables.load(),
                store=store,
                publisher=producer,
                ensure_lanes=lane_topics.ensure,
                executor=stack.enter_context(ThreadPoolExecutor(SIGNATURE_THREADS, "signatures")),
                clock=lambda: datetime.now(UTC),
                source=f"/router/{settings.instance_id}",
            ),
            retry_first_s=settings.retry_first_s,
            retry_most_s=settings.retry_most_s,
            key_grace_s=settings.key_grace_s,
        )
        started = asyncio.create_task(follower.start())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({started, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            started.cancel()
            return 0
        started.result()
        folder = settings.data_folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="router-")))
        app = make_app(settings, kafka, batches, folder)
        watch = TopicWatch(kafka, lambda: all_topics(follower.directory.destinations()))
        watch.start()
        stack.push_async_callback(watch.stop)
        checks = {
            "kafka": lambda: producer.healthy,
            "topics": lambda: watch.good,
            "assigned": lambda: bool(app.consumer.assignment()),
        }
        health = Health("router", ready=checks)
        _measure(health, batches)
        port = await _serve_health(stack, settings, health)
        settle_heap()
        await app.start()
        emit(log, logging.INFO, "ready", port=port)
        progress = RouterWatch(
            kafka,
            group_id=settings.group_id,
            topic=RECEIVED,
            assigned=lambda: {partition.partition for partition in app.consumer.assignment()},
            is_waiting=lambda: batches.waiting > 0,
            interval_s=settings.watch_interval_s,
            limit_s=settings.stall_limit_s,
        )
        return await _serve(app, batches, settings, stopping, progress)


async def _serve(
    app: Any, batches: Batches, settings: RouterSettings, stopping: asyncio.Task[Any], progress: RouterWatch
) -> int:
    """Until SIGTERM (0), or until Faust gives up or stalls (1: whoever supervises this process starts it anew)."""
    crashed = asyncio.create_task(app.wait_until_stopped())  # also ends when Faust crashes
    stalled = asyncio.create_task(progress.run())
    await asyncio.wait({stopping, crashed, stalled}, return_when=asyncio.FIRST_COMPLETED)
    failed = crashed.done() or stalled.done()
    if crashed.done():
        emit(log, logging.CRITICAL, "faust crashed", error=app.crash_reason)
    elif stalled.done():
        emit(log, logging.CRITICAL, "no progress, restart me")
    crashed.cancel()
    stalled.cancel()
    batches.stop()
    ending = asyncio.create_task(app.stop())
    _, late = await asyncio.wait({ending}, timeout=settings.stop_budget_s)
    if late or failed:
        # What Faust still holds was not acknowledged; ending here commits nothing more and loses nothing.
        emit(log, logging.WARNING, "ended without waiting for faust", count=len(late))
        logging.shutdown()
        os._exit(1)
    return 0


def _measure(health: Health, batches: Batches) -> None:
    routed = Gauge("antragsweiche_router_routed", "Messages that this process has routed", registry=health.registry)
    routed.set_function(lambda: batches.routed)
    waiting = Gauge(
        "antragsweiche_router_waiting", "Messages that wait for something of ours", registry=health.registry
    )
    waiting.set_function(lambda: batches.waiting)


async def _serve_health(stack: AsyncExitStack, settings: RouterSettings, health: Health) -> int:
    http = web.Application()
    http.add_routes(health.routes())
    runner = web.AppRunner(http, access_log=None)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    return int(runner.addresses[0][1])


def _alarm(alarm: Alarm) -> None:
    emit(log, logging.ERROR, "directory record ignored", reason=alarm.applied.value, offset=alarm.offset)


def main() -> int:
    """Exit code 0 after SIGTERM, 1 when a restart is needed, 78 (EX_CONFIG) when the configuration is wrong."""
    configure("router")
    try:
        settings = load_settings(RouterSettings)
        kafka = load_settings(KafkaSettings)
        kafka = kafka.model_copy(update={"send_timeout_s": max(SEND_TIMEOUT_S, kafka.send_timeout_s)})
        return uvloop.run(_run(settings, kafka, load_settings(StoreSettings)))
    except Misconfigured as error:
        emit(log, logging.CRITICAL, "misconfigured", error=error)
        return 78


if __name__ == "__main__":
    sys.exit(main())
