"""How a route is declared: once, for the router and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Parameter:
    """A parameter in the address (`path`, `query`) or a header."""

    name: str
    where: Literal["path", "query", "header"]
    schema: dict[str, Any]
    description: str = ""
    required: bool = False
    example: str | None = None


@dataclass(frozen=True)
class Answer:
    """A good answer. `model` None: no body; `media_type` of the body otherwise."""

    description: str
    model: type[BaseModel] | None = None
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    `problems` are codes of `shared.web.catalogue`; those of authentication and load are added for all.
    `body_types` are the media types of a body that is no JSON model.
    """

    method: str
    path: str
    handler: Handler
    name: str
    summary: str
    answers: dict[int, Answer]
    description: str = ""
    tag: str = "submissions"
    body: type[BaseModel] | None = None
    body_types: tuple[str, ...] = ()
    form: dict[str, Any] | None = None
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[str, ...] = ()
    public: bool = False
    """No access token needed."""
