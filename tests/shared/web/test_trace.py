from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from shared.web.trace import Trace, continue_or_start, parse, trace_middleware, trace_of

A, B = "a" * 32, "b" * 16


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"00-{A}-{B}",
        f"00-{A}-{B}-01-more",
        f"ff-{A}-{B}-01",
        f"00-{'0' * 32}-{B}-01",
        f"00-{A}-{'0' * 16}-01",
        f"00-{A.upper()}-{B}-01",
        f"00-{A}-{B}-0g",
        f" 00-{A}-{B}-01",
        f"00-{A}-{B}-01\n",
        f"01-{A}-{B}-01-" + "x" * 500,
    ],
)
def test_what_is_invalid_starts_a_new_trace(header: str | None) -> None:
    assert parse(header) is None
    assert continue_or_start(header).trace_id != A


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert parse(f"01-{A}-{B}-03-whatever") == Trace(A, B, sampled=True)


@given(st.booleans())
def test_a_trace_is_continued_with_a_new_span(sampled: bool) -> None:
    trace = Trace(A, B, sampled)
    assert parse(str(trace)) == trace
    child = continue_or_start(str(trace))
    assert (child.trace_id, child.sampled) == (A, sampled)
    assert child.span_id != B
    assert parse(str(child)) == child


@given(st.text(max_size=80))
def test_any_header_whatever_yields_a_valid_trace(header: str) -> None:
    trace = continue_or_start(header)
    assert parse(str(trace)) == trace


async def test_every_response_names_the_requests_trace() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert trace_of(request) is trace_of(request)
        return web.Response(text=str(trace_of(request)))

    app = web.Application(middlewares=[trace_middleware])
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/", headers={"traceparent": f"00-{A}-{B}-01"})
        assert await response.text() == response.headers["traceparent"]
        assert response.headers["traceparent"].split("-")[1] == A
