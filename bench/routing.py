"""One router worker against a broker of its own: signed manifests in, lanes out. From the first to the last output."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
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

MESSAGES = 20_000
PLACES = {
    "kreis-offenbach": "63303",
    "landkreis-verden": "27283",
    "landkreis-schaumburg": "31655",
    "hochsauerlandkreis": "59969",
    "landkreis-osnabrueck": "49124",
}
LIMIT_S = 60.0


def measure_router(folder: Path, keys_folder: Path, *, messages: int = MESSAGES) -> tuple[float, dict[str, float]]:
    """Messages a second, each one routed with its event, both acknowledged by the broker; cores used meanwhile."""
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
            used = cpu.Used({"router": router.pid, "kafka": kafka.process.pid, "load": os.getpid()})
            router.wait_until(lambda: says_ready(router), 40)
            return asyncio.run(_rate(kafka.bootstrap, messages)), used.shares()
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


async def _rate(bootstrap: str, messages: int) -> float:
    """By the records' time stamps of what came out on the lanes, all of it or as much as came in time."""
    lanes = [topics.lane(name) for name in jobcenters()]
    partitions = [TopicPartition(lane, 0) for lane in lanes]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await consumer._client.set_topics(tuple(lanes))
        consumer.assign(partitions)
        deadline = time.monotonic() + LIMIT_S
        routed = 0
        while routed < messages and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            routed = sum((await consumer.end_offsets(partitions)).values())
        await consumer.seek_to_beginning()
        stamps: list[int] = []
        while len(stamps) < routed:
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                stamps += [record.timestamp for record in batch]
    finally:
        await close(consumer)
    return round((len(stamps) - 1) / ((max(stamps) - min(stamps)) / 1000))
