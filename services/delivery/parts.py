"""Reading the sealed parts of a submission from the store, proving while streaming that they are what was signed."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from uuid import UUID

from shared.contracts.manifest import Manifest, Part
from shared.contracts.reasons import Reason
from shared.errors import MessageError, StoreUnavailable
from shared.sealing.jwk import b64u
from shared.store import keys
from shared.store.port import Store


class StoredParts:
    """Opens each part of one manifest: small ones from the outcome, the others as objects."""

    def __init__(self, store: Store, manifest: Manifest, inline: Mapping[UUID, str]) -> None:
        self._store = store
        self._manifest = manifest
        self._inline = inline

    async def open(self, part: Part) -> AsyncIterator[bytes]:
        """Yields the exact bytes. `MessageError` once they are proven absent or altered: the last chunk is held back
        until size and SHA-256 are known to be right, so nobody ever receives a complete altered part."""
        digest, size, held = hashlib.sha256(), 0, b""
        async for chunk in self._raw(part):
            if not chunk:
                continue
            if held:
                yield held
            digest.update(chunk)
            size += len(chunk)
            held = chunk
        if size != part.size or b64u(digest.digest()) != part.sha256:
            raise MessageError(Reason.PART_ALTERED)
        yield held

    async def _raw(self, part: Part) -> AsyncIterator[bytes]:
        if part.id in self._inline:
            yield self._inline[part.id].encode("ascii", "replace")
            return
        async with self._store.get_stream(keys.part(self._manifest.submission_id, part.id)) as stream:
            if stream is None:
                raise MessageError(Reason.PART_MISSING)
            if stream.size != part.size:
                raise MessageError(Reason.PART_ALTERED)
            received = 0
            async for chunk in stream.chunks:
                received += len(chunk)
                yield chunk
            if received != stream.size:  # cut off on the way: proves nothing about what is stored
                raise StoreUnavailable("a part ended early")
