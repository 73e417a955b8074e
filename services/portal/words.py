"""Answers as citizens read them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.form.countries import country_name
from shared.form.flow import Asked, FieldProblem, Step, View
from shared.form.model import Answer

YES_NO = {True: "Ja", False: "Nein", "yes": "Ja", "no": "Nein", "unknown": "Ich weiß es nicht"}
NOTHING = "keine Angabe"
OUTSIDE = "jemand außerhalb des Haushalts"


def euros(cents: int) -> str:
    """`-123456` → "-1.234,56 €"."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}".replace(",", ".") + f",{abs(cents) % 100:02d} €"


def day(text: str) -> str:
    """`1984-07-03` → "3.7.1984"."""
    year, month, number = text.split("-")
    return f"{int(number)}.{int(month)}.{year}"


def size(count: int) -> str:
    """Bytes for people."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} KB"
    return f"{count / 1_000_000:.1f}".replace(".", ",") + " MB"


def answer_lines(asked: Asked, people: Mapping[str, str], municipality: str | None = None) -> tuple[str, ...]:
    """The answer, one line each part; `keine Angabe` if there is none."""
    value = asked.value
    if value is None or value == []:
        return (NOTHING,)
    return _lines(asked, value, people, municipality)


def _lines(asked: Asked, value: Any, people: Mapping[str, str], municipality: str | None) -> tuple[str, ...]:  # noqa: PLR0911
    match asked.question.type:
        case Answer.YES_NO | Answer.YES_NO_UNKNOWN:
            return (YES_NO[value],)
        case Answer.ONE | Answer.MANY:
            labels: dict[str, str] = {option.value: option.label for option in asked.question.options}
            return tuple(labels.get(str(each), str(each)) for each in (value if isinstance(value, list) else [value]))
        case Answer.DATE:
            return (day(value),)
        case Answer.MONEY:
            return (euros(value),)
        case Answer.COUNTRY:
            return (country_name(value),)
        case Answer.COUNTRIES:
            return tuple(country_name(code) for code in value)
        case Answer.IBAN:
            return (" ".join(value[start : start + 4] for start in range(0, len(value), 4)),)
        case Answer.ADDRESS:
            return address_lines(value)
        case Answer.PERSON:
            return (OUTSIDE if value == "outside" else people.get(value, value),)
        case Answer.MUNICIPALITY:
            return (municipality or value,)
        case Answer.LONG:
            return tuple(value.splitlines())
        case _:
            return (str(value),)


def address_lines(value: Mapping[str, str]) -> tuple[str, ...]:
    """As on an envelope."""
    street = " ".join(part for part in (value.get("street"), value.get("house_number")) if part)
    town = " ".join(part for part in (value.get("postcode"), value.get("city")) if part)
    care_of = f"bei {value['care_of']}" if value.get("care_of") else ""
    return tuple(line for line in (care_of, street, value.get("addition", ""), town) if line)


def option_pairs(asked: Asked) -> list[tuple[str, str]]:
    return [(option.value, option.label) for option in asked.question.options]


def person_pairs(asked: Asked, people: Mapping[str, str]) -> list[tuple[str, str]]:
    """Everybody but the person who is asked about, and somebody who lives elsewhere."""
    others = [(person, name) for person, name in people.items() if person != asked.person]
    return [*others, ("outside", OUTSIDE)]


def summary_entries(problems: Iterable[FieldProblem]) -> list[tuple[str, str]]:
    """Of the error summary: the input to lead to, and the message."""
    return [(problem.name, problem.message) for problem in problems]


def item_name(view: View, step: Step) -> str:
    """What to call the entry of a list that a page belongs to."""
    if step.item in view.people:
        return view.people[step.item]
    for other in view.steps:
        if (
            other.kind == "list"
            and step.item in (other.asked[0].value or [])
            and step.id.startswith(other.asked[0].key)
        ):
            names: dict[str, str] = dict(zip(other.asked[0].value, other.names, strict=False))
            return names.get(step.item or "", "")
    return ""
