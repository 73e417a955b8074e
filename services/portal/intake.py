"""The portal's side of intake's public API, and nothing of intake that is not in it.

Errors: `Refused` carries the problem's code (RFC 9457) and members; `IntakeUnavailable` everything that may be better
in a minute. Neither holds an answer.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout

from shared.errors import AntragsweicheError, OurError

RETRIES: Final = 2
TOKEN_MARGIN_S: Final = 60.0
PLACES_KEPT_S: Final = 60.0
MAX_PLACES: Final = 2_000


class IntakeUnavailable(OurError):
    """Intake did not answer, or said 5xx or 429."""


class Refused(AntragsweicheError):
    """Intake said no: `code` is the problem type's, `status` HTTP's, `members` the problem's extension members."""

    def __init__(self, status: int, code: str, members: Mapping[str, Any]) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.members = members


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]


@dataclass
class Intake:
    """`session` is the caller's. Safe for concurrent use."""

    session: ClientSession
    url: str
    client_id: str
    client_secret: str = field(repr=False)
    timeout_s: float = 60.0
    token_url: str | None = None
    """Where tokens come from; None: intake's built-in issuer."""
    monotonic: Callable[[], float] = time.monotonic
    _token: str | None = field(default=None, repr=False)
    _token_until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _places: dict[tuple[str, str | None], tuple[float, dict[str, Any]]] = field(default_factory=dict)

    # -- the directory ----------------------------------------------------------------------------------------------

    async def jobcenters(self, postcode: str, municipality_key: str | None = None) -> dict[str, Any]:
        """`GET /v1/jobcenters`; kept for a minute, because a visit asks the same place on several pages."""
        key = (postcode, municipality_key)
        kept = self._places.get(key)
        if kept is not None and kept[0] > self.monotonic():
            return kept[1]
        params = {"postcode": postcode} | ({"municipality": municipality_key} if municipality_key else {})
        answer = await self._request("GET", "/v1/jobcenters", params=params, authorised=False)
        if len(self._places) >= MAX_PLACES:
            self._places.clear()
        self._places[key] = (self.monotonic() + PLACES_KEPT_S, answer.body)
        return answer.body

    async def municipalities(self, query: str) -> list[dict[str, Any]]:
        answer = await self._request("GET", "/v1/municipalities", params={"q": query}, authorised=False)
        found: list[dict[str, Any]] = answer.body["municipalities"]
        return found

    # -- submissions ------------------------------------------------------------------------------------------------

    async def open(self, idempotency_key: str, request: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Idempotency-Key": idempotency_key}
        return (await self._request("POST", "/v1/submissions", json=dict(request), headers=headers)).body

    async def upload(  # noqa: PLR0917 - all of it describes one document
        self,
        submission_id: str,
        name: str,
        media_type: str,
        purpose: str,
        size: int,
        sha512: str,
        chunks: Callable[[], AsyncIterator[bytes]],
    ) -> str:
        """The document's id. `chunks` is called for each attempt anew; the body is streamed."""
        headers = {
            "Content-Type": media_type,
            "Content-Length": str(size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Digest": f"sha-512=:{base64.b64encode(bytes.fromhex(sha512)).decode()}:",
        }
        path = f"/v1/submissions/{submission_id}/documents"
        answer = await self._request("POST", path, params={"purpose": purpose}, headers=headers, chunks=chunks)
        return str(answer.body["id"])

    async def delete_document(self, submission_id: str, document_id: str) -> None:
        try:
            await self._request("DELETE", f"/v1/submissions/{submission_id}/documents/{document_id}")
        except Refused as refused:
            if refused.code != "document-not-found":
                raise

    async def complete(self, submission_id: str, application: Mapping[str, Any], documents: list[str]) -> Answer:
        """201 and 200 carry the receipt, 202 says that it follows."""
        body = {"application": dict(application), "documents": documents}
        return await self._request("PUT", f"/v1/submissions/{submission_id}", json=body)

    async def receipt(self, submission_id: str) -> Answer:
        return await self._request("GET", f"/v1/submissions/{submission_id}/receipt")

    async def status(self, submission_id: str) -> dict[str, Any]:
        return (await self._request("GET", f"/v1/submissions/{submission_id}")).body

    async def withdraw(self, submission_id: str) -> None:
        await self._request("DELETE", f"/v1/submissions/{submission_id}")

    async def ready(self) -> bool:
        await self._request("GET", "/health/live", authorised=False)
        return True

    # -- one request ------------------------------------------------------------------------------------------------

    async def _request(
        self,
        method: str,
        path: str,
        *,
        authorised: bool = True,
        headers: Mapping[str, str] | None = None,
        chunks: Callable[[], AsyncIterator[bytes]] | None = None,
        **rest: Any,
    ) -> Answer:
        """Tried again on a broken connection and with a fresh token: every request here may be repeated."""
        failure: Exception | None = None
        for _ in range(RETRIES + 1):
            sent = dict(headers or {})
            if authorised:
                sent["Authorization"] = f"Bearer {await self._bearer()}"
            if chunks is not None:
                rest["data"] = chunks()
            try:
                answer = await self._once(method, self.url + path, sent, rest)
            except (ClientError, TimeoutError, OSError) as error:
                failure = error
                continue
            if answer.status == 401 and authorised:
                self._token = None
                continue
            return _good(answer)
        raise IntakeUnavailable(f"{method}: {type(failure).__name__}") from None

    async def _once(self, method: str, url: str, headers: dict[str, str], rest: dict[str, Any]) -> Answer:
        timeout = ClientTimeout(total=self.timeout_s)
        async with self.session.request(method, url, headers=headers, timeout=timeout, **rest) as response:
            body = await response.json(content_type=None) if "json" in response.content_type else {}
            return Answer(response.status, body if isinstance(body, dict) else {})

    async def _bearer(self) -> str:
        async with self._lock:
            if self._token is None or self.monotonic() > self._token_until:
                form = {
                    "grant_type": "client_credentials",
                    "client_id": self.client_id,
                    "client_secret": self.client_secret,
                }
                try:
                    answer = await self._once("POST", self.token_url or f"{self.url}/oauth/token", {}, {"data": form})
                except (ClientError, TimeoutError, OSError) as error:
                    raise IntakeUnavailable(f"token: {type(error).__name__}") from None
                if answer.status != 200:
                    raise IntakeUnavailable(f"token: answered {answer.status}")
                self._token = str(answer.body["access_token"])
                self._token_until = self.monotonic() + float(answer.body["expires_in"]) - TOKEN_MARGIN_S
            return self._token


def _good(answer: Answer) -> Answer:
    if answer.status < 300:
        return answer
    code = str(answer.body.get("code", answer.status))
    if answer.status >= 500 or answer.status in (401, 408, 429):
        raise IntakeUnavailable(f"answered {answer.status} {code}")
    raise Refused(answer.status, code, answer.body)
