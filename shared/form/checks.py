"""What a JSON Schema cannot say: check digits, real dates and their order, and references between persons. Pure.

Runs on applications that fulfil the schema, so shapes can be relied on. Only what is wrong on every day is an error
here; nothing depends on today's date, so that a stored application stays as valid as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from shared.contracts.manifest import Kind
from shared.form.annexes import flags_due
from shared.form.errors import FieldError, field_error
from shared.form.iban import is_iban
from shared.form.limits import EARLIEST_YEAR
from shared.form.model import Answer, Definition, Question, Repeat, Section
from shared.form.schema import FLAGS

APPLICANT = "applicant"
OUTSIDE = "outside"
Place = tuple[str | int, ...]

_PERIODS = (("since", "until"), ("institution_from", "institution_until"), ("absence_from", "absence_until"))
"""Names of dates that begin and end something, within one object."""


def check(application: dict[str, Any], definition: Definition, kind: Kind) -> Iterator[FieldError]:
    """Everything that the schema let through and is wrong all the same."""
    for section in definition.sections:
        if section.id in application:
            yield from _section(application[section.id], section)
    if kind is Kind.APPLICATION:
        yield from _persons(application, definition)
        yield from _flags(application, definition)
    yield from _evidence(application, definition)


def persons(application: dict[str, Any]) -> list[str]:
    """References of all persons: the applicant first, then the household in the sender's order."""
    household = application.get("household", {}).get("persons", [])
    return [APPLICANT, *(person["id"] for person in household)]


def _section(content: Any, section: Section) -> Iterator[FieldError]:
    if section.repeat is Repeat.ONCE:
        yield from _object(content, section.questions, (section.id,))
        return
    for index, entry in enumerate(content):
        yield from _object(entry, section.questions, (section.id, index))
    refs = [entry["person_ref"] for entry in content]
    for index in _repeated(refs):
        yield field_error((section.id, index, "person_ref"), "person-repeated")


def _object(content: dict[str, Any], questions: Iterable[Question], place: Place) -> Iterator[FieldError]:
    for question in questions:
        answer = content.get(question.id)
        if answer is None:
            continue
        if question.type is Answer.GROUP:
            for index, item in enumerate(answer):
                yield from _object(item, question.fields, (*place, question.id, index))
        elif (code := _wrong(answer, question)) is not None:
            yield field_error((*place, question.id), code)
    for first, last in _PERIODS:
        # ISO dates sort as text; both fulfil the pattern.
        if first in content and last in content and content[last] < content[first]:
            yield field_error((*place, last), "date-order")


def _wrong(answer: Any, question: Question) -> str | None:
    match question.type:
        case Answer.IBAN:
            return None if is_iban(answer) else "iban"
        case Answer.DATE:
            return None if date.fromisoformat(answer).year >= EARLIEST_YEAR else "date"
        case Answer.MANY:
            return "contradiction" if "none" in answer and len(answer) > 1 else None
        case _:
            return None


def _persons(application: dict[str, Any], definition: Definition) -> Iterator[FieldError]:
    known = persons(application)
    for index in _repeated(known):
        yield field_error(("household", "persons", index - 1, "id"), "person-repeated")
    for section in definition.sections:
        if section.repeat is not Repeat.PERSON:
            continue
        asked = [question.id for question in section.questions if question.type is Answer.PERSON]
        for index, entry in enumerate(application.get(section.id, [])):
            for name in ("person_ref", *asked):
                if entry.get(name, APPLICANT) not in (*known, OUTSIDE):
                    yield field_error((section.id, index, name), "person-unknown")
    for index, entry in enumerate(application.get("evidence", [])):
        if entry.get("person_ref", APPLICANT) not in known:
            yield field_error(("evidence", index, "person_ref"), "person-unknown")
    for index, entry in enumerate(application.get(FLAGS, [])):
        if entry["person_ref"] not in known:
            yield field_error((FLAGS, index, "person_ref"), "person-unknown")


def _flags(application: dict[str, Any], definition: Definition) -> Iterator[FieldError]:
    """More may be raised than the answers call for (the sender may know more), but not fewer."""
    raised = {(entry["flag"], entry["person_ref"]) for entry in application.get(FLAGS, [])}
    if not raised.issuperset(flags_due(application, definition)):
        yield field_error((FLAGS,), "flag-missing")


def _evidence(application: dict[str, Any], definition: Definition) -> Iterator[FieldError]:
    entries = application.get("evidence", [])
    for index, entry in enumerate(entries):
        question = _question(definition, entry.get("question_id"))
        if question is not None and entry["evidence_code"] not in question.evidence:
            yield field_error(("evidence", index, "question_id"), "question-without-evidence")
    named = [
        (entry["evidence_code"], entry.get("question_id"), entry.get("person_ref"), entry.get("document"))
        for entry in entries
    ]
    for index in _repeated(named):
        yield field_error(("evidence", index), "evidence-repeated")


def _question(definition: Definition, path: str | None) -> Question | None:
    if path is None:
        return None
    section_id, *names = path.split(".")
    section = definition.section(section_id)
    questions = section.questions if section is not None else ()
    found: Question | None = None
    for name in names:
        found = next((question for question in questions if question.id == name), None)
        questions = found.fields if found is not None else ()
    return found


def _repeated(values: list[Any]) -> Iterator[int]:
    """Positions of values that stood earlier already."""
    seen: set[Any] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield index
        seen.add(value)
