"""The aiohttp application: routes from their declaration, and what every request passes.

trace  →  metrics  →  CORS  →  problems  →  admission  →  token and the client's limit  →  handler
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.intake.auth import Caller, TokenIssuer, TokenVerifier
from services.intake.declare import Operation
from services.intake.door import Door
from services.intake.http import CALLER, Api
from services.intake.openapi import document
from services.intake.routes import operations
from shared.form.limits import MAX_APPLICATION_BYTES
from shared.web.health import Health
from shared.web.problems import problem_middleware, problem_routes
from shared.web.trace import trace_middleware

MAX_BODY_BYTES = 2 * MAX_APPLICATION_BYTES
"""JSON bodies: white space and escapes may double the canonical form. Documents are streamed and have own limits."""
CORS_METHODS = "GET, POST, PUT, DELETE"
CORS_HEADERS = "Authorization, Content-Type, Content-Digest, Content-Disposition, Idempotency-Key, traceparent"
CORS_EXPOSED = "Location, Retry-After, traceparent"
CORS_MAX_AGE_S = "600"


def build_app(
    door: Door, verifier: TokenVerifier, issuer: TokenIssuer | None, health: Health, public_url: Callable[[], str]
) -> web.Application:
    """`public_url` is asked for each time: with port 0 it is known only after binding."""
    api = Api(door, issuer)
    declared = operations(api)
    app = web.Application(
        middlewares=[
            trace_middleware,
            health.middleware(),
            cors_middleware(door.settings.cors_origins),
            problem_middleware,
            _admission(door),
        ],
        client_max_size=MAX_BODY_BYTES,
    )
    for operation in declared:
        handler = operation.handler if operation.public else _with_caller(operation, door, verifier, issuer)
        app.router.add_route(operation.method, operation.path, handler)

    async def openapi(_request: web.Request) -> web.Response:
        return web.json_response(document(declared, public_url()))

    app.router.add_get("/openapi.json", openapi)
    app.add_routes([*health.routes(), *problem_routes()])
    return app


def _with_caller(
    operation: Operation, door: Door, verifier: TokenVerifier, issuer: TokenIssuer | None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """First who asks, then whether it asks too much, then the operation."""

    async def authorised(request: web.Request) -> web.StreamResponse:
        client_id = await verifier.client_of(request.headers.get("Authorization"))
        request[CALLER] = Caller(client_id) if issuer is None else issuer.caller(client_id)
        door.client_limits.check(client_id, door.monotonic())
        return await operation.handler(request)

    return authorised


def _admission(door: Door) -> Middleware:
    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(("/health", "/metrics")):
            return await handler(request)
        with door.admission.request():
            return await handler(request)

    return admit


def cors_middleware(origins: tuple[str, ...]) -> Middleware:
    """Lets browsers of exactly these origins call the API (Fetch standard, section 3.2). No cookies, ever."""
    allowed = frozenset(origins)

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is None or origin not in allowed:
            return await handler(request)
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response: web.StreamResponse = web.Response(status=204) if preflight else await handler(request)
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Vary"] = "Origin"
        if preflight:
            response.headers["Access-Control-Allow-Methods"] = CORS_METHODS
            response.headers["Access-Control-Allow-Headers"] = CORS_HEADERS
            response.headers["Access-Control-Max-Age"] = CORS_MAX_AGE_S
        else:
            response.headers["Access-Control-Expose-Headers"] = CORS_EXPOSED
        return response

    return cors
