"""The port of the object store: what every service may rely on, whatever stands behind it.

Guarantees (proven by one contract test class, run against the real server and against the in-memory double):

- A key holds nothing or one complete object. A reader never sees part of one, nor a mixture of two.
- `put_new` has exactly one winner, over all processes: it answers True for the caller whose bytes are stored and
  False for everyone else. After an ambiguous failure it reads back; equal bytes count as the caller's own write, so
  callers that must know *who* won put something of their own into the bytes.
- `put_stream` keeps nothing unless exactly `size` bytes arrived and the iterator ended without an exception.
- After `put`, `put_new` (True) or `put_stream` returned, the object is durable and every reader sees it.
- `get` answers None, `exists` False, only for a proven absence; whatever else goes wrong is `StoreUnavailable`.
- `delete` of an absent key is no error. `list` is complete for keys that neither appear nor vanish meanwhile, and
  sorted by UTF-8 bytes.

Assumption: keys are computed by `shared.store.keys` (ASCII letters, digits, `-`, `/`), never read from a message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ObjectStream:
    """An object being read. `chunks` ends normally only after all `size` bytes."""

    size: int
    chunks: AsyncIterator[bytes]


class Store(Protocol):
    """See the module's docstring for the guarantees. Every method may raise `StoreUnavailable`."""

    async def put_new(self, key: str, body: bytes) -> bool:
        """Stores `body` unless the key is taken; True for the one winner."""
        ...

    async def put(self, key: str, body: bytes) -> None:
        """Stores or replaces."""
        ...

    async def put_stream(self, key: str, size: int, chunks: AsyncIterator[bytes]) -> None:
        """Stores exactly `size` bytes from `chunks`.

        An exception of the iterator is passed on unchanged and nothing is kept; ending early or late is ValueError.
        """
        ...

    async def get(self, key: str) -> bytes | None:
        """The whole object, or None."""
        ...

    def get_stream(self, key: str) -> AbstractAsyncContextManager[ObjectStream | None]:
        """`async with store.get_stream(key) as stream:` — None when the key is free."""
        ...

    async def exists(self, key: str) -> bool: ...

    async def size(self, key: str) -> int | None:
        """Bytes of the object, or None."""
        ...

    async def delete(self, key: str) -> None: ...

    async def list(self, prefix: str) -> list[str]:
        """All keys that begin with `prefix`."""
        ...

    async def check(self) -> None:
        """Raises `StoreUnavailable` unless the bucket answers."""
        ...
