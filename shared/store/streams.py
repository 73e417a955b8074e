"""The body of a streaming upload: exactly as long as announced, and with a watch on the store's silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing


class ExactBody:
    """Hands chunks on and breaks off unless exactly `size` bytes came.

    Breaking off inside the body generator makes aiohttp close the connection before `Content-Length` is reached, and
    a server keeps nothing of such a body. `raise_if_broken` then says what really happened.

    The limit runs only while the store is to take bytes or to answer, not while the source thinks: a slow sender is
    not a dead store.
    """

    def __init__(self, chunks: AsyncIterator[bytes], size: int, limit: asyncio.Timeout, idle_s: float) -> None:
        self._chunks = chunks
        self._size = size
        self._limit = limit
        self._idle_s = idle_s
        self._broken: BaseException | None = None

    async def stream(self) -> AsyncIterator[bytes]:
        """To be consumed once, by the HTTP client."""
        try:
            async with aclosing(self._exactly()) as chunks:
                self._source_turn()
                async for chunk in chunks:
                    self._store_turn()
                    yield chunk
                    self._source_turn()
        except GeneratorExit:
            raise
        except BaseException as error:
            self._broken = error
            raise
        finally:
            self._store_turn()

    async def _exactly(self) -> AsyncGenerator[bytes, None]:
        seen = 0
        async for chunk in self._chunks:
            seen += len(chunk)
            if seen > self._size:
                raise ValueError("the body is longer than announced")
            yield chunk
        if seen < self._size:
            raise ValueError("the body is shorter than announced")

    def raise_if_broken(self) -> None:
        """Raises what broke the source, unchanged."""
        if self._broken is not None and not isinstance(self._broken, asyncio.CancelledError):
            raise self._broken

    def _source_turn(self) -> None:
        if not self._limit.expired():
            self._limit.reschedule(None)

    def _store_turn(self) -> None:
        if not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time() + self._idle_s)
