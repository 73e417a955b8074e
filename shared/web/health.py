"""Liveness, readiness and metrics of a service, and the metrics of its HTTP interface.

Labels are bounded: methods and statuses of HTTP, and routes as declared (`/v1/submissions/{id}`), never paths, ids,
postcodes or clients.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

Check = Callable[[], bool] | Callable[[], Awaitable[bool]]

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)


class Health:
    """What a service says about itself.

    `ready` are named checks: plain functions, or coroutines that are given `timeout_s`. A check that raises or is late
    counts as failed. `live` are checks whose failure means that only a restart helps (a stalled consumer).
    """

    def __init__(
        self,
        service: str,
        *,
        ready: Mapping[str, Check] | None = None,
        live: Mapping[str, Check] | None = None,
        timeout_s: float = 1.5,
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._ready = dict(ready or {})
        self._live = dict(live or {})
        self._timeout_s = timeout_s
        self._draining = False
        self._is_ready = Gauge("antragsweiche_ready", "1 when ready", ["service"], registry=self.registry)
        self._is_ready = self._is_ready.labels(service)
        self._requests = Counter(
            "antragsweiche_http_requests", "Requests", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "antragsweiche_http_request_seconds",
            "Time until the response was ready",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )

    def drain(self) -> None:
        """From now on the service is not ready: it finishes what it has and takes nothing new."""
        self._draining = True

    async def ready(self) -> dict[str, bool]:
        """Each readiness check's result."""
        results = await self._run(self._ready)
        if self._draining:
            results["not-draining"] = False
        self._is_ready.set(all(results.values()))
        return results

    def routes(self) -> list[web.RouteDef]:
        """`/health/live`, `/health/ready`, `/metrics`; for a port that the public cannot reach where possible."""
        return [
            web.get("/health/live", self._serve_live),
            web.get("/health/ready", self._serve_ready),
            web.get("/metrics", self._serve_metrics),
        ]

    def middleware(self) -> Middleware:
        """Counts requests; put it before `problem_middleware`, so that it sees the problems' statuses."""

        @web.middleware
        async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
            began = time.perf_counter()
            resource = request.match_info.route.resource
            route = resource.canonical if resource else "unmatched"
            method = request.method if request.method in METHODS else "other"
            status = "aborted"
            try:
                response = await handler(request)
                status = str(response.status)
            except web.HTTPException as error:
                status = str(error.status)
                raise
            finally:
                self._requests.labels(method, route, status).inc()
                self._seconds.labels(method, route).observe(time.perf_counter() - began)
            return response

        return measure

    async def _serve_live(self, _request: web.Request) -> web.Response:
        return _answer("live", await self._run(self._live))

    async def _serve_ready(self, _request: web.Request) -> web.Response:
        return _answer("ready", await self.ready())

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        await self.ready()
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _run(self, checks: Mapping[str, Check]) -> dict[str, bool]:
        results = await asyncio.gather(*(self._one(name, check) for name, check in checks.items()))
        return dict(zip(checks, results, strict=True))

    async def _one(self, name: str, check: Check) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                result = check()
                return bool(await result) if inspect.isawaitable(result) else bool(result)
        except Exception as error:  # noqa: BLE001 a check that fails in whatever way says "not ready"
            emit(log, logging.WARNING, "check failed", check=name, error=error)
            return False


def _answer(what: str, results: Mapping[str, bool]) -> web.Response:
    good = all(results.values())
    return web.json_response(
        {what: good, "checks": dict(results)}, status=200 if good else 503, headers={"Cache-Control": "no-store"}
    )
