"""Delivery's HTTP interface: where receivers post late answers; health and metrics.

    POST /v1/deliveries/{delivery_id}/events    body: the signed answer, application/jose
        204  settled and told, durably; also for a repetition
        409  another answer was first and stays; a human was told. Do not post it again
        401  not a valid signed answer to this delivery
        404  nothing of this id was handed over (yet): come again
        413, 415  not an answer at all
        503  with Retry-After: come again

Authenticated by the answer's signature alone. Only this path needs to be reachable for receivers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from aiohttp import web

from services.delivery.late import AnswerRefused, LateAnswers, Taken, UnknownDelivery
from shared.errors import OurError
from shared.telemetry.logs import emit
from shared.web.health import Health

log = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 256 * 1024
JOSE = "application/jose"
RETRY_AFTER_S = 5


def create_app(health: Health, answers: Callable[[], LateAnswers | None]) -> web.Application:
    """`answers` gives None while delivery is still starting, or stopping."""

    async def take(request: web.Request) -> web.Response:
        late = answers()
        if request.content_type != JOSE:
            return _problem(415, "answer-type")
        if late is None:
            return _problem(503, "not-now")
        return await _take(late, request)

    app = web.Application(client_max_size=MAX_ANSWER_BYTES, middlewares=[health.middleware()])
    app.router.add_post("/v1/deliveries/{delivery_id}/events", take)
    app.router.add_routes(health.routes())
    return app


async def _take(late: LateAnswers, request: web.Request) -> web.Response:
    try:
        delivery_id = UUID(request.match_info["delivery_id"])
        token = (await request.read()).decode("ascii")
    except ValueError:
        return _problem(401, "answer-invalid")
    try:
        taken = await late.take(delivery_id, token)
    except AnswerRefused:
        emit(log, logging.WARNING, "late answer refused", delivery=delivery_id)
        return _problem(401, "answer-invalid")
    except UnknownDelivery:
        return _problem(404, "unknown-delivery")
    except OurError as error:
        emit(log, logging.WARNING, "late answer postponed", delivery=delivery_id, error=error)
        return _problem(503, "not-now")
    emit(log, logging.INFO, "late answer", delivery=delivery_id, state=taken.value)
    return _problem(409, "answer-contradicts") if taken is Taken.CONTRADICTS else web.Response(status=204)


def _problem(status: int, code: str) -> web.Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status in (404, 503) else {}
    body = {"type": "about:blank", "status": status, "code": code}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")
