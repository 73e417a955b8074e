"""Random applications that follow the definition: every visible, required question answered, others by chance."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from shared.form import DEFINITION
from shared.form.annexes import flags_due
from shared.form.conditions import evaluate, has_fact
from shared.form.iban import with_check_digits
from shared.form.model import Answer, Condition, Fact, Question, Repeat, Section

LAST = {"until", "institution_until", "absence_until"}
EXAMPLES = {
    "pension_insurance_number": "65170839J003",
    "tax_id": "02476291358",
    "phone": "+49 (0)30 123/45-6",
    "email": "a.b@example.org",
    "insured_number": "A123456789",
    "iban_last4": "0042",
}
ADDRESS = {"street": "Am Hang", "house_number": "1", "postcode": "63303", "city": "Dreieich", "country": "DE"}
ALPHABET = "abcÄÖßşŁ’- 漢字0"


class Generator:
    """One application from one seed. `hidden` lists what was not asked, as (container path, question); `demanded` what
    had to be answered because of a condition that looks at answers alone."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.application: dict[str, Any] = {
            "form": {"service": DEFINITION.service, "version": DEFINITION.version},
        }
        self.facts: dict[str, dict[Fact, bool]] = {}
        self.hidden: list[tuple[tuple[str | int, ...], Question]] = []
        self.demanded: list[tuple[tuple[str | int, ...], Question]] = []
        for section in DEFINITION.sections:
            self._section(section)
        if due := [{"flag": flag, "person_ref": ref} for flag, ref in flags_due(self.application, DEFINITION)]:
            self.application["flags"] = due

    def persons(self) -> list[str]:
        household = self.application.get("household", {}).get("persons", [])
        return ["applicant", *(person["id"] for person in household)]

    def _section(self, section: Section) -> None:
        if section.when is not None and not self._holds(section.when, "applicant", section.id, {}, {}):
            return
        if section.repeat is Repeat.ONCE:
            content: dict[str, Any] = {}
            self.application[section.id] = content
            self._answers(section, "applicant", content, (section.id,))
            return
        entries: list[dict[str, Any]] = []
        self.application[section.id] = entries
        others = [person for person in self.persons()[1:] if self.random.random() < 0.7]
        for index, person in enumerate(["applicant", *others]):
            entry: dict[str, Any] = {"person_ref": person}
            entries.append(entry)
            self._answers(section, person, entry, (section.id, index))

    def _answers(self, section: Section, person: str, content: dict[str, Any], place: tuple[str | int, ...]) -> None:
        for question in section.questions:
            if question.type is Answer.EVIDENCE:
                continue
            if not self._asked(question, person, section.id, content, {}, place):
                continue
            if question.type is Answer.GROUP:
                items: list[dict[str, Any]] = []
                content[question.id] = items
                for index in range(self.random.randint(1, 3)):
                    item: dict[str, Any] = {}
                    items.append(item)
                    for field in question.fields:
                        where = (*place, question.id, index)
                        if self._asked(field, person, section.id, content, {question.id: item}, where):
                            item[field.id] = self._answer(field, index)
            else:
                content[question.id] = self._answer(question, 0)

    def _asked(
        self,
        question: Question,
        person: str,
        section: str,
        content: dict[str, Any],
        item: dict[str, dict[str, Any]],
        place: tuple[str | int, ...],
    ) -> bool:
        if question.when is not None and not self._holds(question.when, person, section, content, item):
            if not has_fact(question.when):
                self.hidden.append((place, question))
            return False
        required = question.required
        if not isinstance(required, bool):
            required = self._holds(required, person, section, content, item)
        conditions = [each for each in (question.when, question.required) if each and not isinstance(each, bool)]
        if required and conditions and not any(map(has_fact, conditions)):
            self.demanded.append((place, question))
        return required or self.random.random() < 0.4

    def _holds(
        self,
        condition: Condition,
        person: str,
        section: str,
        content: dict[str, Any],
        item: dict[str, dict[str, Any]],
    ) -> bool:
        def lookup(path: str) -> Any:
            first, *names = path.split(".")
            if len(names) == 2:
                return item[names[0]].get(names[1])
            return (content if first == section else self.application.get(first, {})).get(names[0])

        facts = self.facts.setdefault(person, {fact: self.random.random() < 0.5 for fact in Fact})
        return evaluate(condition, lookup, facts.__getitem__)

    def _answer(self, question: Question, index: int) -> Any:
        pick = self.random
        match question.type:
            case Answer.TEXT:
                return EXAMPLES.get(question.id) or self._text(question.max_length or 120)
            case Answer.LONG:
                return self._text((question.max_length or 2000) - 1) + "\r\n\tß"[: pick.randint(0, 1)]
            case Answer.DATE:
                return (
                    "2026-12-24" if question.id in LAST else f"{pick.randint(1900, 2025)}-02-{pick.randint(1, 28):02d}"
                )
            case Answer.YES_NO:
                return question.must_be if question.must_be is not None else pick.random() < 0.5
            case Answer.YES_NO_UNKNOWN:
                return pick.choice(["yes", "no", "unknown"])
            case Answer.ONE:
                return pick.choice(question.options).value
            case Answer.MANY:
                return self._many([option.value for option in question.options])
            case Answer.MONEY:
                return pick.randint(question.minimum or 0, question.maximum or 10**10)
            case Answer.INTEGER:
                return pick.randint(question.minimum or 0, question.maximum or 10**6)
            case Answer.IBAN:
                return with_check_digits("DE", f"{pick.randrange(10**18):018d}")
            case Answer.POSTCODE:
                return f"{pick.randrange(10**5):05d}"
            case Answer.MUNICIPALITY:
                return f"{pick.randrange(10**8):08d}"
            case Answer.COUNTRY:
                return pick.choice(["DE", "RO", "UA", "XX"])
            case Answer.COUNTRIES:
                return pick.sample(["DE", "RO", "UA", "XX", "CH"], pick.randint(1, 3))
            case Answer.ADDRESS:
                return dict(ADDRESS)
            case Answer.PERSON_ID:
                return f"person-{index + 1}"
            case Answer.PERSON:
                return pick.choice([*self.persons(), "outside"])
            case _:
                raise AssertionError(question.type)

    def _text(self, limit: int) -> str:
        length = self.random.choice([1, 5, limit])
        return "x" + "".join(self.random.choice(ALPHABET) for _ in range(length - 1))

    def _many(self, values: list[str]) -> list[str]:
        chosen = self.random.sample(values, self.random.randint(1, min(4, len(values))))
        return ["none"] if "none" in chosen else chosen


def leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all values of a JSON tree, containers included, the root not."""
    children: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from leaves(child, (*path, key))


def container(root: Any, path: tuple[str | int, ...]) -> Any:
    """What stands under the path."""
    for part in path:
        root = root[part]
    return root
