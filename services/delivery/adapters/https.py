"""Push over HTTPS to the Jobcenter's receiver (`docs/for-jobcenter-it.md` is its contract)."""

from __future__ import annotations

import asyncio
import email.utils
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

import aiohttp

from services.delivery.adapters.multipart import PushBody
from services.delivery.adapters.port import Consignment, HandedOver
from services.delivery.adapters.secrets import NotConfigured, Secrets
from services.delivery.adapters.tls import TlsContexts
from shared.contracts.directory import Destination, HttpsAdapter
from shared.contracts.reasons import Reason
from shared.errors import JobcenterError, StoreUnavailable

MAX_ANSWER_BYTES = 256 * 1024
ANSWER_TYPE = "application/jose"
SLOW_RECEIVER_S = 5.0
"""A receiver that lets a chunk wait longer is itself the reason when the store then drops the connection."""


class PushSigner(Protocol):
    """Signs a push, or with no headers the empty probe (RFC 9421): answers the headers to add."""

    def __call__(self, method: str, url: str, headers: dict[str, str], now: datetime) -> dict[str, str]: ...


class HttpsPush:
    """See `adapters.port`. One instance serves all destinations; the session's pool keeps connections alive."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        sign: PushSigner,
        digest: Callable[[Consignment], str],
        clock: Callable[[], datetime],
        connect_timeout_s: float,
        idle_timeout_s: float,
        answer_timeout_s: float,
        probe_timeout_s: float = 10.0,
        tls: TlsContexts | None = None,
    ) -> None:
        self._session = session
        self._sign = sign
        self._digest = digest
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=connect_timeout_s, sock_connect=connect_timeout_s, sock_read=None
        )
        self._connect_timeout_s = connect_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._probe_timeout_s = probe_timeout_s
        self._tls = tls or TlsContexts(Secrets(None))

    async def deliver(self, consignment: Consignment) -> str | HandedOver:
        url = f"{_url(consignment.destination)}/v1/deliveries/{consignment.delivery_id}"
        context = self._tls.context(consignment.destination)
        body = PushBody(consignment)
        headers = {
            "Delivery-Id": str(consignment.delivery_id),
            "Parts-Digest": self._digest(consignment),
            "Content-Type": body.content_type,
        }
        headers |= self._sign("POST", url, headers, self._clock())
        headers |= {"Traceparent": consignment.traceparent, "Content-Length": str(body.length)}
        try:
            return await self._post(url, headers, body, context)
        except TimeoutError:
            raise self._fault(body, Reason.TIMEOUT) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._fault(body, _reason(error)) from None

    async def probe(self, destination: Destination) -> None:
        """`GET <url>/v1/probe`, signed; anything but 204 is the Jobcenter's failure."""
        url, context = f"{_url(destination)}/v1/probe", self._tls.context(destination)
        headers = self._sign("GET", url, {}, self._clock())
        try:
            async with (
                asyncio.timeout(self._connect_timeout_s + self._probe_timeout_s),
                self._session.get(
                    url, headers=headers, timeout=self._timeout, allow_redirects=False, ssl=context
                ) as response,
            ):
                if response.status == HTTPStatus.NO_CONTENT:
                    return
                asked_s = retry_after_s(response.headers.get("Retry-After"), self._clock())
                raise JobcenterError(Reason.HTTP_STATUS, retry_after_s=asked_s)
        except TimeoutError:
            raise JobcenterError(Reason.TIMEOUT) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise JobcenterError(_reason(error)) from None

    @staticmethod
    def _fault(body: PushBody, reason: Reason) -> Exception:
        """Whose fault a failed push was: the body's own error comes first, unless the receiver was so slow to read
        that the store gave up waiting for us."""
        if isinstance(body.fault, StoreUnavailable) and body.longest_wait_s > SLOW_RECEIVER_S:
            return JobcenterError(Reason.TIMEOUT)
        return body.fault or JobcenterError(reason)

    async def _post(
        self, url: str, headers: dict[str, str], body: PushBody, context: ssl.SSLContext | bool
    ) -> str | HandedOver:
        # aiohttp's own read timeout would run while a large body is still being sent; this one follows the progress.
        async with asyncio.timeout(self._connect_timeout_s + self._idle_timeout_s) as limit:
            chunks = self._followed(body, limit)
            async with self._session.post(
                url, headers=headers, data=chunks, timeout=self._timeout, allow_redirects=False, ssl=context
            ) as response:
                if body.fault is not None:
                    raise self._fault(body, Reason.CONNECT)
                if response.status == HTTPStatus.ACCEPTED and body.complete:
                    return HandedOver.ANSWER_LATER
                if response.status != HTTPStatus.OK:
                    asked_s = retry_after_s(response.headers.get("Retry-After"), self._clock())
                    raise JobcenterError(Reason.HTTP_STATUS, retry_after_s=asked_s)
                answer = b""
                async for chunk in response.content.iter_any():
                    answer += chunk
                    if len(answer) > MAX_ANSWER_BYTES:
                        raise JobcenterError(Reason.ANSWER_INVALID)
        if response.content_type != ANSWER_TYPE or not answer.isascii():
            raise JobcenterError(Reason.ANSWER_INVALID)
        return answer.decode("ascii")

    async def _followed(self, body: PushBody, limit: asyncio.Timeout) -> AsyncIterator[bytes]:
        """Every chunk that goes out gives the receiver `idle_timeout_s` more; after the last one it has
        `answer_timeout_s` for its answer."""
        now = asyncio.get_running_loop().time
        async for chunk in body.chunks():
            limit.reschedule(now() + self._idle_timeout_s)
            yield chunk
        limit.reschedule(now() + self._answer_timeout_s)


def _url(destination: Destination) -> str:
    adapter = destination.adapter
    if not isinstance(adapter, HttpsAdapter):
        raise NotConfigured(f"{destination.id} has no HTTPS adapter")
    return adapter.url


def _reason(error: BaseException) -> Reason:
    """A server that wants another client certificate says so only when the request is under way."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientSSLError | ssl.SSLError):
            return Reason.TLS
        cause = cause.__cause__ or cause.__context__
    return Reason.CONNECT


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds of a `Retry-After` header (RFC 9110, 10.2.3: seconds or a date); None for none or nonsense."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
