"""Router and delivery as real processes beside a real broker and a real store."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from shared.contracts import topics
from shared.contracts.directory import JobcenterEntry
from shared.contracts.topics import COMMON
from shared.directory.publisher import publish_directory
from shared.directory.reading import close
from shared.directory.snapshot import Directory
from shared.kafka.admin import apply_topics
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from shared.settings import Profile
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from tests import keys

ROOT = Path(__file__).parents[3]


async def until(condition: Any, timeout_s: float = 90, every_s: float = 0.05) -> None:
    """Polls until `condition()` (plain or coroutine) is true."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(every_s)


@dataclass
class Service:
    """A service as a process; its log is JSON lines."""

    module: str
    env: dict[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    drained: int = 0

    async def start(self) -> Service:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self.module, cwd=ROOT, env={**os.environ, **self.env}, stdout=log, stderr=log
            )
        begun, self.drained = len(self.lines("ready")), len(self.lines("draining"))
        await until(lambda: len(self.lines("ready")) > begun or self.ended)
        assert not self.ended, self.log.read_text()
        return self

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.returncode is not None

    def lines(self, event: str) -> list[dict[str, Any]]:
        text = self.log.read_text() if self.log.exists() else ""
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if line.get("event") == event]

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 40)


@dataclass
class World:
    """A broker's topics, a bucket, the directory; services are started by the tests."""

    kafka: KafkaSettings
    store_settings: StoreSettings
    store: S3Store
    producer: Producer
    folder: Path
    directory: Directory
    services: list[Service] = field(default_factory=list)

    async def publish(self, *entries: Any) -> None:
        """Signs and publishes entries; their lanes' topics are made first. Each gets a version above all before: the
        broker is the session's, and another test may have published the same Jobcenter."""
        entries = tuple(
            entry.model_copy(update={"version": time.time_ns()}) if isinstance(entry, JobcenterEntry) else entry
            for entry in entries
        )
        for entry in entries:
            assert not self.directory.apply(entry.id, keys.signed(entry)).is_alarm
        await publish_directory(self.kafka, keys.anchor(), self.directory, only=[entry.id for entry in entries])

    async def service(self, name: str, *, number: int = 0, **settings: str) -> Service:
        prefix = name.upper()
        env = {
            "KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "KAFKA_PROFILE": "development",
            "STORE_ENDPOINT": self.store_settings.endpoint,
            "STORE_ACCESS_KEY": self.store_settings.access_key,
            "STORE_SECRET_KEY": self.store_settings.secret(),
            "STORE_BUCKET": self.store_settings.bucket,
            "STORE_SECURE": "false",
            "DIRECTORY_ANCHOR_FILE": str(self.folder / "anchor.jwk"),
            "DELIVERY_PUSH_KEY_FILE": str(self.folder / "push.jwk"),
            f"{prefix}_INSTANCE_ID": f"{name}-{number}",
            f"{prefix}_GROUP_ID": f"{name}-{self.folder.name}",
        } | {f"{prefix}_{key.upper()}": value for key, value in settings.items()}
        service = Service(f"services.{name}", env, self.folder / f"{name}-{number}.log")
        self.services.append(service)
        return await service.start()

    async def read(self, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        """Everything that stands on a topic now."""
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        records: list[ConsumerRecord[bytes, bytes]] = []
        try:
            partitions = list(consumer.assignment())
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
                for found in (await consumer.getmany(timeout_ms=200)).values():
                    records += found
        finally:
            await close(consumer)
        return records

    async def bodies(self, topic: str) -> list[dict[str, Any]]:
        """Tombstones left out: the broker is shared by the tests of a session, and some replay dead letters."""
        return [json.loads(record.value) for record in await self.read(topic) if record.value is not None]

    async def events(self, step: str) -> list[dict[str, Any]]:
        return [event for event in await self.bodies(topics.EVENTS) if event["step"] == step]


@asynccontextmanager
async def world(bootstrap: str, s3: Any, bucket: str, folder: Path) -> AsyncIterator[World]:
    """Ends every process that was started in it."""
    kafka = KafkaSettings(bootstrap=bootstrap, profile=Profile.DEVELOPMENT, send_timeout_s=10)
    store_settings = StoreSettings(
        endpoint=s3["endpoint"], access_key=s3["access_key"], secret_key=s3["secret_key"], bucket=bucket, secure=False
    )
    (folder / "anchor.jwk").write_text(json.dumps(keys.public("directory")))
    (folder / "push.jwk").write_text(json.dumps(keys.private_jwk("push")))
    (folder / "push.jwk").chmod(0o600)
    producer = Producer(kafka, client_id=f"test-{uuid4().hex[:8]}")
    await producer.start()
    try:
        async with S3Store.open(store_settings) as store:
            here = World(kafka, store_settings, store, producer, folder, Directory(keys.anchor()))
            await apply_topics(kafka, COMMON)
            try:
                await here.publish(keys.platform_entry())
                yield here
            finally:
                for service in here.services:
                    if not service.ended:
                        await service.end(signal.SIGKILL)
    finally:
        await producer.stop()
