"""A careful portal: what a good client of the public API does, as the tests need it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

from aiohttp import ClientSession, ClientTimeout

from devtools.documents import SampleDocument


@dataclass(frozen=True)
class Answer:
    """Status, parsed body and the body's exact bytes."""

    status: int
    body: Any
    raw: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    """A document to upload."""

    name: str
    media_type: str
    content: bytes
    purpose: str = "attachment"

    @classmethod
    def of(cls, document: SampleDocument) -> Self:
        return cls(document.name, document.media_type, document.content(), document.purpose)


class Portal:
    """`async with Portal(url, client_id, client_secret) as portal:`; `url` may be changed to another replica's."""

    def __init__(self, url: str, client_id: str, client_secret: str, timeout_s: float = 30.0) -> None:
        self.url = url
        self.timeout_s = timeout_s
        self._credentials = (client_id, client_secret)
        self._session: ClientSession | None = None
        self._token: str | None = None

    async def __aenter__(self) -> Self:
        self._session = ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def token(self) -> str:
        if self._token is None:
            client_id, secret = self._credentials
            form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
            answer = await self.request("POST", "/oauth/token", data=form, authorized=False)
            assert answer.status == 200, answer
            self._token = answer.body["access_token"]
        return self._token

    async def request(
        self, method: str, path: str, *, authorized: bool = True, headers: Mapping[str, str] | None = None, **rest: Any
    ) -> Answer:
        assert self._session is not None
        sent = dict(headers or {})
        if authorized:
            sent["Authorization"] = f"Bearer {await self.token()}"
        timeout = ClientTimeout(total=self.timeout_s)
        async with self._session.request(method, self.url + path, headers=sent, timeout=timeout, **rest) as answer:
            raw = await answer.read()
            body = await answer.json(content_type=None) if raw and "json" in answer.content_type else None
            return Answer(answer.status, body, raw, dict(answer.headers))

    async def open(self, *, key: str | None = None, **request: Any) -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.request("POST", "/v1/submissions", json=request, headers=headers)

    async def upload(self, submission_id: str, file: File) -> Answer:
        digest = base64.b64encode(hashlib.sha512(file.content).digest()).decode()
        return await self.request(
            "POST",
            f"/v1/submissions/{submission_id}/documents?purpose={file.purpose}",
            data=file.content,
            headers={
                "Content-Type": file.media_type,
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
                "Content-Digest": f"sha-512=:{digest}:",
            },
        )

    async def complete(self, submission_id: str, application: dict[str, Any], documents: list[str]) -> Answer:
        body = {"application": application, "documents": documents}
        return await self.request("PUT", f"/v1/submissions/{submission_id}", json=body)

    async def status(self, submission_id: str) -> Answer:
        return await self.request("GET", f"/v1/submissions/{submission_id}")

    async def receipt(self, submission_id: str) -> Answer:
        return await self.request("GET", f"/v1/submissions/{submission_id}/receipt")

    async def withdraw(self, submission_id: str) -> Answer:
        return await self.request("DELETE", f"/v1/submissions/{submission_id}")

    async def delete_document(self, submission_id: str, document_id: str) -> Answer:
        return await self.request("DELETE", f"/v1/submissions/{submission_id}/documents/{document_id}")

    async def wait_for(self, submission_id: str, *wanted: str, timeout_s: float = 30.0) -> Answer:
        """Ask until the status is one of `wanted`."""
        deadline = time.monotonic() + timeout_s
        while True:
            answer = await self.status(submission_id)
            if answer.status == 200 and answer.body["status"] in wanted:
                return answer
            assert time.monotonic() < deadline, f"still {answer.status} {answer.body}, not {wanted}"
            await asyncio.sleep(0.1)
