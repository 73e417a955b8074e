"""Can every question ever be asked? Part of the linter. Pure.

For each question: is there a citizen whose answers make its condition, its section's, and those of every question it
looks at, true? Answers are tried as far as conditions tell them apart: the values they name, one that they do not, and
none. Facts about persons are taken as free, except that ages must fit together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from shared.form.conditions import evaluate, every, references
from shared.form.model import AnswerIn, Condition, Definition, Fact, Person, Question, Repeat, Section

AGES = (5, 13, 17, 20, 30, 62, 70)
_AGE_FACTS = {
    Fact.AGE_12_OR_OLDER: range(12, 200),
    Fact.AGE_15_OR_OLDER: range(15, 200),
    Fact.AGE_15_TO_64: range(15, 65),
    Fact.AGE_15_TO_24: range(15, 25),
    Fact.AGE_60_OR_OLDER: range(60, 200),
    Fact.UNDER_25: range(25),
    Fact.UNDER_18: range(18),
    Fact.UNDER_15: range(15),
    Fact.PENSION_AGE: range(67, 200),
}
OTHER = "other than any condition names"
MAX_TRIES = 200_000


def unreachable(definition: Definition) -> Iterator[str]:
    """Paths of questions, names of notices that no answers lead to. Sound definitions only: conditions look back."""
    whens: dict[str, Condition | None] = {}
    for section in definition.sections:
        guard = _guard(section)
        for question in section.questions:
            path = f"{section.id}.{question.id}"
            whens[path] = _both(guard, question.when)
            if not _reachable(path, whens):
                yield path
            yield from _silent(path, question, whens)
            for field in question.fields:
                inner = f"{path}.{field.id}"
                whens[inner] = _both(whens[path], field.when)
                if not _reachable(inner, whens):
                    yield inner
                yield from _silent(inner, field, whens)


def _silent(path: str, question: Question, whens: Mapping[str, Condition | None]) -> Iterator[str]:
    """Notices that no answer ever calls for."""
    for notice in question.notices:
        if notice.when is None:
            continue
        name = f"{path}, notice {notice.id}"
        if not _reachable(name, {**whens, name: _both(whens[path], notice.when)}):
            yield name


def _guard(section: Section) -> Condition | None:
    return _both(section.when, section.persons if section.repeat is Repeat.PERSON else None)


def _both(first: Condition | None, second: Condition | None) -> Condition | None:
    if first is None or second is None:
        return first or second
    return every(first, second)


def _reachable(path: str, whens: Mapping[str, Condition | None]) -> bool:
    """Only answers that are asked count, so every question that is looked at must be reachable too."""
    conditions = [condition for condition in (whens[path],) if condition is not None]
    seen: set[str] = set()
    queue = [name for condition in conditions for name in references(condition)]
    while queue:
        name = queue.pop()
        if name in seen or name not in whens:
            continue
        seen.add(name)
        if (condition := whens[name]) is not None:
            queue.extend(references(condition))
    asked = sorted(seen)
    looked_at = [*conditions, *(condition for name in asked if (condition := whens[name]) is not None)]
    facts = sorted({fact for condition in looked_at for fact in _facts(condition)} - set(_AGE_FACTS))
    values = {name: _values(name, looked_at) for name in asked}
    tries = product(AGES, product((True, False), repeat=len(facts)), product(*values.values()))
    for number, (age, truths, answers) in enumerate(tries):
        if number > MAX_TRIES:
            return True  # too many to try: not proven, so not claimed
        given = dict(zip(asked, answers, strict=True))
        holds = dict(zip(facts, truths, strict=True)) | {fact: age in ages for fact, ages in _AGE_FACTS.items()}
        if _consistent(given, whens, holds) and _holds(whens[path], given, holds):
            return True
    return False


def _consistent(given: dict[str, Any], whens: Mapping[str, Condition | None], facts: Mapping[Fact, bool]) -> bool:
    return all(value is None or _holds(whens[name], given, facts) for name, value in given.items())


def _holds(condition: Condition | None, given: dict[str, Any], facts: Mapping[Fact, bool]) -> bool:
    return condition is None or evaluate(condition, given.get, facts.__getitem__)


def _facts(condition: Condition) -> Iterator[Fact]:
    match condition:
        case Person():
            yield condition.fact
        case _ if condition.op in ("all", "any"):
            for part in condition.of:
                yield from _facts(part)
        case _ if condition.op == "not":
            yield from _facts(condition.of)


def _comparisons(condition: Condition) -> Iterator[AnswerIn]:
    match condition:
        case AnswerIn():
            yield condition
        case _ if condition.op in ("all", "any"):
            for part in condition.of:
                yield from _comparisons(part)
        case _ if condition.op == "not":
            yield from _comparisons(condition.of)


def _values(name: str, conditions: list[Condition]) -> list[Any]:
    """One value of each group that the conditions treat alike."""
    groups = {
        frozenset(part.values) for condition in conditions for part in _comparisons(condition) if part.question == name
    }
    singles = {next(iter(sorted(group, key=str))) for group in groups}
    overlaps = {value for group in groups for value in group if sum(value in other for other in groups) > 1}
    outside = {
        value
        for group in groups
        for value in group
        if any(value not in other for other in groups if other is not group)
    }
    few = sorted(singles | overlaps | set(sorted(outside, key=str)[:8]), key=str)
    return [*few, OTHER, None]
