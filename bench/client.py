"""A client that costs little, so that it leaves the two cores to what is measured: HTTP/1.1, one request at a time."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID


@dataclass(frozen=True)
class Reply:
    """Status and body of a response."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One kept-alive connection. Answers must carry Content-Length, or be 204."""

    def __init__(self, base_url: str, token: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._fixed = f"Host: {self._host}:{self._port}\r\nAuthorization: Bearer {token}\r\n"
        self.repeated = 0
        """Requests that were refused for lack of capacity and done again."""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(
        self, method: str, path: str, body: bytes = b"", *, headers: str = "Content-Type: application/json\r\n"
    ) -> Reply:
        """Send and read. `headers` are further lines, each with its line end."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=1024 * 1024)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\n{self._fixed}{headers}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode("utf-8"))
        if body:
            writer.write(body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        return Reply(int(answer[9:12]), await reader.readexactly(_length(answer)))

    async def stream(self, path: str, chunks: Any, size: int, headers: str) -> Reply:
        """POST a body chunk by chunk, waiting whenever the other side does."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(f"POST {path} HTTP/1.1\r\n{self._fixed}{headers}Content-Length: {size}\r\n\r\n".encode())
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        return Reply(int(answer[9:12]), await reader.readexactly(_length(answer)))

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            await self._streams[1].wait_closed()
            self._streams = None


def _length(head: bytes) -> int:
    if head[9:12] == b"204":
        return 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("an answer without Content-Length")


@dataclass(frozen=True)
class Work:
    """One submission's requests, made ready: opening, documents (headers, bytes), completion without document ids.

    `completion` is JSON with the members `application` and `documents`; the evidence list stands in `evidence`.
    """

    opening: bytes
    application: dict[str, Any]
    documents: tuple[tuple[str, bytes], ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()
    fixed: bytes = b""

    def completion(self, document_ids: list[str]) -> bytes:
        if not self.documents:
            return self.fixed
        listed = [{**item, "document": each} for item, each in zip(self.evidence, document_ids, strict=True)]
        return json.dumps({"application": {**self.application, "evidence": listed}, "documents": document_ids}).encode()


class Refused(RuntimeError):
    """An answer that the benchmark did not expect."""


BUSY = frozenset({429, 503})
PAUSE_S = 0.25


async def submit(connection: Connection, work: Work) -> tuple[UUID, Reply]:
    """One whole submission: its id and the completing answer (201, or 202: stored, the receipt follows).

    Refusals for lack of capacity are met as a portal meets them: wait, repeat; they cost time and count as nothing.
    """
    while True:
        prepared = await _prepare(connection, work)
        if prepared is None:
            connection.repeated += 1
            await asyncio.sleep(PAUSE_S)
            continue
        submission_id, ids = prepared
        while True:
            completed = await connection.request("PUT", f"/v1/submissions/{submission_id}", work.completion(ids))
            if completed.status in {200, 201, 202}:
                return UUID(submission_id), completed
            if completed.status not in BUSY:
                raise Refused(f"completion answered {completed.status}: {completed.body[:300]!r}")
            connection.repeated += 1
            await asyncio.sleep(PAUSE_S)


async def _prepare(connection: Connection, work: Work) -> tuple[str, list[str]] | None:
    """Opening and documents; None when intake has no room for it now."""
    opened = await connection.request("POST", "/v1/submissions", work.opening)
    if opened.status in BUSY:
        return None
    if opened.status != 201:
        raise Refused(f"opening answered {opened.status}: {opened.body[:300]!r}")
    submission_id = str(opened.json()["submission_id"])
    path = f"/v1/submissions/{submission_id}/documents?purpose=attachment"
    ids: list[str] = []
    for headers, content in work.documents:
        uploaded = await connection.request("POST", path, content, headers=headers)
        if uploaded.status in BUSY:
            return None
        if uploaded.status != 201:
            raise Refused(f"upload answered {uploaded.status}: {uploaded.body[:300]!r}")
        ids.append(uploaded.json()["id"])
    return submission_id, ids
