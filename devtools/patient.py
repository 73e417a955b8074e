"""A portal that does not give up while services restart: it repeats until there is an answer that counts.

What a careful portal does is in these few lines: one Idempotency-Key for each submission, the same completion again
after silence, and documents whose upload was answered by silence are deleted before they would be left over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import aiohttp

from devtools.portal import Answer, Portal

PATIENCE_S = 300.0
PAUSE_S = 0.25


class PatientPortal(Portal):
    """`retried` counts requests that had to be repeated."""

    retried = 0

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer: Answer | None = None
            try:
                answer = await super().request(method, path, **options)
            except (aiohttp.ClientError, TimeoutError, OSError):
                if time.monotonic() > deadline:
                    raise
            if answer is not None and (answer.status not in {429, 500, 502, 503, 504} or time.monotonic() > deadline):
                return answer
            self.retried += 1
            await asyncio.sleep(PAUSE_S)

    async def open(self, idempotency_key: str, **members: Any) -> Answer:
        answer = await super().open(idempotency_key, **members)
        return replace(answer, status=201) if answer.status == 200 else answer  # replayed: the first answer was lost

    def _body(self, chunks: Iterator[bytes]) -> bytes:
        """From memory, so that it can be sent again; for small documents."""
        return b"".join(chunks)

    async def complete(self, submission_id: str, application: Mapping[str, Any], documents: list[str]) -> Answer:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = await super().complete(submission_id, application, documents)
            leftover = answer.json.get("not_named") or []
            if answer.status != 409 or not leftover or time.monotonic() > deadline:
                return answer
            for document in leftover:
                await self.request("DELETE", f"/v1/submissions/{submission_id}/documents/{document}")
