"""The portal's client of intake: where its token comes from."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from services.portal.intake import Intake


def _issuer(path: str, token: str) -> web.Application:
    async def give(request: web.Request) -> web.Response:
        form = await request.post()
        assert (form["grant_type"], form["client_id"], form["client_secret"]) == ("client_credentials", "portal", "s")
        return web.json_response({"access_token": token, "expires_in": 1800})

    app = web.Application()
    app.router.add_post(path, give)
    return app


@pytest.mark.parametrize(("own_issuer", "token"), [(False, "built-in"), (True, "own")])
async def test_the_token_comes_from_the_issuer_that_intake_trusts(own_issuer: bool, token: str) -> None:
    async def status(request: web.Request) -> web.Response:
        return web.json_response({"authorization": request.headers["Authorization"]})

    intake_app = _issuer("/oauth/token", "built-in")
    intake_app.router.add_get("/v1/submissions/{id}", status)
    async with (
        TestServer(intake_app) as intake_server,
        TestServer(_issuer("/realm/token", "own")) as issuer,
        ClientSession() as session,
    ):
        url = str(intake_server.make_url("")).rstrip("/")
        token_url = str(issuer.make_url("/realm/token")) if own_issuer else None
        intake = Intake(session, url, "portal", "s", token_url=token_url)
        assert await intake.status("1") == {"authorization": f"Bearer {token}"}
