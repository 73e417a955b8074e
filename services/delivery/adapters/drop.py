"""Laying a delivery down where the Jobcenter picks it up: the order of writing, whatever it is written to.

Each part that is not there already, then the push signature, the manifest last (`shared.trust.drops` has the names).
Whoever sees the manifest has everything, so a crash at any point leaves nothing that could be taken for complete; the
next attempt goes on where the last one stopped. A file of the same size and SHA-256 counts as delivered.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from services.delivery.adapters.port import Consignment, HandedOver
from shared.contracts.manifest import Part
from shared.contracts.reasons import Reason
from shared.errors import JobcenterError, StoreUnavailable
from shared.sealing.jwk import b64u
from shared.trust import drops

SLOW_TAKER_S = 5.0
"""A server that lets a chunk wait longer is itself the reason when the store then drops the connection."""

DropSigner = Callable[[Consignment], str]
"""Answers the compact JWS of `shared.trust.drops` for a consignment."""


@dataclass(frozen=True)
class File:
    """One file of a delivery. `size` in bytes, `sha256` base64url of the exact bytes."""

    name: str
    size: int
    sha256: str


class Place(Protocol):
    """One delivery's folder, in whatever it lies. Every failure of its server is `JobcenterError`."""

    async def holds(self, file: File) -> bool:
        """Whether exactly this file is there under its final name."""
        ...

    async def write(self, file: File, chunks: AsyncIterator[bytes]) -> None:
        """Writes it so that nobody ever sees a part of it under its final name; replaces what is there.

        Passes an exception of `chunks` on unchanged.
        """
        ...


async def lay_down(place: Place, consignment: Consignment, sign: DropSigner) -> HandedOver:
    """Hands everything over. Passes `MessageError` and `StoreUnavailable` of the parts on unchanged."""
    manifest = _file(drops.MANIFEST, consignment.manifest_token)
    for part in consignment.manifest.parts:
        file = File(drops.part_name(part.id), part.size, part.sha256)
        if not await place.holds(file):
            await _write_part(place, file, consignment, part)
    # Written anew each time: the key of an older signature may be revoked since.
    push = sign(consignment)
    await place.write(_file(drops.PUSH, push), _one(push))
    if not await place.holds(manifest):
        await place.write(manifest, _one(consignment.manifest_token))
    return HandedOver.ANSWER_LATER


async def _write_part(place: Place, file: File, consignment: Consignment, part: Part) -> None:
    feed = Feed(consignment, part)
    try:
        await place.write(file, feed.chunks())
    except Exception:
        if feed.fault is not None:
            raise feed.blame() from None
        raise


class Feed:
    """A part on its way out. `fault` is the part's own error, so that it is never taken for the Jobcenter's."""

    def __init__(self, consignment: Consignment, part: Part) -> None:
        self._consignment, self._part = consignment, part
        self.fault: Exception | None = None
        self._longest_wait_s = 0.0

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._consignment.open_part(self._part):
                before = time.monotonic()
                yield chunk
                self._longest_wait_s = max(self._longest_wait_s, time.monotonic() - before)
        except Exception as error:
            self.fault = error
            raise

    def blame(self) -> Exception:
        """Whose fault it was: the part's error, unless the taker was so slow that the store gave up waiting."""
        assert self.fault is not None
        if isinstance(self.fault, StoreUnavailable) and self._longest_wait_s > SLOW_TAKER_S:
            return JobcenterError(Reason.TIMEOUT)
        return self.fault


class Check:
    """Compares bytes that come back with a file, in constant memory."""

    def __init__(self, file: File) -> None:
        self._file, self._hash, self._size = file, hashlib.sha256(), 0

    def update(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self._size += len(chunk)

    @property
    def same(self) -> bool:
        return self._size == self._file.size and b64u(self._hash.digest()) == self._file.sha256


def _file(name: str, token: str) -> File:
    body = token.encode("ascii")
    return File(name, len(body), b64u(hashlib.sha256(body).digest()))


async def _one(token: str) -> AsyncIterator[bytes]:
    yield token.encode("ascii")
