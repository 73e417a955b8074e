"""What follows from an application as a whole: paper annexes (form.md, section 15), separate requests, flags. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from shared.form.conditions import evaluate, has_fact
from shared.form.household import APPLICANT, TOLD, Household, household
from shared.form.model import Annex, Condition, Definition, Fact, Flag, Repeat
from shared.form.schema import own_requests

Facts = Callable[[Fact], bool]


def annex_codes(application: dict[str, Any], definition: Definition, today: date) -> tuple[str, ...]:
    """Codes of all annexes whose trigger holds. Ages count on `today`."""
    household = household_in(application, today)
    return tuple(annex.code for annex in definition.annexes if _needed(annex, application, definition, household))


def requests_in(application: dict[str, Any], definition: Definition) -> list[dict[str, str]]:
    """What is applied for separately (§ 37 (1) s. 2 SGB II), in the order of asking: the application's `requests`."""
    found: list[dict[str, str]] = []
    for path, values in own_requests(definition):
        section, name = path.split(".", maxsplit=1)
        content = application.get(section, [])
        for entry in content if isinstance(content, list) else [{"person_ref": APPLICANT} | content]:
            found.extend(
                {"request": value, "question_id": path, "person_ref": entry["person_ref"]}
                for value in entry.get(name, ())
                if value in values
            )
    return found


def household_in(application: dict[str, Any], today: date) -> Household:
    """The household that an application describes."""
    about = application.get("household", {})
    told: dict[str, dict[str, Any]] = {}
    for section, names in TOLD.items():
        for entry in application.get(section, []):
            told.setdefault(entry["person_ref"], {}).update({name: entry.get(name) for name in names})
    persons = [(str(person["id"]), person) for person in about.get("persons", [])]
    return household(
        today,
        application.get("applicant", {}),
        persons,
        told,
        speaks_for=about.get("speaks_for"),
        moved_in=application.get("housing", {}).get("move_in_date"),
    )


def _needed(annex: Annex, application: dict[str, Any], definition: Definition, household: Household) -> bool:
    once = annex.when is None or _holds(annex.when, APPLICANT, application, definition, household.facts(APPLICANT))
    if not once or annex.each is None:
        return once
    return any(
        _holds(annex.each, member.id, application, definition, household.facts(member.id))
        for member in household.members
    )


def flags_in(application: dict[str, Any], definition: Definition, today: date) -> list[dict[str, str]]:
    """What the Jobcenter must see first, in the definition's order: the application's `flags`."""
    facts = household_in(application, today).facts
    return [
        {"flag": flag.id, "person_ref": person}
        for flag in definition.flags
        for person in _raised_for(flag, application, definition, facts)
    ]


def flags_due(application: dict[str, Any], definition: Definition) -> Iterator[tuple[str, str]]:
    """Flags (with the person) that the answers alone call for, on whatever day: these must not be missing."""
    for flag in definition.flags:
        if not any(map(has_fact, _conditions(flag))):
            for person in _raised_for(flag, application, definition, lambda _: lambda _: False):
                yield flag.id, person


def _conditions(flag: Flag) -> list[Condition]:
    return [condition for condition in (flag.when, flag.each) if condition is not None]


def _raised_for(
    flag: Flag, application: dict[str, Any], definition: Definition, facts: Callable[[str], Facts]
) -> Iterator[str]:
    listed = () if flag.each is None else application.get("household", {}).get("persons", ())
    for person in (APPLICANT, *(str(entry["id"]) for entry in listed)):
        if all(_holds(part, person, application, definition, facts(person)) for part in _conditions(flag)):
            yield person


def _holds(
    condition: Condition, person: str, application: dict[str, Any], definition: Definition, facts: Facts
) -> bool:
    def lookup(path: str) -> Any:
        section_id, name = path.split(".", maxsplit=1)
        content = application.get(section_id)
        section = definition.section(section_id)
        if section is not None and section.repeat is Repeat.PERSON:
            content = next((entry for entry in content or [] if entry.get("person_ref") == person), None)
        return content.get(name) if isinstance(content, dict) else None

    return evaluate(condition, lookup, facts)
