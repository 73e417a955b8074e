"""The OpenAPI 3.1 document, generated from the declared operations and the models. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.intake.declare import Operation, Parameter
from services.intake.views import Problem
from shared.web.catalogue import CATALOGUE

REF = "#/components/schemas/{model}"
ALWAYS = ("busy", "unavailable")
WITH_TOKEN = ("unauthorized", "too-many-requests")
DESCRIPTION = """\
Delivers a citizen's completed application for basic income support (SGB II), end-to-end encrypted, to the responsible
municipal Jobcenter. Open a submission, upload its documents, complete it, keep the receipt.

Nothing is promised before the receipt; everything is kept after it. Every request may be repeated."""


def document(operations: Iterable[Operation], public_url: str) -> dict[str, Any]:
    """The whole document; `public_url` as senders see this service, without a slash at the end."""
    operations = list(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Antragsweiche: intake",
            "version": "1.0.0",
            "description": DESCRIPTION,
            "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        },
        "servers": [{"url": public_url}],
        "tags": [
            {"name": "directory", "description": "Who is responsible. Public."},
            {"name": "submissions", "description": "From opening to receipt."},
            {"name": "oauth", "description": "The built-in issuer."},
        ],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "token": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": f"{public_url}/oauth/token", "scopes": {}}},
                }
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": [] if operation.public else [{"token": []}],
        "responses": _responses(operation),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.parameters:
        described["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": _json(operation.body)},
        }
    elif operation.body_types:
        binary = {"schema": {"type": "string", "format": "binary"}}
        described["requestBody"] = {"required": True, "content": dict.fromkeys(operation.body_types, binary)}
    elif operation.form is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": operation.form}},
        }
    return described


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, answer in operation.answers.items():
        response: dict[str, Any] = {"description": answer.description}
        if answer.model is not None:
            response["content"] = {answer.media_type: _json(answer.model)}
        elif answer.media_type != "application/json":
            response["content"] = {answer.media_type: {"schema": {"type": "object"}}}
        if answer.headers:
            response["headers"] = {
                name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
            }
        responses[str(status)] = response
    codes = (*operation.problems, *ALWAYS, *(() if operation.public else WITH_TOKEN))
    for status, names in sorted(_by_status(codes).items()):
        responses[str(status)] = _problem(status, names)
    return responses


def _by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        found.setdefault(CATALOGUE[code].status, []).append(code)
    return found


def _problem(status: int, codes: list[str]) -> dict[str, Any]:
    examples = {
        code: {
            "summary": CATALOGUE[code].title,
            "value": {
                "type": f"/problems/{code}",
                "title": CATALOGUE[code].title,
                "status": status,
                "detail": CATALOGUE[code].remedy,
                "code": code,
                "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
            },
        }
        for code in codes
    }
    response: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}: " + ", ".join(f"`{code}`" for code in codes),
        "content": {"application/problem+json": {"schema": _ref(Problem), "examples": examples}},
    }
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return response


def _parameter(parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required or parameter.where == "path",
        "schema": parameter.schema,
    }
    if parameter.description:
        described["description"] = parameter.description
    if parameter.example is not None:
        described["example"] = parameter.example
    return described


def _json(model: type[BaseModel]) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _ref(model)}
    extra = model.model_config.get("json_schema_extra")
    if isinstance(extra, dict) and isinstance(examples := extra.get("examples"), list):
        content["examples"] = {f"example{number or ''}": {"value": value} for number, value in enumerate(examples)}
    return content


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    models: dict[type[BaseModel], None] = {Problem: None}
    for operation in operations:
        if operation.body is not None:
            models[operation.body] = None
        for answer in operation.answers.values():
            if answer.model is not None:
                models[answer.model] = None
    inputs = {operation.body for operation in operations if operation.body is not None}
    modes: list[tuple[type[BaseModel], Any]] = [
        (model, "validation" if model in inputs else "serialization") for model in models
    ]
    _, schema = models_json_schema(modes, ref_template=REF)
    return dict(sorted(schema["$defs"].items()))
