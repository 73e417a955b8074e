"""What a JSON Schema cannot say: check digits, real dates and their order, and references between persons. Pure.

Runs on applications that fulfil the schema, so shapes can be relied on. Only what is wrong on every day is an error
here; nothing depends on today's date, so that a stored application stays as valid as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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

_CHECKED = frozenset({Answer.IBAN, Answer.DATE, Answer.MANY})
_PERIODS = (("since", "until"), ("institution_from", "institution_until"), ("absence_from", "absence_until"))
"""Names of dates that begin and end something, within one object."""


@dataclass(frozen=True)
class _Item:
    """A question that can be answered wrongly, or holds such questions; all others are none of our business."""

    type: Answer
    fields: Mapping[str, _Item]


@dataclass(frozen=True)
class _Plan:
    """What is looked at in a section."""

    id: str
    repeat: Repeat
    items: Mapping[str, _Item]
    references: tuple[str, ...]
    """Names of members that refer to persons; only in sections that are repeated for persons."""


class Checks:
    """The checks of one definition, made once: of its hundreds of questions few can be wrong in a way seen here."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._plans = tuple(_plan(section) for section in definition.sections)

    def check(self, application: dict[str, Any], kind: Kind) -> Iterator[FieldError]:
        """Everything that the schema let through and is wrong all the same."""
        for plan in self._plans:
            if plan.id in application:
                yield from _section(application[plan.id], plan)
        if kind is Kind.APPLICATION:
            yield from _persons(application, self._plans)
            yield from _flags(application, self._definition)
        yield from _evidence(application, self._definition)


def _plan(section: Section) -> _Plan:
    asked = tuple(question.id for question in section.questions if question.type is Answer.PERSON)
    references = ("person_ref", *asked) if section.repeat is Repeat.PERSON else ()
    return _Plan(section.id, section.repeat, _items(section.questions), references)


def _items(questions: Iterable[Question]) -> dict[str, _Item]:
    found = {question.id: _Item(question.type, _items(question.fields)) for question in questions}
    return {name: item for name, item in found.items() if item.type in _CHECKED or item.type is Answer.GROUP}


def persons(application: dict[str, Any]) -> list[str]:
    """References of all persons: the applicant first, then the household in the sender's order."""
    household = application.get("household", {}).get("persons", [])
    return [APPLICANT, *(person["id"] for person in household)]


def _section(content: Any, plan: _Plan) -> Iterator[FieldError]:
    if plan.repeat is Repeat.ONCE:
        yield from _object(content, plan.items, (plan.id,))
        return
    for index, entry in enumerate(content):
        yield from _object(entry, plan.items, (plan.id, index))
    refs = [entry["person_ref"] for entry in content]
    for index in _repeated(refs):
        yield field_error((plan.id, index, "person_ref"), "person-repeated")


def _object(content: dict[str, Any], items: Mapping[str, _Item], place: Place) -> Iterator[FieldError]:
    for name, answer in content.items():
        item = items.get(name)
        if item is None or answer is None:
            continue
        if item.type is Answer.GROUP:
            for index, entry in enumerate(answer):
                yield from _object(entry, item.fields, (*place, name, index))
        elif (code := _wrong(answer, item.type)) is not None:
            yield field_error((*place, name), code)
    for first, last in _PERIODS:
        # ISO dates sort as text; both fulfil the pattern.
        if first in content and last in content and content[last] < content[first]:
            yield field_error((*place, last), "date-order")


def _wrong(answer: Any, kind: Answer) -> str | None:
    match kind:
        case Answer.IBAN:
            return None if is_iban(answer) else "iban"
        case Answer.DATE:
            return None if date.fromisoformat(answer).year >= EARLIEST_YEAR else "date"
        case Answer.MANY:
            return "contradiction" if "none" in answer and len(answer) > 1 else None
        case _:
            return None


def _persons(application: dict[str, Any], plans: Iterable[_Plan]) -> Iterator[FieldError]:
    known = persons(application)
    for index in _repeated(known):
        yield field_error(("household", "persons", index - 1, "id"), "person-repeated")
    allowed = {*known, OUTSIDE}
    for plan in plans:
        if not plan.references:
            continue
        for index, entry in enumerate(application.get(plan.id, ())):
            for name in plan.references:
                if entry.get(name, APPLICANT) not in allowed:
                    yield field_error((plan.id, index, name), "person-unknown")
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
