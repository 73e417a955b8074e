"""Deliveries that were not sent but laid down: a hot folder or a bucket is looked through again and again.

What is found is received by the same code as a push over HTTP (`services.receiver.deliveries`). What stands in for the
push's signature is `push.jws` (`shared.trust.drops`). Its answer goes to the platform by `services.receiver.poster`.

    1. a delivery counts as there when its manifest is there: it is written last
    2. `push.jws` verified, the manifest verified against it
    3. every part's size and SHA-256 compared with the manifest *before* anything is judged: files may be synchronised,
       copied or saved by hand in any order, and a reject would be final. What is not whole yet is left lying
    4. received: opened, checked, handed over, the signed answer in the journal
    5. the answer in the outbox, then the delivery erased from the inbox

A crash between any two of these steps lets the delivery be received again, which changes nothing but the answer's id.
What cannot be received stays where it is, is logged each time and tried again, ever more seldom; the platform asks
again by itself and puts right what was altered.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol
from uuid import UUID

from services.receiver.deliveries import Destination, Field, Receiver, Reply
from services.receiver.manifests import read_manifest
from services.receiver.poster import Poster
from services.receiver.refusals import NotNow, NotSigned, Refusal
from services.receiver.trust import PlatformTrust
from shared.contracts.manifest import Manifest
from shared.errors import InvalidSignature
from shared.sealing.jwk import b64u
from shared.telemetry.logs import emit
from shared.trust import drops

log = logging.getLogger(__name__)

MAX_PUSH_BYTES: Final = 16 * 1024
_AT_ONCE: Final = 4
_SLOWEST_S: Final = 300.0


class Inbox(Protocol):
    """Where deliveries are laid down. Every failure is `NotNow`."""

    async def complete(self) -> list[UUID]:
        """Ids of the deliveries whose manifest is there."""
        ...

    def open(self, delivery_id: UUID, name: str) -> AbstractAsyncContextManager[AsyncIterator[bytes] | None]:
        """A file's pieces, or None when there is none of that name."""
        ...

    async def erase(self, delivery_id: UUID) -> None:
        """Takes the delivery away, the manifest first: what a crash leaves is not complete any more."""
        ...


class NotWhole(Exception):
    """Some file is missing or not yet what was signed."""


class Watcher:
    """Watches the inbox of one destination."""

    def __init__(
        self,
        destination: Destination,
        inbox: Inbox,
        receiver: Receiver,
        trust: PlatformTrust,
        poster: Poster,
        *,
        interval_s: float,
        max_manifest_bytes: int,
    ) -> None:
        self._destination, self._inbox, self._receiver, self._trust = destination, inbox, receiver, trust
        self._poster, self._interval_s, self._max_manifest_bytes = poster, interval_s, max_manifest_bytes
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._later: dict[UUID, tuple[float, float]] = {}
        """Delivery → when next (loop time), and how long was waited last."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except NotNow as failure:
                emit(
                    log,
                    logging.ERROR,
                    "inbox cannot be read",
                    destination=self._destination.settings.id,
                    code=failure.code,
                )
            await asyncio.sleep(self._interval_s)

    async def look(self) -> int:
        """Looks through once; how many deliveries were answered."""
        found, now = await self._inbox.complete(), asyncio.get_running_loop().time()
        self._later = {delivery_id: entry for delivery_id, entry in self._later.items() if delivery_id in found}
        due = [each for each in found if self._later.get(each, (0.0, 0.0))[0] <= now]
        return sum(await asyncio.gather(*(self._take(delivery_id) for delivery_id in due)))

    async def _take(self, delivery_id: UUID) -> bool:
        async with self._turn:
            try:
                reply = await self._receive(delivery_id)
                await self._poster.enqueue(delivery_id, reply.token)
                await self._inbox.erase(delivery_id)
            except NotWhole:
                self._postpone(delivery_id, logging.WARNING, "not-whole")
            except (Refusal, NotNow) as failure:
                self._postpone(delivery_id, logging.ERROR, failure.code)
            except (sqlite3.Error, OSError):
                self._postpone(delivery_id, logging.ERROR, "storage")
            except Exception as error:  # noqa: BLE001 - one delivery must never stop the others; it stays and is told
                emit(log, logging.ERROR, "unexpected", delivery=delivery_id, error=error)
                self._postpone(delivery_id, logging.ERROR, "unexpected")
            else:
                self._later.pop(delivery_id, None)
                self._note(delivery_id, reply)
                return True
        return False

    def _postpone(self, delivery_id: UUID, level: int, code: str) -> None:
        waited = min(self._later.get(delivery_id, (0.0, self._interval_s / 2))[1] * 2, _SLOWEST_S)
        self._later[delivery_id] = (asyncio.get_running_loop().time() + waited, waited)
        destination = self._destination.settings.id
        emit(log, level, "delivery left in the inbox", destination=destination, delivery=delivery_id, code=code)

    def _note(self, delivery_id: UUID, reply: Reply) -> None:
        emit(
            log,
            logging.INFO,
            "delivery answered",
            destination=self._destination.settings.id,
            submission=reply.submission_id,
            delivery=delivery_id,
            state=reply.verdict.value,
            reason=".".join(reply.codes) or "none",
        )

    async def _receive(self, delivery_id: UUID) -> Reply:
        platform = self._trust.current()
        push = await self._small(delivery_id, drops.PUSH, MAX_PUSH_BYTES)
        try:
            drop = drops.verify_drop(
                push,
                key_for=platform.push_key_for,
                delivery_id=delivery_id,
                destination=self._destination.settings.id,
            )
        except InvalidSignature as error:
            raise NotSigned(str(error)) from None
        token = await self._small(delivery_id, drops.MANIFEST, self._max_manifest_bytes)
        read = read_manifest(token, platform, drop.parts_digest)
        if read.fault is None:
            await self._whole(delivery_id, read.manifest)
        fields = self._fields(delivery_id, token, read.manifest)
        return await self._receiver.receive(self._destination, delivery_id, drop.parts_digest, platform, fields)

    async def _small(self, delivery_id: UUID, name: str, limit: int) -> bytes:
        body = bytearray()
        async with self._inbox.open(delivery_id, name) as pieces:
            if pieces is None:
                raise NotWhole
            async for piece in pieces:
                body += piece
                if len(body) > limit:
                    raise NotNow("file-size")
        return bytes(body)

    async def _whole(self, delivery_id: UUID, manifest: Manifest) -> None:
        """Raises `NotWhole` unless every part is exactly what was signed."""
        for part in manifest.parts:
            digest, size = hashlib.sha256(), 0
            async with self._inbox.open(delivery_id, drops.part_name(part.id)) as pieces:
                if pieces is None:
                    raise NotWhole
                async for piece in pieces:
                    digest.update(piece)
                    size += len(piece)
                    if size > part.size:
                        raise NotWhole
            if size != part.size or b64u(digest.digest()) != part.sha256:
                raise NotWhole

    async def _fields(self, delivery_id: UUID, token: bytes, manifest: Manifest) -> AsyncIterator[Field]:
        yield Field("manifest", _one(token))
        for part in manifest.parts:
            async with self._inbox.open(delivery_id, drops.part_name(part.id)) as pieces:
                if pieces is not None:
                    yield Field(str(part.id), pieces)


async def _one(body: bytes) -> AsyncIterator[bytes]:
    yield body
