"""Validate an application. Pure; schemas are compiled once for each process.

Three layers, each only when the one before found nothing that would mislead it:
plain JSON (limits, Unicode, whole numbers) → JSON Schema → what a schema cannot say (check digits, dates, references).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind

from shared.contracts.manifest import Kind
from shared.form.checks import Checks
from shared.form.conditions import JsonSchema
from shared.form.definition import DEFINITION
from shared.form.errors import FieldError, field_error
from shared.form.limits import MAX_DEPTH, MAX_ERRORS, MAX_NODES
from shared.form.model import Definition
from shared.form.schema import build_schema
from shared.form.versions import earlier

DEFINITIONS: dict[str, Definition] = {DEFINITION.service: DEFINITION}
"""Services and their current definition. Earlier versions: `shared.form.versions`."""

_CODES: dict[type[Any], str] = {
    ValidationErrorKind.AdditionalProperties: "unknown-property",
    ValidationErrorKind.Constant: "constant",
    ValidationErrorKind.Contains: "applicant-missing",
    ValidationErrorKind.Enum: "option",
    ValidationErrorKind.FalseSchema: "hidden",
    ValidationErrorKind.Format: "format",
    ValidationErrorKind.MaxItems: "too-many",
    ValidationErrorKind.MaxLength: "too-long",
    ValidationErrorKind.Maximum: "too-large",
    ValidationErrorKind.MinItems: "too-few",
    ValidationErrorKind.MinLength: "too-short",
    ValidationErrorKind.MinProperties: "too-few",
    ValidationErrorKind.Minimum: "too-small",
    ValidationErrorKind.Pattern: "pattern",
    ValidationErrorKind.Required: "required",
    ValidationErrorKind.Type: "type",
    ValidationErrorKind.UniqueItems: "repeated",
}


def services() -> tuple[str, ...]:
    """Ids of all services that can be applied for."""
    return tuple(sorted(DEFINITIONS))


@cache
def schema(service: str, kind: Kind = Kind.APPLICATION, version: str | None = None) -> JsonSchema:
    """The JSON Schema (2020-12) of this version, of the current one if None. Treat as read-only.

    KeyError for an unknown service or version."""
    return build_schema(definition(service, version), kind)


def schema_uri(service: str, kind: Kind = Kind.APPLICATION, version: str | None = None) -> str:
    """The schema's `$id`, as it stands in the metadata."""
    return str(schema(service, kind, version)["$id"])


def definition(service: str, version: str | None = None) -> Definition:
    """The definition of this version, of the current one if None. KeyError for an unknown service or version."""
    current = DEFINITIONS[service]
    return current if version in (None, current.version) else earlier(service)[str(version)]


def version_of(application: Any, service: str) -> str:
    """The version an application says to be of, if it is one that can be read; else the current one."""
    said = application.get("form") if isinstance(application, dict) else None
    version = said.get("version") if isinstance(said, dict) else None
    return version if isinstance(version, str) and version in earlier(service) else DEFINITIONS[service].version


@cache
def _compiled(service: str, kind: Kind, version: str) -> Any:
    return jsonschema_rs.Draft202012Validator(schema(service, kind, version), validate_formats=True)


@cache
def _checks(service: str, version: str) -> Checks:
    return Checks(definition(service, version))


@cache
def _known_names(service: str, kind: Kind, version: str) -> frozenset[str]:
    return frozenset(_property_names(schema(service, kind, version)))


def _property_names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for child in node.values():
            yield from _property_names(child)
    elif isinstance(node, list):
        for child in node:
            yield from _property_names(child)


def validate(application: Any, service: str = DEFINITION.service, kind: Kind = Kind.APPLICATION) -> list[FieldError]:
    """Everything wrong with it, at most `MAX_ERRORS`, sorted by path; empty if it may be sent.

    Checked against the version the application names, if it is the current or an earlier one.
    Never raises for any parsed JSON. Errors hold nothing that the sender wrote. KeyError for an unknown service.
    """
    version = version_of(application, service)
    validator = _compiled(service, kind, version)
    plain = _plain_json(application)
    if plain is not None:
        return [plain]
    names = _known_names(service, kind, version)
    found: set[FieldError] = set()
    for error in validator.iter_errors(application):
        found.add(_translate(error, names))
        if len(found) >= MAX_ERRORS:
            break
    if not found:
        found.update(_checks(service, version).check(application, kind))
    return sorted(found)[:MAX_ERRORS]


def _translate(error: Any, names: frozenset[str]) -> FieldError:
    path = [part if isinstance(part, int) or part in names else "?" for part in error.instance_path]
    if isinstance(error.kind, ValidationErrorKind.Required):
        # `required` names a property of the schema, never one of the sender's.
        path.append(error.kind.property)
    return field_error(path, _CODES.get(type(error.kind), "invalid"))


def _plain_json(application: Any) -> FieldError | None:
    """Bounds what the schema validator sees: Python's JSON parser lets through what is no I-JSON (RFC 7493)."""
    stack: list[tuple[Collection[Any], int]] = [((application,), 1)]
    seen = 0
    while stack:
        values, depth = stack.pop()
        seen += len(values)
        if depth > MAX_DEPTH or seen > MAX_NODES:
            return field_error((), "too-deep")
        for value in values:
            # By exact type, each node once: this loop is on the way of every application.
            kind = type(value)
            if kind is str:
                if not value.isascii() and not _encodable(value):
                    return field_error((), "not-unicode")
            elif kind is dict:
                if value:
                    stack += ((value.keys(), depth), (value.values(), depth + 1))
            elif kind is list:
                if value:
                    stack.append((value, depth + 1))
            elif kind is not bool and not (kind is int and abs(value) < 2**53):
                return field_error((), "not-json")
    return None


def _encodable(text: str) -> bool:
    """False for lone surrogates, which cannot be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
