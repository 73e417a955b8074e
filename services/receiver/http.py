"""HTTP shell of the receiver: who may speak, in which form, and which status a refusal has.

    POST /<destination>/v1/deliveries/<delivery id>   a push; 200 with the signed answer, or 202 when it is posted later
    GET  /<destination>/v1/probe                      the empty probe; 204
    GET  /health/live, /health/ready, /metrics        for the machine that runs it

A signed answer comes with status 200 alone; every other status is unsigned, RFC 9457, and means "come again".
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from aiohttp import BodyPartReader, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from services.receiver import handover
from services.receiver.deliveries import Destination, Field, Receiver, Step
from services.receiver.journal import Journal
from services.receiver.poster import Poster
from services.receiver.refusals import BadDelivery, NotNow, NotSigned, Refusal, Silent
from services.receiver.settings import Limits, ReceiverSettings
from services.receiver.trust import PlatformTrust, load_anchor, load_keys
from services.receiver.watching import watching
from shared.errors import InvalidSignature
from shared.telemetry.logs import emit
from shared.trust.push import verify_probe, verify_push
from shared.web.health import Health
from shared.web.trace import continue_or_start

log = logging.getLogger(__name__)
JOSE = "application/jose"
_PIECE_BYTES = 64 * 1024
_RETRY_AFTER_S = {"busy": 2}
_RETRY_LATER_S = 60


def create_app(
    settings: ReceiverSettings,
    clock: Callable[[], datetime],
    *,
    on_step: Callable[[Step], None] = lambda _: None,
) -> web.Application:
    """The whole receiver. Reads keys and journal at once (`Misconfigured` when one is wrong), settles what a crash
    left when the application starts, and closes the journal when it is cleaned up.
    """
    anchor = load_anchor(settings)
    destinations = [Destination(item, load_keys(item)) for item in settings.destinations]
    journal = Journal(settings.journal_file)
    try:
        trust = PlatformTrust(anchor, settings.platform_file, journal)
    except BaseException:
        journal.close()
        raise
    receiver = Receiver(destinations, journal, settings.limits, clock, on_step)
    health = Health(
        "receiver", ready={item.settings.id: partial(_can_take, item, settings.limits) for item in destinations}
    )
    app = web.Application(middlewares=[health.middleware(), _refusals])
    app[_RECEIVER] = receiver
    app[_DOOR] = Door(receiver, trust, settings.public_url, settings.limits, clock)

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        try:
            await asyncio.to_thread(receiver.start)
            door = app[_DOOR]
            async with watching(settings, receiver, trust, journal, clock, on_poster=door.post_with):
                yield
        finally:
            await receiver.close()
            journal.close()

    async def drain(_: web.Application) -> None:
        health.drain()

    app.cleanup_ctx.append(lifetime)
    app.on_shutdown.append(drain)
    app.router.add_post("/{destination}/v1/deliveries/{delivery_id}", _deliver)
    app.router.add_get("/{destination}/v1/probe", _probe, allow_head=False)
    app.router.add_routes(health.routes())
    return app


class Door:
    """Checks of a request's head, before any of its body is read."""

    def __init__(
        self,
        receiver: Receiver,
        trust: PlatformTrust,
        public_url: str,
        limits: Limits,
        clock: Callable[[], datetime],
    ) -> None:
        self.trust, self.limits = trust, limits
        self._receiver, self._public_url, self._clock = receiver, public_url, clock
        self.under_way: Counter[str] = Counter()
        self.poster: Poster | None = None
        """Posts the answers of destinations that answer later."""

    def post_with(self, poster: Poster) -> None:
        self.poster = poster

    def destination(self, request: web.Request) -> Destination:
        """The destination in the path. Raises 404."""
        found = self._receiver.destinations.get(request.match_info["destination"])
        if found is None or request.query_string:
            raise web.HTTPNotFound
        return found

    def verify(self, request: web.Request, path: str) -> None:
        """The platform's signature over exactly this request. Raises `NotSigned`."""
        url, keys, now = f"{self._public_url}{path}", self.trust.current(), self._clock()
        try:
            if request.method == hdrs.METH_GET:
                verify_probe(url, request.headers, keys.push_key_for, now)
            else:
                verify_push(request.method, url, request.headers, keys.push_key_for, now)
        except InvalidSignature as error:
            raise NotSigned(str(error)) from None


_RECEIVER = web.AppKey("receiver", Receiver)
_DOOR = web.AppKey("door", Door)


