"""Citizens at random: they open pages in any order, type well or badly, add and remove people, change their minds."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from shared.form.flow import (
    Built,
    Draft,
    View,
    add_item,
    build_application,
    look,
    parse,
    prune,
    raw_values,
    remove_item,
    save,
)
from shared.form.iban import with_check_digits
from shared.form.model import Answer, Question
from shared.form.parse import FieldProblem
from tests.shared.form.generate import EXAMPLES

TODAY = date(2026, 11, 22)
LAST = ("until", "institution_until", "absence_until")
JUNK = ["", "   ", "x" * 3000, "31.2.2026", "-", "1,2,3", "yes", "none", "DE00", "\x00", "𝔘", "0", "-5", "06103"]
AGES = [0, 3, 11, 14, 15, 17, 20, 24, 25, 33, 59, 60, 66]


def right(question: Question, rng: random.Random, people: list[str]) -> Any:
    """An answer that must be taken."""
    simple: dict[Answer, Any] = {
        Answer.LONG: "Ein Satz.\nUnd noch einer – mit Ümlauten.",
        Answer.YES_NO: question.must_be if question.must_be is not None else rng.random() < 0.5,
        Answer.YES_NO_UNKNOWN: rng.choice(["yes", "no", "unknown"]),
        Answer.IBAN: with_check_digits("DE", f"{rng.randrange(10**18):018d}"),
        Answer.POSTCODE: f"{rng.randrange(10**5):05d}",
        Answer.MUNICIPALITY: f"{rng.randrange(10**8):08d}",
        Answer.COUNTRY: rng.choice(["DE", "RO", "UA", "XX"]),
        Answer.COUNTRIES: rng.sample(["DE", "RO", "UA", "XX"], rng.randint(1, 2)),
        Answer.ADDRESS: {"street": "Am Hang", "house_number": "1", "postcode": "63303", "city": "Dreieich"},
        Answer.PERSON: rng.choice([*people, "outside"]),
    }
    if question.type in simple:
        return simple[question.type]
    match question.type:
        case Answer.TEXT:
            return EXAMPLES.get(question.id) or f"Wort {rng.randrange(100)}"[: question.max_length or 120]
        case Answer.DATE:
            return _day(question, rng)
        case Answer.ONE:
            return rng.choice(question.options).value
        case Answer.MANY:
            chosen = [option.value for option in question.options if rng.random() < 0.2]
            return [value for value in chosen if value != "none"] or [rng.choice(question.options).value]
        case Answer.MONEY | Answer.INTEGER:
            return rng.randint(question.minimum or 0, min(question.maximum or 500_000, 500_000))
        case _:
            raise AssertionError(question.type)


def _day(question: Question, rng: random.Random) -> str:
    if question.id in LAST:
        return "2027-06-01"
    if question.id == "birth_date":
        return (TODAY - timedelta(days=rng.choice(AGES) * 365.25 + rng.randrange(300))).isoformat()
    low = -20_000 if question.earliest_days is None else question.earliest_days
    high = 0 if question.latest_days is None else question.latest_days
    return (TODAY + timedelta(days=rng.randint(low, high))).isoformat()


class Citizen:
    """Acts on a draft; `act` is one page or click."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.draft: Draft = {}

    def view(self) -> View:
        return look(self.draft, TODAY)

    def act(self) -> None:
        view = self.view()
        step = self.random.choice(view.steps)
        if step.kind == "list":
            items = step.asked[0].value or []
            if items and self.random.random() < 0.3:
                self.draft = remove_item(self.draft, step.id, self.random.choice(items))
            elif len(items) < 4:
                self.draft, _ = add_item(self.draft, step.id)
            return
        form: dict[str, list[str]] = {}
        for asked in step.asked:
            chance = self.random.random()
            if chance < 0.75:
                form |= raw_values(asked.question, asked.key, right(asked.question, self.random, list(view.people)))
            elif chance < 0.9:
                form[asked.key] = [self.random.choice(JUNK)]
        self.draft = save(self.draft, step, form, TODAY).draft
        if self.random.random() < 0.5:
            self.draft, _ = prune(self.draft, TODAY)

    def answer(self, key: str) -> None:
        """Answers this one question rightly, if it is still asked, or begins the list."""
        view = self.view()
        asked = next((asked for step in view.steps for asked in step.asked if asked.key == key), None)
        if asked is None:
            return  # an answer of a moment ago took the question away
        if asked.question.type is Answer.GROUP:
            self.draft, _ = add_item(self.draft, key)
            return
        form = raw_values(asked.question, key, right(asked.question, self.random, list(view.people)))
        value = parse(asked.question, key, form, TODAY)
        assert not isinstance(value, FieldProblem), value
        assert value is not None
        self.draft = self.draft | {key: value}


def acted(seed: int, acts: int) -> Citizen:
    """A citizen after so many pages and clicks."""
    citizen = Citizen(seed)
    for _ in range(acts):
        citizen.act()
    return citizen


def completed(citizen: Citizen, *, early: bool = False) -> Built:
    """What is sent when whatever is missing has been answered."""
    for _ in range(200):
        result = build_application(citizen.view(), early=early)
        if isinstance(result, Built):
            return result
        for one in result.missing:
            citizen.answer(one.key)
    raise AssertionError("never complete")
