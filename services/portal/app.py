"""The aiohttp application.

trace  →  metrics  →  headers  →  errors as pages  →  limits  →  origin  →  page
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from services.portal.evidence import Evidence
from services.portal.followups import FollowUps
from services.portal.overview import Overview
from services.portal.place_pages import Places
from services.portal.questions import Questions
from services.portal.site import STATIC, Site
from services.portal.web import (
    MAX_FORM_BYTES,
    error_middleware,
    headers_middleware,
    limit_middleware,
    origin_middleware,
)
from shared.web.health import Health
from shared.web.trace import trace_middleware

KEEP_S = 31_536_000
TYPES = {".css": "text/css", ".js": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}


def build_app(site: Site, health: Health) -> web.Application:
    app = web.Application(
        middlewares=[
            trace_middleware,
            health.middleware(),
            headers_middleware(site.settings),
            error_middleware(site.error),
            limit_middleware(site.settings, site.monotonic),
            origin_middleware(site.settings),
        ],
        client_max_size=MAX_FORM_BYTES,
    )
    for pages in (Overview(site), Questions(site), Places(site), Evidence(site), FollowUps(site), Information(site)):
        app.add_routes(pages.routes())
    app.add_routes([*health.routes(), *_static()])
    return app


@dataclass(frozen=True)
class Information:
    """Pages that are the same for everybody."""

    site: Site

    PAGES = (
        ("/barrierefreiheit", "accessibility.html", "Erklärung zur Barrierefreiheit"),
        ("/rueckmeldung", "feedback.html", "Rückmeldung geben"),
        ("/datenschutz", "privacy.html", "Datenschutz"),
        ("/impressum", "imprint.html", "Impressum"),
    )

    def routes(self) -> list[web.RouteDef]:
        return [self._route(path, template, title) for path, template, title in self.PAGES]

    def _route(self, path: str, template: str, title: str) -> web.RouteDef:
        async def show(request: web.Request) -> web.Response:
            draft = await self.site.find_draft(request)
            settings = self.site.settings
            return self.site.page(
                template,
                title,
                draft=draft,
                unused_days=settings.unused_s // 86_400,
                sent_hours=settings.sent_s // 3600,
                case_days=settings.case_s // 86_400,
            )

        return web.get(path, show)


def _static() -> list[web.RouteDef]:
    """Few small files, read once and sent compressed; their addresses change with their content."""
    routes = []
    for path in sorted(STATIC.iterdir()):
        if path.suffix not in TYPES:
            continue
        plain = path.read_bytes()
        packed = plain if path.suffix == ".woff2" else gzip.compress(plain, 9, mtime=0)
        routes.append(web.get(f"/static/{path.name}", _file(plain, packed, TYPES[path.suffix])))
    return routes


def _file(plain: bytes, packed: bytes, media_type: str) -> Handler:
    async def send(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": media_type, "Cache-Control": f"public, max-age={KEEP_S}, immutable"}
        if packed is not plain and "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=packed, headers=headers | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
        return web.Response(body=plain, headers=headers)

    return send
