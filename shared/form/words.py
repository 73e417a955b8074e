"""Answers in German words, as summary and PDF show them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.form.countries import country_name
from shared.form.model import Answer, Question

YES_NO = {True: "Ja", False: "Nein"}
YES_NO_UNKNOWN = {"yes": "Ja", "no": "Nein", "unknown": "Weiß ich nicht"}
Places = Callable[[str], str | None]
"""Municipality key → name, or None if unknown."""


def money(cents: int) -> str:
    """`-123456` → "−1.234,56 €"."""
    whole = f"{abs(cents) // 100:,}".replace(",", ".")
    return f"{'−' if cents < 0 else ''}{whole},{abs(cents) % 100:02d} €"


def day(iso: str) -> str:
    """`1984-07-03` → "03.07.1984"."""
    year, month, number = iso.split("-")
    return f"{number}.{month}.{year}"


def address(value: Mapping[str, str]) -> str:
    lines = [
        f"bei {value['care_of']}" if "care_of" in value else "",
        " ".join(value[part] for part in ("street", "house_number") if part in value),
        value.get("addition", ""),
        f"{value['postcode']} {value['city']}",
        country_name(value["country"]) if value.get("country", "DE") != "DE" else "",
    ]
    return "\n".join(line for line in lines if line)


def answer_text(  # noqa: PLR0912 one branch for each type
    question: Question, value: Any, people: Mapping[str, str], places: Places
) -> str:
    """The answer as the citizen would say it. Several values stand on lines of their own."""
    options = {option.value: option.label for option in question.options}
    match question.type:
        case Answer.YES_NO:
            text = YES_NO[value]
        case Answer.YES_NO_UNKNOWN:
            text = YES_NO_UNKNOWN[value]
        case Answer.ONE:
            text = options.get(value, value)
        case Answer.MANY:
            text = "\n".join(options.get(one, one) for one in value)
        case Answer.MONEY:
            text = money(value)
        case Answer.DATE:
            text = day(value)
        case Answer.COUNTRY:
            text = country_name(value)
        case Answer.COUNTRIES:
            text = "\n".join(country_name(one) for one in value)
        case Answer.ADDRESS:
            text = address(value)
        case Answer.IBAN:
            text = " ".join(value[start : start + 4] for start in range(0, len(value), 4))
        case Answer.MUNICIPALITY:
            name = places(value)
            text = f"{name} ({value})" if name else value
        case Answer.PERSON:
            text = {**people, "outside": "jemand außerhalb des Haushalts"}.get(value, value)
        case _:
            text = str(value)
    return text
