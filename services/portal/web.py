"""What every page shares: who visits, forms that cannot be forged, limits, headers, errors as pages."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.portal.settings import PortalSettings
from services.portal.vault import Vault
from shared.errors import CannotOpen, OurError
from shared.telemetry.logs import emit
from shared.web.trace import trace_of

log = logging.getLogger(__name__)

TOKEN_FIELD: Final = "_t"  # noqa: S105 - the name of a field
MAX_FORM_BYTES: Final = 256 * 1024
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `no-referrer` would make browsers send `Origin: null` with every form.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
UNLIMITED: Final = ("/static/", "/health", "/metrics")


class Forged(web.HTTPForbidden):
    """A form that this portal did not make, or made for another visit."""


class Gone(web.HTTPGone):
    """There is no draft (any more) behind the cookie, or no cookie."""


@dataclass(frozen=True)
class Cookies:
    """Names and attributes. `__Host-` forbids other hosts and paths to set them (RFC 6265bis, 4.1.3.2)."""

    plain_http: bool

    @property
    def draft(self) -> str:
        return "antrag" if self.plain_http else "__Host-antrag"

    @property
    def case(self) -> str:
        return "vorgang" if self.plain_http else "__Host-vorgang"

    def put(self, response: web.StreamResponse, name: str, vault: Vault, age_s: int) -> None:
        response.set_cookie(
            name,
            vault.cookie(),
            max_age=age_s,
            path="/",
            httponly=True,
            secure=not self.plain_http,
            samesite="Lax",
        )

    def drop(self, response: web.StreamResponse, name: str) -> None:
        response.del_cookie(name, path="/", httponly=True, secure=not self.plain_http, samesite="Lax")


def vault_of(request: web.Request, name: str) -> Vault | None:
    text = request.cookies.get(name)
    return Vault.from_cookie(text) if text else None


# -- forged requests --------------------------------------------------------------------------------------------------


def same_origin(headers: Mapping[str, str], host: str, public_url: str | None) -> bool:
    """Does the browser say that the request comes from this portal's own pages?

    `Origin` decides; a browser that sends none says it in `Sec-Fetch-Site`; one that says nothing is refused.
    """
    origin = headers.get("Origin")
    if origin is None:
        return headers.get("Sec-Fetch-Site") in ("same-origin", "none")
    if public_url is not None:
        return origin == public_url
    return urlsplit(origin).netloc == host


def origin_middleware(settings: PortalSettings) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD") and not same_origin(
            request.headers, request.host, settings.public_url
        ):
            raise Forged
        return await handler(request)

    return check


def check_token(vault: Vault, token: object) -> None:
    """The form's hidden token belongs to the cookie (double submit, keyed)."""
    if not isinstance(token, str) or not vault.is_form_token(token):
        raise Forged


# -- limits -----------------------------------------------------------------------------------------------------------


class Buckets:
    """Token buckets by name: `rate_per_s` and `burst`; the longest idle are forgotten first. Each replica counts."""

    def __init__(self, rate_per_s: float, burst: float, most: int = 20_000) -> None:
        self._rate, self._burst, self._most = rate_per_s, burst, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now_s: float) -> int | None:
        """None when granted, else the whole seconds to wait."""
        left, since = self._left.pop(name, (self._burst, now_s))
        left = min(self._burst, left + max(0.0, now_s - since) * self._rate)
        granted = left >= 1.0
        self._left[name] = (left - 1.0 if granted else left, now_s)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return None if granted else max(1, ceil((1.0 - left) / self._rate))


def address_of(request: web.Request, trusted_proxies: int) -> str:
    """The visitor's address, as the outermost of our own proxies saw it. Counted with, never stored or logged."""
    if trusted_proxies:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if len(hops) >= trusted_proxies:
            return hops[-trusted_proxies]
    return request.remote or ""


def limit_middleware(settings: PortalSettings, monotonic: Callable[[], float]) -> Middleware:
    buckets = Buckets(settings.rate_per_s, settings.burst)
    under_way = 0

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal under_way
        if request.path.startswith(UNLIMITED):
            return await handler(request)
        wait_s = buckets.take(address_of(request, settings.trusted_proxies), monotonic())
        if wait_s is not None:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(wait_s)})
        if under_way >= settings.max_requests:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "2"})
        under_way += 1
        try:
            return await handler(request)
        finally:
            under_way -= 1

    return limit


# -- headers and errors -----------------------------------------------------------------------------------------------


def headers_middleware(settings: PortalSettings) -> Middleware:
    @web.middleware
    async def add(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            response.headers.setdefault("Cache-Control", "no-store")
            if response.content_type == "text/html":
                # No page repeats what another site could have put into the request, so compression tells nothing.
                response.enable_compression()
            if not settings.plain_http:
                response.headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
        return response

    return add


ErrorPage = Callable[[web.Request, int, dict[str, str]], web.Response]


def error_middleware(page: ErrorPage) -> Middleware:
    """Whatever goes wrong ends as a page in plain words. Of an unexpected error only type and place are logged."""

    @web.middleware
    async def catch(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                return _redirect(error)
            kept = {name: error.headers[name] for name in ("Retry-After", "Allow") if name in error.headers}
            return page(request, error.status, kept)
        except CannotOpen:
            return page(request, 410, {})
        except OurError as error:
            emit(log, logging.WARNING, "unavailable", error=error, **_where(request))
            return page(request, 503, {"Retry-After": "10"})
        except Exception as error:  # noqa: BLE001 - the one place where every error ends
            emit(log, logging.ERROR, "request failed", error=error, **_where(request))
            return page(request, 500, {})

    return catch


def _redirect(error: web.HTTPException) -> web.Response:
    """As a response of its own, so that the other middlewares can add their headers."""
    response = web.Response(status=error.status, headers={"Location": error.headers["Location"]})
    for morsel in error.cookies.values():
        response.headers.add("Set-Cookie", morsel.OutputString())
    return response


def _where(request: web.Request) -> dict[str, Any]:
    resource = request.match_info.route.resource
    return {
        "route": resource.canonical if resource else "unmatched",
        "method": request.method,
        "trace": trace_of(request).trace_id,
    }
