"""An application in words: what the check-your-answers page and the PDF show. Pure.

Made from the application itself, not from a draft, so that it shows what is sent, whoever made it: every answer that
the definition knows stands in it exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.form.annexes import household_in
from shared.form.household import APPLICANT, Household
from shared.form.model import Answer, Definition, Fact, Question, Repeat, Section
from shared.form.words import Places, answer_text

Pointer = tuple[str | int, ...]
MAIN = "HA"


@dataclass(frozen=True)
class Row:
    """One answer. `pointer` leads to it in the application; `text` may have several lines; `annex` is its paper."""

    pointer: Pointer
    label: str
    text: str
    annex: str


@dataclass(frozen=True)
class Part:
    """Rows that belong together: a section, or one entry of a list, of one person."""

    section: str
    person: str
    title: str
    rows: tuple[Row, ...]


def summarise(application: Mapping[str, Any], definition: Definition, today: date, places: Places) -> tuple[Part, ...]:
    """All answers in the order of asking."""
    return tuple(_Summary(application, definition, household_in(dict(application), today), places).parts())


def names_in(application: Mapping[str, Any]) -> dict[str, str]:
    """Names of all persons: id → "Ole Kind"; the applicant first."""
    listed = application.get("household", {}).get("persons", [])
    named = {APPLICANT: application.get("applicant", {})} | {person["id"]: person for person in listed}
    return {
        ref: " ".join(person[part] for part in ("given_names", "family_name") if part in person)
        or ("antragstellende Person" if ref == APPLICANT else f"weitere Person ({ref})")
        for ref, person in named.items()
    }


class _Summary:
    def __init__(
        self, application: Mapping[str, Any], definition: Definition, household: Household, places: Places
    ) -> None:
        self.application = application
        self.definition = definition
        self.household = household
        self.places = places
        self.people = names_in(application)
        self.codes = frozenset(application.get("annex_codes", ()))

    def parts(self) -> Iterator[Part]:
        for section in self.definition.sections:
            content = self.application.get(section.id)
            if content is None:
                continue
            if section.repeat is Repeat.ONCE:
                yield from self._object(
                    section, APPLICANT, section.title, content, section.questions, place=(section.id,)
                )
                continue
            for index, entry in enumerate(content):
                person = str(entry["person_ref"])
                title = self._title(section, person)
                yield from self._object(section, person, title, entry, section.questions, place=(section.id, index))

    def _title(self, section: Section, person: str) -> str:
        if person == APPLICANT:
            return section.title
        name = self.people.get(person, person)
        return (section.title_other or f"{section.title}: {{name}}").replace("{name}", name)

    def _object(
        self,
        section: Section,
        person: str,
        title: str,
        content: Mapping[str, Any],
        questions: tuple[Question, ...],
        *,
        place: Pointer,
    ) -> Iterator[Part]:
        rows = [
            Row(
                (*place, question.id),
                self._label(question, person),
                answer_text(question, content[question.id], self.people, self.places),
                self._annex(section, question, person),
            )
            for question in questions
            if question.id in content and question.type not in (Answer.GROUP, Answer.PERSON_ID)
        ]
        if rows:
            yield Part(section.id, person, title, tuple(rows))
        for group in questions:
            if group.type is not Answer.GROUP or group.id not in content:
                continue
            for index, item in enumerate(content[group.id]):
                subject = str(item["id"]) if group.id == "persons" else person
                named = f"{group.label}: {index + 1}" if subject == person else f"{self.people[subject]}"
                named = named if subject != person or person == APPLICANT else f"{named} ({self.people[person]})"
                inner = (*place, group.id, index)
                yield from self._object(section, subject, named, item, group.fields, place=inner)

    def _label(self, question: Question, person: str) -> str:
        label = question.label if person == APPLICANT else question.label_other or question.label
        given = self.people.get(person, "diese Person")
        return label.replace("{name}", given)

    def _annex(self, section: Section, question: Question, person: str) -> str:
        """The paper on which the answer would stand; the main application where that annex is not needed."""
        code = question.annex or section.annex
        if person != APPLICANT and (code == MAIN or code not in self.codes):
            code = self._persons_annex(person)
        return code if code in self.codes else MAIN

    def _persons_annex(self, person: str) -> str:
        holds = self.household.facts(person)
        if holds(Fact.SPOKEN_FOR):
            return "KI" if holds(Fact.UNDER_15) else "WEP"
        if holds(Fact.HOUSEHOLD_RELATIVE):
            return "HG"
        return "VE" if holds(Fact.RESPONSIBILITY) else MAIN


def evidence_lines(application: Mapping[str, Any], definition: Definition) -> tuple[tuple[str, str, str], ...]:
    """Evidence in words: (kind, person, state). A document is "liegt bei"."""
    kinds = {kind.code: kind.label for kind in definition.evidence}
    people = names_in(application)
    lines = []
    for entry in application.get("evidence", []):
        person = people.get(entry.get("person_ref", APPLICANT), "")
        if "document" in entry:
            state = "liegt bei"
        elif entry["state"] == "not_available":
            state = f"gibt es nicht: {entry['reason']}"
        else:
            by = entry.get("follows_by")
            state = f"folgt bis {by[8:10]}.{by[5:7]}.{by[:4]}" if by else "folgt"
        lines.append((kinds.get(entry["evidence_code"], entry["evidence_code"]), person, state))
    return tuple(lines)
