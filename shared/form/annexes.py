"""Which paper annexes an application stands for: `annex_codes`, in the paper's order. Pure (form.md, section 15)."""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.form.conditions import evaluate
from shared.form.household import APPLICANT, TOLD, Household, people
from shared.form.model import Annex, Condition, Definition, Repeat
from shared.form.schema import own_requests


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
    listed = application.get("household", {}).get("persons", [])
    told: dict[str, dict[str, Any]] = {}
    for section, names in TOLD.items():
        for entry in application.get(section, []):
            told.setdefault(entry["person_ref"], {}).update({name: entry.get(name) for name in names})
    persons = [(str(person["id"]), person) for person in listed]
    return Household(people(application.get("applicant", {}), persons, told), today)


def _needed(annex: Annex, application: dict[str, Any], definition: Definition, household: Household) -> bool:
    once = annex.when is None or _holds(annex.when, APPLICANT, application, definition, household)
    if not once or annex.each is None:
        return once
    return any(_holds(annex.each, member.id, application, definition, household) for member in household.members)


def _holds(
    condition: Condition, person: str, application: dict[str, Any], definition: Definition, household: Household
) -> bool:
    def lookup(path: str) -> Any:
        section_id, name = path.split(".", maxsplit=1)
        content = application.get(section_id)
        section = definition.section(section_id)
        if section is not None and section.repeat is Repeat.PERSON:
            content = next((entry for entry in content or [] if entry.get("person_ref") == person), None)
        return content.get(name) if isinstance(content, dict) else None

    return evaluate(condition, lookup, household.facts(person))
