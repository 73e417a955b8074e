"""Posts signed answers to the platform, for deliveries that did not come over HTTP and so left nobody waiting.

    POST <answers_url>/v1/deliveries/<delivery id>/events   application/jose, the signed answer

Order of use: `enqueue` as often as there are answers (durable when it returns), `run` once, cancelled at the end. An
answer is in the journal's outbox until the platform has it: a receiver that dies goes on at its next start.

| what the platform says | what it means here |
|---|---|
| 2xx | it has the answer durably |
| 409, 400, 401, 413, 415 | it will never take this one: logged, taken out; the journal keeps the answer as evidence |
| anything else, or nothing | come again: first after seconds, at most every few minutes |

404 is among the last: the platform may write down its hand-over only after the receiver has answered already.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import aiohttp

from services.receiver.journal import Journal, Waiting
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

NEVER: Final = frozenset({400, 401, 409, 413, 415})
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
JOSE: Final = "application/jose"


class Poster:
    """`url` is `answers_url`, without a slash at its end. `give_up` bounds how long an answer is tried."""

    def __init__(
        self,
        journal: Journal,
        url: str,
        session: aiohttp.ClientSession,
        clock: Callable[[], datetime],
        *,
        first_s: float = 2.0,
        most_s: float = 300.0,
        give_up: timedelta = timedelta(days=60),
    ) -> None:
        self._journal, self._url, self._session, self._clock = journal, url, session, clock
        self._first_s, self._most_s, self._give_up = first_s, most_s, give_up
        self._wake = asyncio.Event()
        self._due: dict[str, tuple[float, float]] = {}
        """Outbox key → when next (loop time), and how long was waited last."""

    async def enqueue(self, delivery_id: UUID, token: str) -> None:
        """Keep an answer until the platform has it. Raises `sqlite3.Error` or OSError when the disk fails."""
        await asyncio.to_thread(self._journal.enqueue, delivery_id, token, self._clock())
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.post_due()
            except sqlite3.Error as error:
                emit(log, logging.ERROR, "the journal cannot be read", error=error)
                await asyncio.sleep(self._most_s)
                continue
            pause = min((due for due, _ in self._due.values()), default=None)
            now = asyncio.get_running_loop().time()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), None if pause is None else max(0.05, pause - now))

    async def post_due(self) -> None:
        """One round over everything that is due."""
        now = asyncio.get_running_loop().time()
        waiting = await asyncio.to_thread(self._journal.outbox)
        for item in waiting:
            if self._due.get(item.key, (0.0, 0.0))[0] > now:
                continue
            status = await self._post(item)
            if status is not None and (200 <= status < 300 or status in NEVER):
                await self._done(item, status)
            elif self._clock() - item.at > self._give_up:
                await self._done(item, status or 0)
            else:
                waited = min(self._due.get(item.key, (0.0, self._first_s / 2))[1] * 2, self._most_s)
                self._due[item.key] = (asyncio.get_running_loop().time() + waited, waited)
                emit(log, logging.INFO, "answer not taken yet", delivery=item.delivery_id, status=status or 0)

    async def _post(self, item: Waiting) -> int | None:
        """The status, or None when nobody answered."""
        try:
            async with self._session.post(
                f"{self._url}/v1/deliveries/{item.delivery_id}/events",
                data=item.token.encode("ascii"),
                headers={"Content-Type": JOSE},
                timeout=_TIMEOUT,
                allow_redirects=False,
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def _done(self, item: Waiting, status: int) -> None:
        if not 200 <= status < 300:
            emit(log, logging.ERROR, "the platform does not take this answer", delivery=item.delivery_id, status=status)
        await asyncio.to_thread(self._journal.dequeue, item.key)
        self._due.pop(item.key, None)
