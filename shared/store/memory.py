"""The store port in memory, for tests of everything that stands on it. Passes the contract tests of the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from shared.errors import StoreUnavailable
from shared.store.port import ObjectStream

CHUNK_BYTES = 64 * 1024


class MemoryStore:
    """`objects` may be looked at and changed by tests.

    While `unavailable` is set every operation fails. `before` is called with the operation's name and key before
    anything happens, `after` when it has happened but the caller does not know yet: whatever they raise is passed on.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.unavailable = False
        self.before: Callable[[str, str], None] = _nothing
        self.after: Callable[[str, str], None] = _nothing

    async def _enter(self, what: str, key: str) -> None:
        await asyncio.sleep(0)  # every operation of a real store lets others run
        if self.unavailable:
            raise StoreUnavailable(f"{what}: switched off")
        self.before(what, key)

    async def put_new(self, key: str, body: bytes) -> bool:
        await self._enter("put_new", key)
        if key in self.objects:
            return False
        self.objects[key] = bytes(body)
        self.after("put_new", key)
        return True

    async def put(self, key: str, body: bytes) -> None:
        await self._enter("put", key)
        self.objects[key] = bytes(body)
        self.after("put", key)

    async def put_stream(self, key: str, size: int, chunks: AsyncIterator[bytes]) -> None:
        await self._enter("put_stream", key)
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > size:
                raise ValueError("the body is longer than announced")
        if len(body) < size:
            raise ValueError("the body is shorter than announced")
        await self._enter("put_stream", key)
        self.objects[key] = bytes(body)
        self.after("put_stream", key)

    async def get(self, key: str) -> bytes | None:
        await self._enter("get", key)
        return self.objects.get(key)

    def get_stream(self, key: str) -> AbstractAsyncContextManager[ObjectStream | None]:
        return self._get_stream(key)

    @asynccontextmanager
    async def _get_stream(self, key: str) -> AsyncIterator[ObjectStream | None]:
        await self._enter("get_stream", key)
        body = self.objects.get(key)
        yield None if body is None else ObjectStream(len(body), _chunks(body))

    async def exists(self, key: str) -> bool:
        return await self.size(key) is not None

    async def size(self, key: str) -> int | None:
        await self._enter("size", key)
        body = self.objects.get(key)
        return None if body is None else len(body)

    async def delete(self, key: str) -> None:
        await self._enter("delete", key)
        self.objects.pop(key, None)
        self.after("delete", key)

    async def list(self, prefix: str) -> list[str]:
        await self._enter("list", prefix)
        return sorted(key for key in self.objects if key.startswith(prefix))

    async def check(self) -> None:
        await self._enter("check", "")


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), CHUNK_BYTES):
        await asyncio.sleep(0)
        yield body[start : start + CHUNK_BYTES]


def _nothing(_what: str, _key: str) -> None:
    return None
