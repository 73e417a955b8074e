"""Intake as real processes on a broker of its own and the real store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.processes import Process
from services.intake.clients import Client, ClientsFile, hash_secret, write_clients
from shared.contracts.topics import COMMON, DIRECTORY
from shared.kafka.admin import apply_topics
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from shared.sealing.jwk import generate_ec, write_new
from shared.sealing.statebox import generate_state_keys
from shared.settings import Profile
from tests import keys as test_keys
from tests.conftest import S3Access
from tests.services.intake.world import OSNABRUECK, OTHER, OTHER_SECRET, PORTAL, SECRET, VERDEN, entry

ROOT = Path(__file__).parents[3]


def kafka_settings(bootstrap: str) -> KafkaSettings:
    return KafkaSettings(bootstrap=bootstrap, profile=Profile.DEVELOPMENT)


async def prepare_kafka(bootstrap: str) -> None:
    """Topics and a directory of two Jobcenters."""
    await apply_topics(kafka_settings(bootstrap), COMMON)
    producer = Producer(kafka_settings(bootstrap), client_id="test")
    await producer.start()
    for each in (test_keys.platform_entry(), entry(OSNABRUECK, "a"), entry(VERDEN, "b")):
        await producer.send_raw(DIRECTORY, each.id.encode(), test_keys.signed(each).encode())
    await producer.stop()


def write_files(folder: Path) -> dict[str, str]:
    """Keys and clients; the variables that name them."""
    anchor, receipt, issuer = folder / "anchor.jwk", folder / "receipt.jwk", folder / "issuer.jwk"
    write_new(anchor, test_keys.public("directory"), mode=0o644)
    write_new(receipt, test_keys.private_jwk("receipt"))
    write_new(issuer, generate_ec())
    write_new(folder / "state.json", generate_state_keys())
    known = {PORTAL: SECRET, OTHER: OTHER_SECRET}
    write_clients(
        folder / "clients.json",
        ClientsFile(clients={name: Client(secret_sha256=hash_secret(secret)) for name, secret in known.items()}),
    )
    return {
        "DIRECTORY_ANCHOR_FILE": str(anchor),
        "INTAKE_STATE_KEY_FILE": str(folder / "state.json"),
        "INTAKE_RECEIPT_KEY_FILE": str(receipt),
        "INTAKE_ISSUER_KEY_FILE": str(issuer),
        "INTAKE_CLIENTS_FILE": str(folder / "clients.json"),
    }


def environment(folder: Path, bootstrap: str, s3: S3Access, bucket: str, **more: str) -> dict[str, str]:
    secret = folder / "store.secret"
    secret.write_text(s3["secret_key"])
    secret.chmod(0o600)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "KAFKA_BOOTSTRAP": bootstrap,
        "KAFKA_PROFILE": "development",
        "STORE_ENDPOINT": s3["endpoint"],
        "STORE_ACCESS_KEY": s3["access_key"],
        "STORE_SECRET_KEY_FILE": str(secret),
        "STORE_BUCKET": bucket,
        "STORE_SECURE": "false",
        "INTAKE_PORT": "0",
        **write_files(folder),
        **more,
    }


@dataclass
class Running:
    process: Process
    log: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def ready_port(log: Path) -> int | None:
    if not log.exists():
        return None
    for line in log.read_text().splitlines():
        with contextlib.suppress(ValueError):
            record: dict[str, Any] = json.loads(line)
            if record.get("event") == "ready":
                return int(record["port"])
    return None


@contextlib.asynccontextmanager
async def intake(name: str, folder: Path, env: dict[str, str]) -> AsyncIterator[Running]:
    log = folder / f"{name}.log"
    process = Process(name, [sys.executable, "-m", "services.intake"], log, env=env, cwd=folder)
    process.start()
    try:
        await asyncio.to_thread(process.wait_until, lambda: ready_port(log) is not None, 60)
        port = ready_port(log)
        assert port is not None
        yield Running(process, log, port)
    finally:
        await asyncio.to_thread(process.stop)
