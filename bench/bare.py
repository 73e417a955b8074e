"""The bare loop: intake's requests, store operations and sends by the same libraries, without checks and sealing.

`python -m bench.bare`, settings by environment like intake's. What it leaves out is what intake is for: tokens, limits,
the form's schema, the directory, sealing, signing, descriptors' seals, metrics. What is left bounds intake.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import uvloop
from aiohttp import web

from shared.contracts.topics import MAX_MESSAGE_BYTES, Topic
from shared.heap import settle_heap
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from shared.settings import load_settings
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.telemetry.logs import configure, emit

log = logging.getLogger(__name__)
RECEIVED = Topic("bench.received", "id", "as submissions.received", 8, {"retention.ms": "-1"})
EVENTS = Topic("bench.events", "id", "as submissions.events", 8, {"retention.ms": "-1"})
CHUNK_BYTES = 256 * 1024


class Sizes:
    """How many bytes each thing has; measured on a real submission by the benchmark and given by environment."""

    def __init__(self) -> None:
        sizes = {name: os.urandom(int(os.environ[f"BARE_{name}_BYTES"])) for name in ("OPENING", "OUTCOME", "MESSAGE")}
        self.opening, self.outcome, self.message = sizes["OPENING"], sizes["OUTCOME"], sizes["MESSAGE"]
        self.event, self.descriptor, self.receipt = os.urandom(450), os.urandom(700), b"x" * len(self.message)


class Bare:
    """The three requests of a submission."""

    def __init__(self, store: S3Store, producer: Producer, sizes: Sizes) -> None:
        self._store, self._producer, self._sizes = store, producer, sizes

    async def _send(self, topic: Topic, key: str, value: bytes) -> None:
        at = datetime.now(UTC).isoformat().encode()
        headers = [(f"ce_{name}", at) for name in ("specversion", "id", "source", "type", "time", "subject")]
        await self._producer.send_raw(topic.name, key.encode(), value, headers)

    async def open(self, request: web.Request) -> web.Response:
        await request.read()
        submission_id = str(uuid4())
        await self._store.put_new(f"open/{submission_id}/opening", self._sizes.opening)
        await self._send(EVENTS, submission_id, self._sizes.event)
        return web.json_response({"submission_id": submission_id, "status": "opened"}, status=201)

    async def upload(self, request: web.Request) -> web.Response:
        store, submission_id, document_id = self._store, request.match_info["id"], str(uuid4())
        key = f"open/{submission_id}/documents/{document_id}"
        await asyncio.gather(store.get(f"open/{submission_id}/opening"), store.get(f"{submission_id}/outcome"))
        await store.put(key, self._sizes.descriptor)
        await self._documents(submission_id)

        async def body() -> AsyncIterator[bytes]:
            async for chunk in request.content.iter_chunked(CHUNK_BYTES):
                yield chunk

        assert request.content_length is not None
        await store.put_stream(f"{submission_id}/parts/{document_id}", request.content_length, body())
        await store.get(key)
        await store.put(key, self._sizes.descriptor)
        await store.get(f"{submission_id}/outcome")
        return web.json_response({"id": document_id}, status=201)

    async def _documents(self, submission_id: str) -> list[str]:
        listing = await self._store.list(f"open/{submission_id}/")
        found = [key for key in listing if "/documents/" in key]
        await asyncio.gather(*(self._store.get(key) for key in found))
        return found

    async def complete(self, request: web.Request) -> web.Response:
        store, submission_id = self._store, str(UUID(request.match_info["id"]))
        await request.read()
        opening = f"open/{submission_id}/opening"
        await store.get(opening)
        documents = await self._documents(submission_id)
        await store.put_new(f"{submission_id}/outcome", self._sizes.outcome)
        await asyncio.gather(
            self._send(RECEIVED, submission_id, self._sizes.message),
            self._send(EVENTS, submission_id, self._sizes.event),
        )
        await asyncio.gather(*(store.delete(key) for key in documents))
        await store.delete(opening)
        return web.Response(status=201, body=self._sizes.receipt, content_type="application/json")


async def _run() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    kafka = load_settings(KafkaSettings)
    producer = Producer(kafka, client_id="bare")
    async with S3Store.open(load_settings(StoreSettings)) as store:
        await store.ensure_bucket()
        await producer.start()
        bare = Bare(store, producer, Sizes())
        app = web.Application(client_max_size=2 * MAX_MESSAGE_BYTES)
        app.router.add_post("/v1/submissions", bare.open)
        app.router.add_post("/v1/submissions/{id}/documents", bare.upload)
        app.router.add_put("/v1/submissions/{id}", bare.complete)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(os.environ["BARE_PORT"])).start()
        settle_heap()
        emit(log, logging.INFO, "ready", port=int(os.environ["BARE_PORT"]))
        await stop.wait()
        await runner.cleanup()
        await producer.stop()


if __name__ == "__main__":
    configure("bare")
    sys.exit(uvloop.run(_run()))
