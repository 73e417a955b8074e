"""Drafts and cases in the store: sealed, one object a revision, written conditionally.

    drafts/<draft id>/r/<revision>          a sealed `Record`; the newest revision counts
    drafts/<draft id>/f/<file id>/<n>       the n-th sealed chunk of an uploaded file

A revision begins with clear bytes: version, when it may be erased, when it was last used (Unix seconds). The sweeper
needs them and cannot open the rest; they are part of the associated data, so nobody can change them unnoticed.

`change` reads, applies a function and writes the next revision with If-None-Match. When another request was faster
(two tabs, two replicas), the function is applied again to what that one left: no answer is ever overwritten unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError

from services.portal.records import Record
from services.portal.vault import Vault
from shared.errors import CannotOpen, OurError, StoreUnavailable
from shared.store.port import Store

PREFIX: Final = "drafts/"
CHUNK_BYTES: Final = 2 * 1024 * 1024
MAX_RACES: Final = 8
_HEAD: Final = struct.Struct(">BQQ")
_VERSION: Final = 1


class NewerDraft(OurError):
    """A newer replica wrote what this one does not know: while all are being replaced, the citizen has to wait."""


@dataclass(frozen=True)
class Loaded:
    """A record as it was found."""

    record: Record
    revision: int
    erase_at: datetime
    used_at: datetime


@dataclass(frozen=True)
class Written:
    """An uploaded file that is durable but not in any record yet."""

    chunks: int
    size: int
    sha512: str


class Drafts:
    """`clock` gives UTC. Every method may raise `StoreUnavailable`, and what opens a record `NewerDraft`."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    # -- records ----------------------------------------------------------------------------------------------------

    async def load(self, vault: Vault) -> Loaded | None:
        """The newest revision; None if there is none, it is past its time, or it was not sealed with this secret."""
        for _ in range(MAX_RACES):
            keys = await self._store.list(_revisions(vault.draft_id))
            if not keys:
                return None
            raw = await self._store.get(keys[-1])
            if raw is None:
                continue  # a newer revision replaced it between the two calls
            revision = int(keys[-1].rpartition("/")[2])
            loaded = _open(vault, raw, revision)
            return loaded if loaded is not None and loaded.erase_at > self._clock() else None
        raise StoreUnavailable("a draft changes faster than it can be read")

    async def create(self, vault: Vault, record: Record, keep_s: int) -> None:
        """Does nothing if there is a first revision already."""
        await self._store.put_new(_revision(vault.draft_id, 1), self._sealed(vault, record, 1, keep_s))

    async def change(
        self, vault: Vault, change: Callable[[Record], Record], keep_s: int, *, found: Loaded | None = None
    ) -> Record:
        """The record as written. `change` may be called several times. Raises `CannotOpen` if there is no record.

        `found`: what the caller has just loaded; saves reading it again where nobody else was faster.
        """
        for number in range(MAX_RACES):
            loaded = found if number == 0 and found is not None else await self.load(vault)
            if loaded is None:
                raise CannotOpen("draft-gone")
            record = change(loaded.record)
            revision = loaded.revision + 1
            key = _revision(vault.draft_id, revision)
            if not await self._store.put_new(key, self._sealed(vault, record, revision, keep_s)):
                continue
            there, _ = await asyncio.gather(
                self._store.list(_revisions(vault.draft_id)),
                self._store.delete(_revision(vault.draft_id, loaded.revision)),
            )
            if there[-1:] == [key]:
                return record
            # Others were two revisions faster and had taken ours away already: this write counts for nothing.
            await self._store.delete(key)
        raise StoreUnavailable("a draft changes faster than it can be written")

    def _sealed(self, vault: Vault, record: Record, revision: int, keep_s: int) -> bytes:
        now = self._clock()
        head = _HEAD.pack(_VERSION, int((now + timedelta(seconds=keep_s)).timestamp()), int(now.timestamp()))
        body = record.model_dump_json(exclude_defaults=True).encode()
        return head + vault.seal(body, f"r/{revision}/{head.hex()}")

    # -- files ------------------------------------------------------------------------------------------------------

    async def write_file(self, vault: Vault, file_id: str, chunks: AsyncIterator[bytes]) -> Written:
        """Seals and stores what comes, `CHUNK_BYTES` at a time. On an error what was stored is taken away again."""
        digest = hashlib.sha512()
        size = count = 0
        buffer = bytearray()
        try:
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                buffer += chunk
                while len(buffer) >= CHUNK_BYTES:
                    await self._write_chunk(vault, file_id, count, bytes(buffer[:CHUNK_BYTES]))
                    del buffer[:CHUNK_BYTES]
                    count += 1
            if buffer:
                await self._write_chunk(vault, file_id, count, bytes(buffer))
                count += 1
        except BaseException:
            with contextlib.suppress(StoreUnavailable):  # the sweeper takes what is left, with the draft
                await self.delete_file(vault, file_id)
            raise
        return Written(count, size, digest.hexdigest())

    async def _write_chunk(self, vault: Vault, file_id: str, index: int, plaintext: bytes) -> None:
        await self._store.put(_chunk(vault.draft_id, file_id, index), vault.seal(plaintext, f"f/{file_id}/{index}"))

    async def read_file(self, vault: Vault, file_id: str, chunks: int) -> AsyncIterator[bytes]:
        """The plaintext. Whoever uses it compares size and SHA-512 with the record: they prove the whole."""
        for index in range(chunks):
            sealed = await self._store.get(_chunk(vault.draft_id, file_id, index))
            if sealed is None:
                raise CannotOpen("file-gone")
            yield vault.open(sealed, f"f/{file_id}/{index}")

    async def delete_file(self, vault: Vault, file_id: str) -> None:
        for key in await self._store.list(_file(vault.draft_id, file_id)):
            await self._store.delete(key)

    # -- erasing ----------------------------------------------------------------------------------------------------

    async def erase(self, vault: Vault) -> None:
        await self.erase_id(vault.draft_id)

    async def erase_id(self, draft_id: str) -> None:
        """Files first, the newest revision last: what is interrupted is found again by the next sweep."""
        for key in await self._store.list(f"{PREFIX}{draft_id}/f/"):
            await self._store.delete(key)
        for key in await self._store.list(_revisions(draft_id)):
            await self._store.delete(key)

    async def sweep(self) -> int:
        """Erases every draft whose time is over, without opening any. How many there were."""
        newest: dict[str, str] = {}
        strays: dict[str, None] = {}
        for key in await self._store.list(PREFIX):
            draft_id, _, rest = key.removeprefix(PREFIX).partition("/")
            if rest.startswith("r/"):
                newest[draft_id] = key
            else:
                strays.setdefault(draft_id)
        erased = 0
        for draft_id, key in newest.items():
            raw = await self._store.get(key)
            if raw is not None and (head := _head(raw)) is not None and head[0] <= self._clock():
                await self.erase_id(draft_id)
                erased += 1
        for draft_id in strays:
            if draft_id not in newest and not await self._store.list(_revisions(draft_id)):
                await self.erase_id(draft_id)
        return erased


