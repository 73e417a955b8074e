"""One router worker against a broker of its own: signed manifests in; messages on lanes and their events out.

A backlog waits before the router starts. Starting is no part of the figures, nor is the first second of routing: the
work of the first batch would count, and the time before its first event would not.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench import cpu
from bench.work import jobcenters
from devtools.keys import ensure_keys
from devtools.processes import Process
from devtools.provision import DirectoryDesk, make_bucket
from devtools.servers import KafkaServer, S3Server
from devtools.stack import says_ready
from devtools.toolchain import ROOT
from shared.contracts import topics
from shared.contracts.directory import KeyUse
from shared.contracts.manifest import Manifest, Part, Role
from shared.contracts.messages import Received
from shared.directory.reading import close
from shared.kafka.events import received_message
from shared.sealing.jwk import load_private_ec, read_jwk, thumbprint
from shared.trust.manifests import sign_manifest
from shared.web.trace import Trace

MESSAGES = 30_000
WARM_UP_MS = 1000
PLACES = {
    "kreis-offenbach": "63303",
    "landkreis-verden": "27283",
    "landkreis-schaumburg": "31655",
    "hochsauerlandkreis": "59969",
    "landkreis-osnabrueck": "49124",
}
LIMIT_S = 90.0


class Routed(NamedTuple):
    """One worker's figures."""

    per_s: float
    """Messages, each on its lane and told on `submissions.events`, both acknowledged by the broker."""
    cpu_ms_each: float
    """The router's processor time for each, on all cores together: it hardly depends on what else the machine does."""
    shares: dict[str, float]
    """Cores that each process used."""


def measure_router(folder: Path, keys_folder: Path, *, messages: int = MESSAGES) -> Routed:
    keys = ensure_keys(keys_folder, jobcenters())
    with KafkaServer(folder / "kafka") as kafka, S3Server(folder / "store") as store:
        make_bucket(store, "router")
        desk = DirectoryDesk(folder / "directory", keys)
        desk.prepare(dict.fromkeys(jobcenters(), "http://127.0.0.1:9"))
        asyncio.run(_fill(desk, kafka.bootstrap, keys.receipt, messages))
        secret = folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(store.secret_key)
        env = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "KAFKA_BOOTSTRAP": kafka.bootstrap,
            "KAFKA_PROFILE": "development",
            "STORE_ENDPOINT": store.endpoint,
            "STORE_ACCESS_KEY": store.access_key,
            "STORE_SECRET_KEY_FILE": str(secret),
            "STORE_BUCKET": "router",
            "STORE_SECURE": "false",
            "DIRECTORY_ANCHOR_FILE": str(keys.anchor),
        }
        router = Process("router", [sys.executable, "-m", "services.router"], folder / "router.log", env=env)
        router.start()
        try:
            router.wait_until(lambda: says_ready(router), 40)
            used = cpu.Used({"router": router.pid, "kafka": kafka.process.pid, "load": os.getpid()})
            asyncio.run(_wait(kafka.bootstrap, messages))
            cpu_s, shares = used.seconds("router"), used.shares()
            return Routed(asyncio.run(_rate(kafka.bootstrap, messages)), round(1000 * cpu_s / messages, 3), shares)
        finally:
            router.stop()


async def _fill(desk: DirectoryDesk, bootstrap: str, receipt_key: Path, messages: int) -> None:
    await desk.publish(bootstrap)
    jwk = read_jwk(receipt_key)
    key, kid = load_private_ec(jwk), thumbprint(jwk)
    kids = {name: _kid(desk, name) for name in jobcenters()}
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20)
    await producer.start()
    try:
        sent = []
        for number in range(messages):
            name = jobcenters()[number % len(jobcenters())]
            manifest = _manifest(name, kids[name])
            body = Received(submission_id=manifest.submission_id, manifest=sign_manifest(manifest, key, kid))
            message = received_message(
                body, generation=0, source="/bench", traceparent=str(Trace.new()), at=manifest.received_at
            )
            value, headers = message.to_kafka()
            submission = str(manifest.submission_id).encode()
            sent.append(await producer.send(topics.RECEIVED, value=value, key=submission, headers=headers))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _kid(desk: DirectoryDesk, name: str) -> str:
    found = desk.directory.destination(name)
    assert found is not None
    return next(key.kid for key in found[1].keys if key.use is KeyUse.ENCRYPT)


def _manifest(destination: str, kid: str) -> Manifest:
    parts = tuple(
        Part(role=role, id=uuid4(), kid=kid, size=20_000, sha256="A" * 43, tag="A" * 22)
        for role in (Role.METADATA, Role.DATA)
    )
    now = datetime.now(UTC)
    return Manifest(
        submission_id=uuid4(),
        client_id="bench",
        received_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        service="sgb2-hauptantrag",
        postcode=PLACES[destination],
        municipality_key="05958020" if destination == "hochsauerlandkreis" else None,
        destination=destination,
        jobcenter=destination,
        directory_version=1,
        parts=parts,
        content="A" * 43,
    )


@asynccontextmanager
async def _outputs(
    bootstrap: str,
) -> AsyncIterator[tuple[AIOKafkaConsumer[Any, Any], list[TopicPartition], list[TopicPartition]]]:
    """A consumer, the lanes' partitions and the events'."""
    names = [topics.lane(name) for name in jobcenters()]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await consumer._client.set_topics((*names, topics.EVENTS))
        lanes = [TopicPartition(name, 0) for name in names]
        events = [
            TopicPartition(topics.EVENTS, number) for number in consumer.partitions_for_topic(topics.EVENTS) or ()
        ]
        yield consumer, lanes, events
    finally:
        await close(consumer)


async def _wait(bootstrap: str, messages: int) -> None:
    """Until all are out. Raises `TimeoutError` after `LIMIT_S`."""
    async with _outputs(bootstrap) as (consumer, lanes, events), asyncio.timeout(LIMIT_S):
        for partitions in (lanes, events):
            while sum((await consumer.end_offsets(partitions)).values()) < messages:  # noqa: ASYNC110
                await asyncio.sleep(0.2)  # the broker tells nobody, it must be asked


async def _rate(bootstrap: str, messages: int) -> float:
    """By the time stamps of the events: each is written when the broker has acknowledged its message."""
    async with _outputs(bootstrap) as (consumer, _, events):
        consumer.assign(events)
        await consumer.seek_to_beginning()
        stamps: list[int] = []
        while len(stamps) < messages:
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                stamps += [record.timestamp for record in batch]
    begin = min(stamps) + WARM_UP_MS
    return round(1000 * sum(stamp > begin for stamp in stamps) / (max(stamps) - begin))
