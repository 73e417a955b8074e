"""The patient portal sends a document again, whole, after an answer that does not count."""

from __future__ import annotations

import hashlib

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from devtools.patient import PatientPortal


async def test_a_document_is_sent_again_whole() -> None:
    content, bodies = b"%PDF-1.7 " * 1000, []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.json_response({}, status=503 if len(bodies) == 1 else 201)

    app = web.Application()
    app.router.add_post("/v1/submissions/{id}/documents", take)
    async with TestServer(app) as server, ClientSession() as session:
        portal = PatientPortal(session, str(server.make_url("")).rstrip("/"), "client", "secret")
        answer = await portal.upload(
            "00000000-0000-4000-8000-000000000000",
            filename="Beleg.pdf",
            media_type="application/pdf",
            purpose="attachment",
            size=len(content),
            sha512_hex=hashlib.sha512(content).hexdigest(),
            chunks=iter([content[:100], content[100:]]),
        )
    assert (answer.status, bodies, portal.retried) == (201, [content, content], 1)
