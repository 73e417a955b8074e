from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from shared.errors import SenderError
from shared.web.health import Check, Health
from shared.web.problems import problem_middleware

CANARY = "0a1b2c3d-0000-4000-8000-000000000001"
Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def serving(health: Health) -> AsyncIterator[Client]:
    async def handler(request: web.Request) -> web.Response:
        if request.method == "POST":
            raise SenderError("document-empty")
        return web.Response(text="ok")

    app = web.Application(middlewares=[health.middleware(), problem_middleware])
    app.router.add_route("*", "/v1/submissions/{id}", handler)
    app.add_routes(health.routes())
    async with TestClient(TestServer(app)) as client:
        yield client


async def never() -> bool:
    await asyncio.Event().wait()
    return True


async def yes() -> bool:
    return True


def breaks() -> bool:
    raise RuntimeError(CANARY)


async def test_ready_only_while_every_check_passes() -> None:
    state = {"kafka": True}
    health = Health("test", ready={"kafka": lambda: state["kafka"], "store": yes})
    async with serving(health) as client:
        response = await client.get("/health/ready")
        assert (response.status, await response.json()) == (
            200,
            {"ready": True, "checks": {"kafka": True, "store": True}},
        )
        state["kafka"] = False
        response = await client.get("/health/ready")
        assert (response.status, (await response.json())["checks"]) == (503, {"kafka": False, "store": True})
        assert 'antragsweiche_ready{service="test"} 0.0' in await (await client.get("/metrics")).text()


async def test_a_check_that_hangs_or_raises_has_failed() -> None:
    checks: dict[str, Check] = {"hangs": never, "raises": breaks}
    async with serving(Health("test", ready=checks, timeout_s=0.05)) as client:
        response = await client.get("/health/ready")
        assert (await response.json())["checks"] == {"hangs": False, "raises": False}
        assert CANARY not in await response.text()


async def test_draining_is_alive_but_not_ready() -> None:
    health = Health("test")
    async with serving(health) as client:
        assert (await client.get("/health/ready")).status == 200
        health.drain()
        assert (await client.get("/health/ready")).status == 503
        assert (await client.get("/health/live")).status == 200


async def test_a_failed_live_check_asks_for_a_restart() -> None:
    async with serving(Health("test", live={"progress": lambda: False})) as client:
        assert (await client.get("/health/live")).status == 503


async def test_metrics_count_by_route_and_hold_no_ids() -> None:
    async with serving(Health("test")) as client:
        await client.get(f"/v1/submissions/{CANARY}")
        await client.post(f"/v1/submissions/{CANARY}")
        await client.get(f"/nowhere/{CANARY}?postcode=63303")
        await client.request("PROPFIND", f"/v1/submissions/{CANARY}")
        text = await (await client.get("/metrics")).text()
    assert CANARY not in text
    assert "63303" not in text
    lines = set(re.findall(r"^antragsweiche_http_requests_total\{(.*)\} 1.0$", text, re.MULTILINE))
    assert 'method="GET",route="/v1/submissions/{id}",status="200"' in lines
    assert 'method="POST",route="/v1/submissions/{id}",status="422"' in lines
    assert 'method="GET",route="unmatched",status="404"' in lines
    assert 'method="other",route="/v1/submissions/{id}",status="200"' in lines
