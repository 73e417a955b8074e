"""RFC 9457 problems: every refusal and every failure leaves a service as one of the catalogue's types.

`type` is `/problems/<code>`, relative to the service, and is served as a page (`problem_routes`). Beside the RFC's
members there are `code`, `trace` (the trace id, for support), and extension members of the error. Nothing of an
unexpected exception but its type and place is ever logged or sent: its text may hold personal data.
"""

from __future__ import annotations

import html
import json
import logging
import math
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from shared.errors import DirectoryUnavailable, KafkaUnavailable, SenderError, StoreUnavailable
from shared.telemetry.logs import emit
from shared.web.catalogue import CATALOGUE, ProblemType
from shared.web.trace import trace_of

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
DEFAULT_RETRY_AFTER_S: Final = 5
RETRY_STATUSES: Final = frozenset({429, 503})
RESERVED: Final = frozenset({"type", "title", "status", "detail", "code", "trace", "instance"})

_BY_STATUS: Final = {
    400: "malformed-body",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    408: "upload-too-slow",
    411: "length-required",
    412: "precondition-failed",
    413: "request-too-large",
    415: "unsupported-media-type",
    422: "invalid-request",
    429: "too-many-requests",
    503: "unavailable",
}
"""aiohttp's own HTTP errors, by status; what is not here is `internal`."""


def problem_response(error: BaseException, request: web.Request) -> web.Response:
    """The response for any error.

    `retry_after_s` of a `SenderError` becomes the header `Retry-After` (whole seconds, rounded up); 429 and 503 always
    have one.
    """
    if isinstance(error, SenderError) and error.code in CATALOGUE:
        return build(CATALOGUE[error.code], request, detail=error.detail, extra=error.extra)
    if isinstance(error, StoreUnavailable | KafkaUnavailable | DirectoryUnavailable):
        emit(log, logging.WARNING, "unavailable", error=error, **_where(request))
        return build(CATALOGUE["unavailable"], request)
    if isinstance(error, web.HTTPException) and error.status in _BY_STATUS:
        headers = {name: error.headers[name] for name in ("Allow", "WWW-Authenticate") if name in error.headers}
        return build(CATALOGUE[_BY_STATUS[error.status]], request, headers=headers)
    emit(log, logging.ERROR, "request failed", error=error, **_where(request))
    return build(CATALOGUE["internal"], request)


def build(
    problem: ProblemType,
    request: web.Request,
    *,
    detail: str = "",
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A problem document. Members of `extra` must not collide with those of the RFC."""
    members = {name: value for name, value in (extra or {}).items() if name not in RESERVED}
    retry_after_s = members.pop("retry_after_s", None)
    body = {
        **members,
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail or problem.remedy,
        "code": problem.code,
        "trace": trace_of(request).trace_id,
    }
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    if retry_after_s is None and problem.status in RETRY_STATUSES:
        retry_after_s = DEFAULT_RETRY_AFTER_S
    if retry_after_s is not None:
        all_headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    if problem.status == 401 and "WWW-Authenticate" not in all_headers:
        all_headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        status=problem.status,
        body=json.dumps(body, ensure_ascii=False, default=str).encode(),
        content_type=MEDIA_TYPE,
        headers=all_headers,
    )


@web.middleware
async def problem_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost but for tracing: turns whatever a handler raises into a problem. Redirects and cancellation pass."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem_response(error, request)
    except Exception as error:  # noqa: BLE001 this is the one place where every error ends
        return problem_response(error, request)


def _where(request: web.Request) -> dict[str, Any]:
    resource = request.match_info.route.resource
    return {
        "route": resource.canonical if resource else "unmatched",
        "method": request.method,
        "trace": trace_of(request).trace_id,
    }


def problem_routes() -> list[web.RouteDef]:
    """`GET /problems` and `GET /problems/{code}`: what each problem means, as a page."""
    return [web.get("/problems", _index), web.get("/problems/{code}", _page)]


async def _page(request: web.Request) -> web.Response:
    problem = CATALOGUE.get(request.match_info["code"])
    if problem is None:
        raise web.HTTPNotFound
    return _html(problem.title, _describe(problem))


async def _index(_request: web.Request) -> web.Response:
    return _html("Problems", "".join(_describe(problem) for problem in CATALOGUE.values()))


def _describe(problem: ProblemType) -> str:
    hint = (
        f"<p lang=de>Für Bürgerinnen und Bürger: {html.escape(problem.citizen_hint)}</p>\n"
        if problem.citizen_hint
        else ""
    )
    return (
        f"<h2 id={problem.code}><a href=/problems/{problem.code}>{problem.code}</a> ({problem.status})</h2>\n"
        f"<p>{html.escape(problem.title)}. {html.escape(problem.remedy)}</p>\n{hint}"
    )


def _html(title: str, body: str) -> web.Response:
    page = (
        f"<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<title>{html.escape(title)}</title>\n{body}</html>\n"
    )
    return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": "default-src 'none'"})
