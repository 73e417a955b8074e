"""What must be there before the services start: signed directory, topics, bucket. Each step can be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from minio import Minio

from devtools.keys import KeyFiles
from devtools.servers import S3Server
from shared.contracts import topics
from shared.contracts.directory import (
    PLATFORM_ID,
    DestinationKey,
    HttpsAdapter,
    JobcenterEntry,
    KeyState,
    KeyUse,
    PlatformEntry,
    PlatformKey,
    PlatformKeyUse,
    Rollout,
)
from shared.directory.base import base_entries
from shared.directory.folder import write_token
from shared.directory.publisher import publish_directory
from shared.directory.snapshot import Directory
from shared.kafka.admin import apply_topics
from shared.sealing.jwk import public_jwk, read_jwk
from shared.trust.anchor import Anchor, sign_entry

T = TypeVar("T")


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in a thread of its own, so that it works inside and outside of a running event loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


class DirectoryDesk:
    """The operator's desk: holds the directory key, signs entries into a folder, publishes them.

    `connect` gives a Jobcenter its endpoint and keys; a change is a higher version of the entry.
    """

    def __init__(self, folder: Path, keys: KeyFiles, *, issuer: str = "antragsweiche-sandbox") -> None:
        self.folder = folder
        self.anchor = Anchor.from_file(keys.anchor)
        self.directory = Directory(self.anchor)
        self._keys = keys
        self._private = read_jwk(keys.directory)
        self._issuer = issuer

    @property
    def platform_file(self) -> Path:
        return self.folder / f"{PLATFORM_ID}.jws"

    def prepare(self, endpoints: Mapping[str, str]) -> None:
        """Sign the platform's keys and all 104 Jobcenters; `endpoints` (Jobcenter id → URL) are connected ones."""
        now = datetime.now(UTC)
        self._sign(_platform_entry(self._keys, self._issuer, now))
        for entry in base_entries(now):
            endpoint = endpoints.get(entry.id)
            self._sign(entry if endpoint is None else _connected(entry, endpoint, self._keys))

    def connect(self, jobcenter: str, endpoint: str, rollout: Rollout | None = None) -> JobcenterEntry:
        """Sign a new version of an entry with endpoint and keys. `publish` makes it known."""
        current = self.directory.entry(jobcenter)
        if current is None:
            raise KeyError(jobcenter)
        changed = {"version": current.version + 1, "issued_at": datetime.now(UTC)}
        entry = _connected(current, endpoint, self._keys).model_copy(update=changed)
        if rollout is not None:
            entry = entry.model_copy(update={"rollout": rollout})
        self._sign(entry)
        return entry

    def _sign(self, entry: JobcenterEntry | PlatformEntry) -> None:
        token = sign_entry(entry, self._private)
        applied = self.directory.apply(entry.id, token)
        if applied.is_alarm:
            raise RuntimeError(f"{entry.id}: {applied}")
        write_token(self.folder, entry.id, token)

    async def publish(self, bootstrap: str) -> None:
        """Topics first, all in one request, then the entries that are not on the topic yet."""
        await apply_topics(bootstrap, topics.all_topics(self.directory.destinations()))
        await publish_directory(bootstrap, self.anchor, self.directory)


def _platform_entry(keys: KeyFiles, issuer: str, now: datetime) -> PlatformEntry:
    files = {
        PlatformKeyUse.RECEIPT: keys.receipt,
        PlatformKeyUse.PUSH: keys.push,
        PlatformKeyUse.TRANSIT: keys.transit,
    }
    public = {use: public_jwk(read_jwk(file)) for use, file in files.items()}
    records = tuple(PlatformKey(kid=jwk["kid"], use=use, state=KeyState.ACTIVE, jwk=jwk) for use, jwk in public.items())
    return PlatformEntry(version=1, issued_at=now, issuer=issuer, keys=records)


def _connected(entry: JobcenterEntry, endpoint: str, keys: KeyFiles) -> JobcenterEntry:
    destinations = []
    for destination in entry.destinations:
        seals, signs = (public_jwk(read_jwk(make(destination.id))) for make in (keys.encrypt, keys.verify))
        records = (
            DestinationKey(kid=seals["kid"], use=KeyUse.ENCRYPT, state=KeyState.ACTIVE, jwk=seals),
            DestinationKey(kid=signs["kid"], use=KeyUse.VERIFY, state=KeyState.ACTIVE, jwk=signs),
        )
        adapter = HttpsAdapter(url=f"{endpoint}/{destination.id}")
        destinations.append(destination.model_copy(update={"adapter": adapter, "keys": records}))
    return entry.model_copy(update={"destinations": tuple(destinations)})


def make_bucket(server: S3Server, name: str) -> None:
    """Make the bucket unless it is there."""
    client = Minio(server.endpoint, access_key=server.access_key, secret_key=server.secret_key, secure=False)
    try:
        if not client.bucket_exists(name):
            client.make_bucket(name)
    finally:
        client._http.clear()  # else its sockets would warn when collected
