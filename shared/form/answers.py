"""The JSON Schema of one answer, by its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.form.limits import MAX_ITEMS, MAX_LONG, MAX_MONEY_CENTS, MAX_TEXT
from shared.form.model import Answer, Question

JsonSchema = dict[str, Any]

_CONTROLS = r"\u0000-\u001F\u007F-\u009F\u2028\u2029"
LINE = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"
"""One line without control characters, not blank."""
LINES = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]*$"
"""Several lines: tab, line feed and carriage return are allowed, other control characters are not."""
PERSON_ID = "person-[1-9][0-9]?"

PERSON_REF: JsonSchema = {"type": "string", "pattern": f"^(applicant|{PERSON_ID})$"}
_POSTCODE: JsonSchema = {"type": "string", "pattern": "^[0-9]{5}$"}
_COUNTRY: JsonSchema = {"type": "string", "pattern": "^[A-Z]{2}$"}


def _text(limit: int, pattern: str = LINE) -> JsonSchema:
    return {"type": "string", "minLength": 1, "maxLength": limit, "pattern": pattern}


ADDRESS: JsonSchema = {
    "type": "object",
    "description": "A postal address. `country` is ISO 3166-1 alpha-2 and DE where it is left out.",
    "required": ["postcode", "city"],
    "properties": {
        "street": _text(MAX_TEXT),
        "house_number": _text(20),
        "addition": _text(MAX_TEXT),
        "care_of": _text(MAX_TEXT),
        "postcode": {"type": "string", "pattern": "^[0-9A-Z][0-9A-Z -]{1,10}[0-9A-Z]$"},
        "city": _text(MAX_TEXT),
        "country": _COUNTRY,
    },
    "additionalProperties": False,
}


def _options(question: Question) -> list[str]:
    return [option.value for option in question.options]


def _yes_no(question: Question) -> JsonSchema:
    return {"type": "boolean"} if question.must_be is None else {"const": question.must_be}


def _whole(question: Question) -> JsonSchema:
    return {"type": "integer", "minimum": question.minimum or 0, "maximum": question.maximum or 1_000_000}


def _money(question: Question) -> JsonSchema:
    return {
        "type": "integer",
        "minimum": question.minimum or 0,
        "maximum": question.maximum or MAX_MONEY_CENTS,
        "$comment": "whole cents (euro)",
    }


_SCHEMAS: dict[Answer, Callable[[Question], JsonSchema]] = {
    Answer.TEXT: lambda q: _text(q.max_length or MAX_TEXT, q.pattern or LINE),
    Answer.LONG: lambda q: _text(q.max_length or MAX_LONG, LINES),
    Answer.DATE: lambda _: {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    Answer.YES_NO: _yes_no,
    Answer.YES_NO_UNKNOWN: lambda _: {"enum": ["yes", "no", "unknown"]},
    Answer.ONE: lambda q: {"enum": _options(q)},
    Answer.MANY: lambda q: {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"enum": _options(q)},
    },
    Answer.MONEY: _money,
    Answer.INTEGER: _whole,
    Answer.IBAN: lambda _: {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}$"},
    Answer.POSTCODE: lambda _: _POSTCODE,
    Answer.MUNICIPALITY: lambda _: {"type": "string", "pattern": "^[0-9]{8}$"},
    Answer.COUNTRY: lambda _: _COUNTRY,
    Answer.COUNTRIES: lambda _: {"type": "array", "minItems": 1, "maxItems": 5, "uniqueItems": True, "items": _COUNTRY},
    Answer.ADDRESS: lambda _: {"$ref": "#/$defs/address"},
    Answer.PERSON_ID: lambda _: {"type": "string", "pattern": f"^{PERSON_ID}$"},
    Answer.PERSON: lambda _: {"type": "string", "pattern": f"^(applicant|outside|{PERSON_ID})$"},
    Answer.GROUP: lambda _: {"type": "array", "minItems": 1, "maxItems": MAX_ITEMS},
}


def answer_schema(question: Question) -> JsonSchema:
    """What an answer to the question looks like, titled with its German label."""
    described = {"title": question.label}
    if question.help:
        described["description"] = question.help
    return described | _SCHEMAS[question.type](question)
