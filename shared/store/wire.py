"""Requests with small bodies, over aiohttp's connections and its response parser, without its client's comfort.

An `aiohttp.ClientSession` spends 120 µs on a request; what the store needs of it is the pool of connections (bounded,
TLS, DNS, kept alive) and the parser, 35 µs. No redirects, no cookies, no compression, no headers but those given.
Large bodies stream through the session itself.

`connect`, `set_response_params` and `read` are what the session itself calls; they are no public API of aiohttp, which
is pinned, and the store's contract tests run on them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import (
    BaseConnector,
    ClientError,
    ClientOSError,
    ClientTimeout,
    ServerDisconnectedError,
    StreamReader,
)
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from shared.store.presign import Signed

MAX_ERROR_BYTES: Final = 16 * 1024
ERROR_STATUS: Final = 300


class NotSent(Exception):
    """The request did not leave: nothing can have been written."""


class Ambiguous(Exception):
    """The request may or may not have had its effect."""


@dataclass(frozen=True)
class Reply:
    """A whole response; of an error's body only the beginning. `headers` find names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    repeated: bool
    """It answers the second sending: the first one may have had its effect."""


class Wire:
    """Sends to one server. The connector's owner closes it."""

    def __init__(self, connector: BaseConnector, scheme: str, connect_timeout_s: float) -> None:
        self._connector = connector
        self._scheme = scheme
        self._limit = ClientTimeout(sock_connect=connect_timeout_s)
        self._servers: dict[str, ClientRequest] = {}

    async def request(
        self,
        method: str,
        signed: Signed,
        *,
        timeout_s: float,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request and its response within `timeout_s`. Raises `NotSent`, `Ambiguous`.

        A kept-alive connection may be closed by the server just when it is used again. So a request without any answer
        is sent once more, as the session does with idempotent ones; all of the store's are, or say so (`repeated`).
        """
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        length = f"Content-Length: {len(body)}\r\n" if body or method == "PUT" else ""
        head = f"{method} {signed.target} HTTP/1.1\r\nHost: {signed.netloc}\r\n{lines}{length}\r\n"
        data = head.encode("ascii") + body
        sent = False
        try:
            async with asyncio.timeout(timeout_s):
                for attempt in (1, 2):
                    connection = await self._connect(signed.netloc)
                    sent = True
                    try:
                        return await _exchange(connection, data, repeated=attempt == 2)
                    except (ClientOSError, ServerDisconnectedError):
                        if attempt == 2:
                            raise
        except (ClientError, HttpProcessingError, TimeoutError, OSError) as error:
            if not sent:
                raise NotSent(type(error).__name__) from None
            raise Ambiguous(type(error).__name__) from None
        raise AssertionError("the second attempt returns or raises")

    async def _connect(self, netloc: str) -> Connection:
        server = self._servers.get(netloc)
        if server is None:
            url = URL(f"{self._scheme}://{netloc}/", encoded=True)
            server = self._servers[netloc] = ClientRequest("GET", url, loop=asyncio.get_running_loop())
        return await self._connector.connect(server, [], self._limit)


async def _exchange(connection: Connection, data: bytes, *, repeated: bool) -> Reply:
    """The connection goes back to the pool when the response is whole, and is closed in every other case."""
    try:
        protocol = connection.protocol
        # Whatever came unasked while the connection waited must not be taken for the answer.
        if protocol is None or protocol.transport is None or protocol.should_close:
            raise ServerDisconnectedError  # noqa: TRY301 - as if the server had closed it
        protocol.set_response_params(read_until_eof=True, auto_decompress=False)
        protocol.transport.write(data)
        message, payload = await protocol.read()
        body = await (payload.read() if message.code < ERROR_STATUS else _beginning(payload))
        reply = Reply(message.code, message.headers, body, repeated)
    except BaseException:
        connection.close()
        raise
    connection.release()
    return reply


async def _beginning(payload: StreamReader) -> bytes:
    body = b""
    while len(body) < MAX_ERROR_BYTES and (piece := await payload.read(MAX_ERROR_BYTES - len(body))):
        body += piece
    return body
