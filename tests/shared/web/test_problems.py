from __future__ import annotations

import ast
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from shared.errors import KafkaUnavailable, MessageError, Misconfigured, SenderError, StoreUnavailable
from shared.telemetry.logs import JsonFormatter
from shared.web.catalogue import CATALOGUE
from shared.web.problems import RESERVED, problem_middleware, problem_routes
from shared.web.trace import trace_middleware

ROOT = Path(__file__).resolve().parents[3]
CANARY = "Kunigunde Kanarienvogel"
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

Client = TestClient[web.Request, web.Application]
ERRORS = web.AppKey("ERRORS", list[BaseException])


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """`POST /raise/{any}` raises what the test put into `app["error"]`."""

    async def fail(request: web.Request) -> web.Response:
        raise request.app[ERRORS][0]

    app = web.Application(middlewares=[trace_middleware, problem_middleware])
    app[ERRORS] = []
    app.router.add_post("/raise/{any}", fail)
    app.add_routes(problem_routes())
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    formatter = JsonFormatter("test")
    with caplog.at_level(logging.DEBUG):
        yield lambda: "\n".join(formatter.format(record) for record in caplog.records)


async def answer(client: Client, error: BaseException) -> tuple[Any, dict[str, Any]]:
    client.app[ERRORS].insert(0, error)
    response = await client.post(f"/raise/{CANARY}", headers={"traceparent": TRACE})
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    body = json.loads(await response.read())
    assert body["status"] == response.status
    assert body["type"] == f"/problems/{body['code']}"
    assert body["trace"] == "a" * 32
    return response, body


@pytest.mark.parametrize("code", sorted(CATALOGUE))
async def test_every_problem_of_the_catalogue_is_answered_and_has_a_page(client: Client, code: str) -> None:
    problem = CATALOGUE[code]
    response, body = await answer(client, SenderError(code, "Do this.", field="x"))
    assert response.status == problem.status
    assert (body["title"], body["detail"], body["field"]) == (problem.title, "Do this.", "x")
    assert ("Retry-After" in response.headers) is (problem.status in (429, 503))
    page = await client.get(body["type"])
    assert page.status == 200
    assert code in await page.text()


def test_the_catalogue_is_well_formed() -> None:
    for code, problem in CATALOGUE.items():
        assert code == problem.code
        assert 400 <= problem.status <= 599
        assert not problem.title.endswith(".")
        assert problem.remedy.endswith(".")


def test_every_code_that_any_service_raises_is_in_the_catalogue() -> None:
    raised = {}
    for folder in ("services", "shared", "cli"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "SenderError" and node.args:
                    code = node.args[0]
                    if isinstance(code, ast.Constant):
                        raised[code.value] = path
                    assert RESERVED.isdisjoint(
                        keyword.arg or "" for keyword in node.keywords if keyword.arg != "detail"
                    )
    assert raised, "the search finds nothing"
    assert {code: path for code, path in raised.items() if code not in CATALOGUE} == {}


async def test_detail_falls_back_to_the_remedy(client: Client) -> None:
    _, body = await answer(client, SenderError("document-empty"))
    assert body["detail"] == CATALOGUE["document-empty"].remedy


@pytest.mark.parametrize(("wished", "sent"), [(0.2, "1"), (7, "7"), (7.01, "8")])
async def test_retry_after_is_whole_seconds_rounded_up(client: Client, wished: float, sent: str) -> None:
    response, body = await answer(client, SenderError("too-many-requests", retry_after_s=wished))
    assert response.headers["Retry-After"] == sent
    assert "retry_after_s" not in body


async def test_extra_members_cannot_replace_those_of_the_rfc(client: Client) -> None:
    _, body = await answer(client, SenderError("busy", status=200, title="ok", type="x", candidates=["a"]))
    assert (body["status"], body["code"], body["candidates"]) == (503, "busy", ["a"])


@pytest.mark.parametrize("error", [StoreUnavailable("put: 503"), KafkaUnavailable("send to t: TimeoutError")])
async def test_infrastructure_that_fails_is_503_with_retry_after(client: Client, error: Exception) -> None:
    response, body = await answer(client, error)
    assert (response.status, body["code"], response.headers["Retry-After"]) == (503, "unavailable", "5")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(CANARY),
        KeyError(CANARY),
        Misconfigured("no key"),
        MessageError("part-missing"),
        SenderError("no-such-code", CANARY),
        web.HTTPBadGateway(text=CANARY),
        UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY),
    ],
)
async def test_everything_else_is_internal_and_says_nothing(
    client: Client, logged: Callable[[], str], error: Exception
) -> None:
    error.__cause__ = ValueError(CANARY)
    response, body = await answer(client, error)
    assert (response.status, body["code"]) == (500, "internal")
    assert "Kunigunde" not in json.dumps(body) + str(response.headers) + logged()
    assert type(error).__name__ in logged()
    assert "/raise/{any}" in logged()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "not-found"), ("PUT", "/raise/x", 405, "method-not-allowed")],
)
async def test_the_routers_own_refusals_are_problems(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    response = await client.request(method, path)
    body = json.loads(await response.read())
    assert (response.status, body["code"]) == (status, code)
    assert ("Allow" in response.headers) is (status == 405)


async def test_401_says_how_to_authenticate(client: Client) -> None:
    response, _ = await answer(client, SenderError("unauthorized"))
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_redirects_pass(client: Client) -> None:
    client.app[ERRORS].insert(0, web.HTTPSeeOther("/problems"))
    response = await client.post("/raise/x", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "/problems")


async def test_an_unknown_problems_page_is_not_found(client: Client) -> None:
    assert (await client.get("/problems/never-heard-of")).status == 404
    index = await (await client.get("/problems")).text()
    assert all(code in index for code in CATALOGUE)
