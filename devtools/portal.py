"""A portal in a few lines: intake's public HTTP API as a client sees it. For the demo and end-to-end tests."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

TOKEN_PATH = "/oauth/token"


@dataclass(frozen=True)
class Answer:
    """A response: status, body as sent, and the body read as JSON (empty when it is none)."""

    status: int
    body: bytes
    json: Mapping[str, Any]
    headers: Mapping[str, str]


class Portal:
    """One client of intake. Nothing here raises for a problem: its answer says what came."""

    def __init__(self, session: aiohttp.ClientSession, intake_url: str, client_id: str, client_secret: str) -> None:
        self._session = session
        self._url = intake_url
        self._credentials = {"Authorization": aiohttp.encode_basic_auth(client_id, client_secret)}
        self._token: str | None = None

    async def authenticate(self) -> None:
        """Get an access token (RFC 6749, section 4.4)."""
        form = {"grant_type": "client_credentials"}
        async with self._session.post(self._url + TOKEN_PATH, data=form, headers=self._credentials) as response:
            response.raise_for_status()
            self._token = (await response.json())["access_token"]

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """Any request with the token."""
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {self._token}"}
        async with self._session.request(method, self._url + path, headers=headers, **options) as response:
            body = await response.read()
            readable = "json" in response.content_type
            content = await response.json(content_type=None) if readable and body else {}
            return Answer(response.status, body, content, dict(response.headers))

    async def open(self, idempotency_key: str, **members: Any) -> Answer:
        """`POST /v1/submissions`; members that are None or False are left out."""
        body = {name: value for name, value in members.items() if value not in (None, False)}
        return await self.request("POST", "/v1/submissions", json=body, headers={"Idempotency-Key": idempotency_key})

    async def upload(
        self,
        submission_id: str,
        *,
        filename: str,
        media_type: str,
        purpose: str,
        size: int,
        sha512_hex: str,
        chunks: Iterator[bytes],
    ) -> Answer:
        """Stream one document; its size and digest are announced, so that nothing cut off can look complete."""
        path, headers = announcement(
            submission_id,
            filename=filename,
            media_type=media_type,
            purpose=purpose,
            size=size,
            sha512_hex=sha512_hex,
        )
        return await self.request("POST", path, data=self._body(chunks), headers=headers)

    def _body(self, chunks: Iterator[bytes]) -> Any:
        """What is sent as the body: streamed, in constant memory."""
        return _stream(chunks)

    async def complete(self, submission_id: str, application: Mapping[str, Any], documents: list[str]) -> Answer:
        """`PUT /v1/submissions/{id}`: the application and all its documents."""
        body = {"application": application, "documents": documents}
        return await self.request("PUT", f"/v1/submissions/{submission_id}", json=body)

    async def status(self, submission_id: str) -> Answer:
        return await self.request("GET", f"/v1/submissions/{submission_id}")

    async def receipt(self, submission_id: str) -> Answer:
        return await self.request("GET", f"/v1/submissions/{submission_id}/receipt")


def announcement(
    submission_id: str, *, filename: str, media_type: str, purpose: str, size: int, sha512_hex: str
) -> tuple[str, dict[str, str]]:
    """Path and headers of an upload."""
    digest = base64.b64encode(bytes.fromhex(sha512_hex)).decode()
    headers = {
        "Content-Type": media_type,
        "Content-Length": str(size),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
        "Content-Digest": f"sha-512=:{digest}:",
    }
    return f"/v1/submissions/{submission_id}/documents?purpose={purpose}", headers


async def _stream(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def sha512_hex(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()
