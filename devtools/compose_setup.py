"""The one-shot set-up inside containers: `python -m devtools.compose_setup keys|provision|client`.

| step | makes | when |
|---|---|---|
| `keys` | all secrets, each service's own in its folder; clients; the store's accounts and disk | before it starts |
| `provision` | the signed directory, topics, buckets and who may use them | when Kafka and the store answer |
| `client` | nothing: prints the sandbox client's credentials as JSON | whenever somebody asks |

Every step may be repeated and may be interrupted anywhere: what is there stays, what is missing is made.
The folders (`ANTRAGSWEICHE_FOLDER`, default `/var/lib/antragsweiche`) are named volumes in `deploy/docker-compose.yml`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devtools.clients import SANDBOX_ID
from devtools.keys import KeyFiles, ensure_keys, write_private
from devtools.places import connected
from devtools.provision import DirectoryDesk
from devtools.stack import BUCKET, DRAFTS_BUCKET, PORTAL_ID
from devtools.store_accounts import FILE, accounts_file, open_bucket
from devtools.synchronous import make_synchronous
from services.intake.clients import Client, ClientsFile, hash_secret, new_secret, read_clients, write_clients
from shared.contracts.directory import PLATFORM_ID
from shared.directory.folder import read_folder
from shared.errors import OurError
from shared.kafka.settings import KafkaSettings
from shared.settings import load_settings
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings

RECEIVER_URL = "http://receiver:8080"
WAIT_S = 120.0
NOT_SYNCHRONOUS = (
    "WARNING: the file system of the volume store-data cannot be told to write synchronously (chattr +S +D). A power "
    "cut can lose what was answered in the last half minute: mount it with `sync` (docs/deployment.md)."
)
LINES = {"keys": "keys are there", "provision": "directory, topics and buckets are there"}
USERS = {BUCKET: ("intake", "router", "delivery"), DRAFTS_BUCKET: ("portal",)}
"""Which service's account may use which bucket."""


class Folders:
    """One folder for each reader; nobody mounts another's."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self.operator, self.public = base / "operator", base / "public"
        self.intake, self.router, self.delivery = base / "intake", base / "router", base / "delivery"
        self.portal = base / "portal"
        self.receiver, self.handover, self.journal = base / "receiver", base / "handover", base / "journal"
        self.store_secret, self.store_data = base / "store-secret", base / "store"

    def of(self, service: str) -> Path:
        return self._base / service

    @property
    def keys(self) -> KeyFiles:
        return KeyFiles(self.operator / "keys")

    @property
    def client(self) -> Path:
        """The sandbox client's secret in clear, for whoever may read the operator's volume."""
        return self.operator / "sandbox-client.json"

    @property
    def portal_secret(self) -> Path:
        """The secret of the portal's client at intake."""
        return self.operator / "portal-client-secret"

    @property
    def root_store_key(self) -> Path:
        return self.operator / "store-secret"

    def store_key(self, account: str) -> Path:
        return self.operator / "store-accounts" / account

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
    _give_store_accounts(folders)
    for jobcenter in jobcenters:
        for key in (keys.encrypt(jobcenter), keys.verify(jobcenter)):
            _give(key, folders.receiver / jobcenter / key.name)
        (folders.handover / jobcenter).mkdir(parents=True, exist_ok=True)
    write_private(folders.receiver / "receiver.json", receiver_configuration(folders, jobcenters))
    _make_clients(folders)


def _give(source: Path, target: Path, mode: int = 0o600) -> None:
    """A whole copy or none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.touch(mode=mode)
    shutil.copyfile(source, partial)
    partial.chmod(mode)
    partial.replace(target)


def _drawn(path: Path) -> Path:
    """A file with a secret, drawn unless it is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_text(new_secret())
        partial.replace(path)
    return path


def _give_store_accounts(folders: Folders) -> None:
    """Root's secret to the store alone; each service its own account's."""
    _give(_drawn(folders.root_store_key), folders.store_secret / "secret-key")
    keys = {name: _drawn(folders.store_key(name)) for names in USERS.values() for name in names}
    for name, key in keys.items():
        _give(key, folders.of(name) / "store-secret")
    accounts = accounts_file({name: key.read_text() for name, key in keys.items()})
    write_private(folders.store_secret / "accounts" / FILE, accounts)


def _make_clients(folders: Folders) -> None:
    """The sandbox's client and the portal's. A secret is drawn once; what an operator changed in the file stays."""
    path = folders.intake / "clients.json"
    known = dict(read_clients(path).clients) if path.exists() else {}
    for client_id, file in ((SANDBOX_ID, folders.client), (PORTAL_ID, folders.portal_secret)):
        if client_id in known and not file.exists():
            del known[client_id]
            write_clients(path, ClientsFile(clients=known))  # first: a hash without its secret is nobody's
    if not folders.client.exists():
        write_private(folders.client, {"client_id": SANDBOX_ID, "client_secret": new_secret()})
    _give(_drawn(folders.portal_secret), folders.portal / "client-secret")
    made = {
        SANDBOX_ID: Client(name="Sandbox", secret_sha256=hash_secret(_sandbox_secret(folders))),
        PORTAL_ID: Client(name="Portal", secret_sha256=hash_secret(folders.portal_secret.read_text())),
    }
    write_clients(path, ClientsFile(clients=made | known))


def _sandbox_secret(folders: Folders) -> str:
    return str(json.loads(folders.client.read_text())["client_secret"])


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
            for bucket, accounts in USERS.items():
                await _make_bucket(store.model_copy(update={"bucket": bucket}), accounts)
            await desk.publish(kafka.bootstrap)
            return
        except OurError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            print(f"waiting: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(1)


async def _make_bucket(store: StoreSettings, accounts: Sequence[str]) -> None:
    async with S3Store.open(store) as s3:
        await s3.ensure_bucket()
        await s3.check_bucket()
    await asyncio.to_thread(open_bucket, store.endpoint, store.secret(), store.bucket, accounts, secure=store.secure)


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
        if not make_synchronous(folders.store_data):
            print(NOT_SYNCHRONOUS, file=sys.stderr)
    else:
        asyncio.run(provision(folders, jobcenters, load_settings(KafkaSettings), load_settings(StoreSettings)))
    print(LINES[arguments[0]])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
