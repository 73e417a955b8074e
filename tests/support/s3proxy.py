"""A proxy before the real S3 store that can stop the world at one chosen request.

It lets a test kill or freeze a service at an exact step: `Trap` names the request (method and a pattern over the
path), and whether to act before the store sees it or after the store has done it but before the service hears so.
Presigned URLs stay valid because the Host header is passed on unchanged.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-authorization"}


@dataclass
class Trap:
    """Acts once, at the `nth` matching request."""

    method: str
    pattern: str
    when: Literal["before", "after"]
    action: Callable[[], Awaitable[None]]
    nth: int = 1
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    seen: int = 0

    def matches(self, request: web.Request) -> bool:
        if request.method != self.method or not re.search(self.pattern, request.path) or self.sprung.is_set():
            return False
        self.seen += 1
        return self.seen == self.nth


class S3Proxy:
    """`async with S3Proxy("127.0.0.1:9000") as proxy:` listens on `proxy.endpoint`."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.endpoint = ""
        self.trap: Trap | None = None
        self.requests: list[tuple[str, str]] = []

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None), auto_decompress=False
        )
        app = web.Application(client_max_size=1 << 40)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.endpoint = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None and self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        self.requests.append((request.method, request.path))
        trap = self.trap if self.trap is not None and self.trap.matches(request) else None
        if trap is not None and trap.when == "before":
            await self._spring(trap)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        body = request.content if request.body_exists else None
        try:
            async with self._session.request(
                request.method,
                f"http://{self._upstream}{request.raw_path}",
                headers=headers,
                data=body,
                allow_redirects=False,
            ) as answer:
                payload = await answer.read()
        except (ClientError, ConnectionError):
            # The killed service cut its body off; the store saw the same, and there is nobody left to answer.
            if trap is not None:
                trap.seen -= 1  # the store has not done it: the trap waits for the next attempt
            return web.Response(status=502)
        if trap is not None and trap.when == "after":
            await self._spring(trap)
        dropped = HOP_BY_HOP | {"content-length"}
        answer_headers = {name: value for name, value in answer.headers.items() if name.lower() not in dropped}
        if request.method == "HEAD":
            answer_headers["Content-Length"] = answer.headers.get("Content-Length", "0")
        return web.Response(status=answer.status, headers=answer_headers, body=payload)

    @staticmethod
    async def _spring(trap: Trap) -> None:
        await trap.action()
        trap.sprung.set()
