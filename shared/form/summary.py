"""An application in words: what the check-your-answers page and the PDF show. Pure.

Made from the application itself, not from a draft, so that it shows what is sent, whoever made it: every answer that
the definition knows stands in it exactly once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.form.annexes import annex_codes, household_in
from shared.form.household import APPLICANT
from shared.form.model import Answer, Definition, Fact, Protection, Question, Repeat, Section
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


class Names(dict[str, str]):
    """Person → "Ole Kind". Whoever is not named here is called by the reference: a supplement need not name anybody."""

    def __missing__(self, ref: str) -> str:
        return "antragstellende Person" if ref == APPLICANT else f"weitere Person ({ref})"


def summarise(
    application: Mapping[str, Any],
    definition: Definition,
    today: date,
    places: Places,
    known: Mapping[str, str] | None = None,
) -> tuple[Part, ...]:
    """All answers in the order of asking. `known`: names of persons that the application does not name itself."""
    return tuple(_Summary(application, definition, today, places, names_in(application, known)).parts())


def names_in(application: Mapping[str, Any], known: Mapping[str, str] | None = None) -> Names:
    """Names of all persons, the applicant first."""
    listed = application.get("household", {}).get("persons", [])
    told = {APPLICANT: application.get("applicant", {})} | {person["id"]: person for person in listed}
    names = {
        ref: " ".join(person[part] for part in ("given_names", "family_name") if part in person)
        for ref, person in told.items()
    }
    return Names({**(known or {}), **{ref: name for ref, name in names.items() if name}})


def codes_of(application: Mapping[str, Any], definition: Definition, today: date) -> tuple[str, ...]:
    """Annex codes as sent, or as they follow from the answers where the sender left them out."""
    sent = application.get("annex_codes")
    return annex_codes(dict(application), definition, today) if sent is None else tuple(sent)


class _Summary:
    def __init__(
        self, application: Mapping[str, Any], definition: Definition, today: date, places: Places, people: Names
    ) -> None:
        self.application = application
        self.definition = definition
        self.household = household_in(dict(application), today)
        self.places = places
        self.people = people
        self.codes = frozenset(codes_of(application, definition, today))

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
        name = self.people[person]
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
                named = f"{group.label}: {index + 1}" if subject == person else self.people[subject]
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


_PROTECTED = {Protection.HEALTH.value: "Gesundheit, geschützt", Protection.PROTECTED_ADDRESS.value: "Anschrift geheim"}


def evidence_lines(
    application: Mapping[str, Any], definition: Definition, known: Mapping[str, str] | None = None
) -> tuple[tuple[str, str, str], ...]:
    """Evidence in words: (kind, person, state). Documents that belong together are counted on one line."""
    kinds = {kind.code: kind.label for kind in definition.evidence}
    people = names_in(application, known)
    lines: Counter[tuple[str, str, str]] = Counter()
    for entry in application.get("evidence", []):
        ref = entry.get("person_ref", APPLICANT)
        person = people[ref] if ref in people or ref != APPLICANT else ""
        state = _state(entry)
        if (word := _PROTECTED.get(entry.get("class", ""))) is not None:
            state = f"{state} ({word})"
        lines[kinds.get(entry["evidence_code"], entry["evidence_code"]), person, state] += 1
    return tuple(
        (kind, person, f"{state}: {n} Dateien" if n > 1 else state) for (kind, person, state), n in lines.items()
    )


def _state(entry: Mapping[str, Any]) -> str:
    if "document" in entry:
        return "liegt bei"
    if entry["state"] == "not_available":
        return f"gibt es nicht: {entry['reason']}"
    by = entry.get("follows_by")
    return f"folgt bis {by[8:10]}.{by[5:7]}.{by[:4]}" if by else "folgt"