async def _deliver(request: web.Request) -> web.Response:
    door, receiver = request.app[_DOOR], request.app[_RECEIVER]
    destination = door.destination(request)
    try:
        delivery_id = UUID(request.match_info["delivery_id"])
    except ValueError:
        raise web.HTTPNotFound from None
    door.verify(request, f"/{destination.settings.id}/v1/deliveries/{delivery_id}")
    if request.headers["Delivery-Id"] != str(delivery_id) or not _is_form(request.headers.get(hdrs.CONTENT_TYPE, "")):
        raise BadDelivery("head")
    if door.under_way[destination.settings.id] >= door.limits.max_concurrent:
        raise NotNow("busy")
    door.under_way[destination.settings.id] += 1
    try:
        fields = _fields(request, door.limits.idle_timeout_s)
        digest = request.headers["Parts-Digest"]
        reply = await receiver.receive(destination, delivery_id, digest, door.trust.current(), fields)
    finally:
        door.under_way[destination.settings.id] -= 1
    emit(
        log,
        logging.INFO,
        "delivery answered",
        destination=destination.settings.id,
        submission=reply.submission_id,
        delivery=delivery_id,
        trace=continue_or_start(request.headers.get("Traceparent")).trace_id,
        state=reply.verdict.value,
        reason=".".join(reply.codes) or "none",
    )
    if destination.settings.answer == "later":
        return await _answer_later(door, delivery_id, reply.token)
    return web.Response(body=reply.token.encode("ascii"), content_type=JOSE)


def _is_form(content_type: str) -> bool:
    """As `request.content_type` says it, which parses an e-mail for each new boundary: 7 % of this process's time."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


async def _answer_later(door: Door, delivery_id: UUID, token: str) -> web.Response:
    """202, after the answer is in the outbox durably: a receiver that dies now posts it at its next start."""
    if door.poster is None:
        raise NotNow("starting")
    try:
        await door.poster.enqueue(delivery_id, token)
    except (OSError, sqlite3.Error) as error:
        raise NotNow("storage") from error
    return web.Response(status=202)


async def _fields(request: web.Request, idle_timeout_s: float) -> AsyncIterator[Field]:
    """The body's fields. Raises `BadDelivery` for a body that is cut off or not what the contract says."""
    try:
        reader = await request.multipart()
        while True:
            async with asyncio.timeout(idle_timeout_s):
                part = await reader.next()
            if part is None:
                return
            if isinstance(part, MultipartReader) or part.name is None or part.headers.get(hdrs.CONTENT_TYPE) != JOSE:
                raise BadDelivery("field")
            yield Field(part.name, _pieces(part, idle_timeout_s))
    except TimeoutError:
        raise Silent("idle") from None
    except _CUT_OFF as error:
        raise BadDelivery("body") from error


async def _pieces(part: BodyPartReader, idle_timeout_s: float) -> AsyncIterator[bytes]:
    try:
        while not part.at_eof():
            async with asyncio.timeout(idle_timeout_s):
                piece = await part.read_chunk(_PIECE_BYTES)
            yield piece
    except TimeoutError:
        raise Silent("idle") from None
    except _CUT_OFF as error:
        raise BadDelivery("body") from error


_CUT_OFF = (ValueError, AssertionError, ConnectionError, HttpProcessingError, web.RequestPayloadError)
"""What aiohttp's multipart reader raises for a body that ends too early or has no form."""


async def _probe(request: web.Request) -> web.Response:
    door = request.app[_DOOR]
    destination = door.destination(request)
    door.verify(request, f"/{destination.settings.id}/v1/probe")
    await _check_ready(destination, door.limits)
    return web.Response(status=204)


async def _can_take(destination: Destination, limits: Limits) -> bool:
    await _check_ready(destination, limits)
    return True


async def _check_ready(destination: Destination, limits: Limits) -> None:
    """Raises `NotNow` unless the hand-over folder is there and its disk takes files."""
    try:
        free = await asyncio.to_thread(handover.free_bytes, destination.settings.handover_folder / handover.INCOMING)
    except OSError as error:
        raise NotNow("storage") from error
    if free < limits.min_free_bytes:
        raise NotNow("disk-full")


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Unsigned refusals as RFC 9457 problems that hold a code and nothing of the delivery."""
    try:
        return await handler(request)
    except Refusal as refusal:
        emit(log, logging.WARNING, "delivery refused", status=refusal.status, code=refusal.code)
        return _problem(refusal.status, refusal.code)
    except NotNow as failure:
        emit(log, logging.ERROR, "delivery postponed", status=failure.status, code=failure.code)
        answer = _problem(failure.status, failure.code)
        answer.headers[hdrs.RETRY_AFTER] = str(_RETRY_AFTER_S.get(failure.code, _RETRY_LATER_S))
        return answer


def _problem(status: int, code: str) -> web.Response:
    return web.json_response(
        {"type": "about:blank", "status": status, "code": code}, status=status, content_type="application/problem+json"
    )
