"""W3C Trace Context (Recommendation, 23 November 2021): the `traceparent` header, read strictly, or made anew."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_ZERO_TRACE: Final = "0" * 32
_ZERO_SPAN: Final = "0" * 16
MAX_HEADER: Final = 256


@dataclass(frozen=True)
class Trace:
    """One hop of a trace. `str(trace)` is the header's value."""

    trace_id: str
    span_id: str
    sampled: bool = True

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    @classmethod
    def new(cls) -> Self:
        """A new trace with random ids."""
        return cls(_random(16, _ZERO_TRACE), _random(8, _ZERO_SPAN))

    def child(self) -> Trace:
        """The same trace, a new span."""
        return Trace(self.trace_id, _random(8, _ZERO_SPAN), self.sampled)


def parse(header: str | None) -> Trace | None:
    """The trace that a header names; None for a missing or invalid one, which must then be ignored (section 3.2.2)."""
    if header is None or len(header) > MAX_HEADER:
        return None
    match = _TRACEPARENT.fullmatch(header)
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or trace_id == _ZERO_TRACE or span_id == _ZERO_SPAN:
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & 1))


def continue_or_start(header: str | None) -> Trace:
    """A new span of the caller's trace, or a new trace."""
    parent = parse(header)
    return parent.child() if parent else Trace.new()


TRACE: Final = web.RequestKey("trace", Trace)


def trace_of(request: web.Request) -> Trace:
    """The request's trace; made on first use."""
    trace = request.get(TRACE)
    if trace is None:
        trace = request[TRACE] = continue_or_start(request.headers.get("traceparent"))
    return trace


@web.middleware
async def trace_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives every request a trace and tells the caller its id."""
    trace = trace_of(request)
    response = await handler(request)
    if not response.prepared:
        response.headers["traceparent"] = str(trace)
    return response


def _random(size: int, forbidden: str) -> str:
    value = secrets.token_hex(size)
    return value if value != forbidden else _random(size, forbidden)