def _revisions(draft_id: str) -> str:
    return f"{PREFIX}{draft_id}/r/"


def _revision(draft_id: str, revision: int) -> str:
    return f"{_revisions(draft_id)}{revision:010d}"


def _file(draft_id: str, file_id: str) -> str:
    return f"{PREFIX}{draft_id}/f/{file_id}/"


def _chunk(draft_id: str, file_id: str, index: int) -> str:
    return f"{_file(draft_id, file_id)}{index:06d}"


def _head(raw: bytes) -> tuple[datetime, datetime] | None:
    if len(raw) < _HEAD.size or raw[0] != _VERSION:
        return None
    _, erase_at, used_at = _HEAD.unpack(raw[: _HEAD.size])
    return datetime.fromtimestamp(erase_at, UTC), datetime.fromtimestamp(used_at, UTC)


def _open(vault: Vault, raw: bytes, revision: int) -> Loaded | None:
    head = _head(raw)
    if head is None:
        return None
    try:
        body = vault.open(raw[_HEAD.size :], f"r/{revision}/{raw[: _HEAD.size].hex()}")
    except CannotOpen:
        return None
    try:
        return Loaded(Record.model_validate_json(body), revision, *head)
    except ValidationError:
        # The original error quotes answers. To read on without what is unknown would lose it at the next change.
        raise NewerDraft(f"revision {revision}") from None
