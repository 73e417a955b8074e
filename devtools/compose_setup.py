"""The one-shot set-up inside containers: `python -m devtools.compose_setup keys|provision|client`.

| step | makes | when |
|---|---|---|
| `keys` | every secret, each service's own in its own folder; the receiver's configuration | before the store starts |
| `provision` | the signed directory, topics, bucket | when Kafka and the store answer |
| `client` | nothing: prints the sandbox client's credentials as JSON | whenever somebody asks |

Every step may be repeated and may be interrupted anywhere: what is there stays, what is missing is made.
The folders (`ANTRAGSWEICHE_FOLDER`, default `/var/lib/antragsweiche`) are named volumes in `deploy/docker-compose.yml`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devtools.clients import SANDBOX_ID, write_clients
from devtools.keys import KeyFiles, ensure_keys, write_private
from devtools.places import connected
from devtools.provision import DirectoryDesk
from shared.contracts.directory import PLATFORM_ID
from shared.directory.folder import read_folder
from shared.errors import OurError
from shared.kafka.settings import KafkaSettings
from shared.settings import load_settings
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings

RECEIVER_URL = "http://receiver:8080"
WAIT_S = 120.0
LINES = {"keys": "keys are there", "provision": "directory, topics and bucket are there"}


class Folders:
    """One folder for each reader; nobody mounts another's."""

    def __init__(self, base: Path) -> None:
        self.operator, self.public = base / "operator", base / "public"
        self.intake, self.router, self.delivery = base / "intake", base / "router", base / "delivery"
        self.receiver, self.handover, self.journal = base / "receiver", base / "handover", base / "journal"
        self.store_secret = base / "store-secret"

    @property
    def keys(self) -> KeyFiles:
        return KeyFiles(self.operator / "keys")

    @property
    def client(self) -> Path:
        """The sandbox client's secret in clear, for whoever may read the operator's volume."""
        return self.operator / "sandbox-client.json"

    @property
    def directory(self) -> Path:
        return self.operator / "directory"


def make_keys(folders: Folders, jobcenters: Sequence[str]) -> None:
    """All keys into the operator's folder, then to each service what it needs."""
    keys = ensure_keys(folders.keys.folder, jobcenters)
    _give(keys.anchor, folders.public / "anchor.jwk", mode=0o644)
    for source, name in ((keys.state, "state-keys.json"), (keys.receipt, "receipt.jwk"), (keys.issuer, "issuer.jwk")):
        _give(source, folders.intake / name)
    _give(keys.push, folders.delivery / "push.jwk")
    secret = _store_secret(folders.operator / "store-secret")
    _give(secret, folders.store_secret / "secret-key")
    for folder in (folders.intake, folders.router, folders.delivery):
        _give(secret, folder / "store-secret")
    for jobcenter in jobcenters:
        for key in (keys.encrypt(jobcenter), keys.verify(jobcenter)):
            _give(key, folders.receiver / jobcenter / key.name)
        (folders.handover / jobcenter).mkdir(parents=True, exist_ok=True)
    write_private(folders.receiver / "receiver.json", receiver_configuration(folders, jobcenters))
    _make_client(folders)


def _give(source: Path, target: Path, mode: int = 0o600) -> None:
    """A whole copy or none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.touch(mode=mode)
    shutil.copyfile(source, partial)
    partial.chmod(mode)
    partial.replace(target)


def _store_secret(path: Path) -> Path:
    if not path.exists():
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_text(secrets.token_urlsafe(30))
        partial.replace(path)
    return path


def _make_client(folders: Folders) -> None:
    """Drawn once. Its file goes first: a hash without its secret would be a client that nobody can be."""
    if folders.client.exists() and (folders.intake / "clients.json").exists():
        return
    made = write_clients(folders.operator / "clients.json", (SANDBOX_ID,))[0]
    write_private(folders.client, {"client_id": made.client_id, "client_secret": made.client_secret})
    _give(folders.operator / "clients.json", folders.intake / "clients.json")


def receiver_configuration(folders: Folders, jobcenters: Sequence[str]) -> dict[str, Any]:
    """One receiver that stands for all connected Jobcenters."""
    return {
        "host": "0.0.0.0",
        "port": 8080,
        "public_url": RECEIVER_URL,
        "anchor_file": str(folders.public / "anchor.jwk"),
        "platform_file": str(folders.public / f"{PLATFORM_ID}.jws"),
        "journal_file": str(folders.journal / "journal.sqlite"),
        "destinations": [
            {
                "id": jobcenter,
                "encryption_key_files": [str(folders.receiver / jobcenter / "encrypt.jwk")],
                "signing_key_file": str(folders.receiver / jobcenter / "verify.jwk"),
                "handover_folder": str(folders.handover / jobcenter),
            }
            for jobcenter in jobcenters
        ],
    }


def sign_directory(folders: Folders, jobcenters: Sequence[str]) -> DirectoryDesk:
    """Signed once, into a folder beside its place; afterwards it is the operator's, and read back verified."""
    if not folders.directory.exists():
        partial = folders.directory.with_name(".directory.partial")
        shutil.rmtree(partial, ignore_errors=True)
        DirectoryDesk(partial, folders.keys).prepare(dict.fromkeys(jobcenters, RECEIVER_URL))
        partial.rename(folders.directory)
    desk = DirectoryDesk(folders.directory, folders.keys)
    desk.directory = read_folder(folders.directory, desk.anchor)
    return desk


async def provision(folders: Folders, jobcenters: Sequence[str], kafka: KafkaSettings, store: StoreSettings) -> None:
    """Raises the last `OurError` when Kafka or the store stay away for two minutes."""
    desk = await asyncio.to_thread(sign_directory, folders, jobcenters)
    _give(desk.platform_file, folders.public / desk.platform_file.name, mode=0o644)
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while True:
        try:
            async with S3Store.open(store) as s3:
                await s3.ensure_bucket()
                await s3.check_bucket()
            await desk.publish(kafka.bootstrap)
            return
        except OurError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            print(f"waiting: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(1)


def main(arguments: Sequence[str]) -> int:
    """0 when done; anything else keeps the services from starting."""
    if len(arguments) != 1 or arguments[0] not in {"keys", "provision", "client"}:
        print("usage: python -m devtools.compose_setup keys|provision|client", file=sys.stderr)
        return 64
    os.umask(0o077)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it meets while topics are made is no news here
    folders = Folders(Path(os.environ.get("ANTRAGSWEICHE_FOLDER", "/var/lib/antragsweiche")))
    if arguments[0] == "client":
        print(json.dumps(json.loads(folders.client.read_text())))
        return 0
    jobcenters = connected()
    if arguments[0] == "keys":
        make_keys(folders, jobcenters)
    else:
        asyncio.run(provision(folders, jobcenters, load_settings(KafkaSettings), load_settings(StoreSettings)))
    print(LINES[arguments[0]])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
