"""Conditions: evaluated on answers, and turned into JSON Schema. Pure.

Facts about a person (age, community) are unknown to a JSON Schema, and so are answers that no path leads to from where
a rule stands. `to_schema` therefore answers one of two questions: *certain* (true whatever the unknown is: then an
answer may be demanded) and *possible* (true for some of it: if not even that, an answer must not be there).
Without unknowns both are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from shared.form.model import AllOf, Answered, AnswerIn, AnyOf, Condition, Fact, Not, Person

JsonSchema = dict[str, Any]
Lookup = Callable[[str], Any]
"""Answer under a path, or None if unanswered."""
Relative = Callable[[str], tuple[str, ...] | None]
"""Members that lead to a path's answer from where a rule stands; None if none do."""


class Facts(Enum):
    """What to take for what a schema cannot know."""

    CERTAIN = False
    POSSIBLE = True


def is_in(question: str, *values: bool | str) -> AnswerIn:
    return AnswerIn(question=question, values=values)


def is_answered(question: str) -> Answered:
    return Answered(question=question)


def yes(question: str) -> AnswerIn:
    return AnswerIn(question=question, values=(True,))


def no(question: str) -> AnswerIn:
    return AnswerIn(question=question, values=(False,))


def every(*conditions: Condition) -> AllOf:
    return AllOf(of=conditions)


def either(*conditions: Condition) -> AnyOf:
    return AnyOf(of=conditions)


def fact(name: Fact) -> Person:
    return Person(fact=name)


def references(condition: Condition) -> Iterator[str]:
    """Every path the condition looks at."""
    match condition:
        case AnswerIn() | Answered():
            yield condition.question
        case AllOf() | AnyOf():
            for part in condition.of:
                yield from references(part)
        case Not():
            yield from references(condition.of)
        case Person():
            return


def has_fact(condition: Condition) -> bool:
    match condition:
        case Person():
            return True
        case AllOf() | AnyOf():
            return any(has_fact(part) for part in condition.of)
        case Not():
            return has_fact(condition.of)
        case _:
            return False


def evaluate(condition: Condition, lookup: Lookup, facts: Callable[[Fact], bool]) -> bool:
    """Is the condition true for these answers and this person?"""
    match condition:
        case AnswerIn():
            return _holds(lookup(condition.question), condition.values)
        case Answered():
            return lookup(condition.question) is not None
        case Person():
            return facts(condition.fact)
        case AllOf():
            return all(evaluate(part, lookup, facts) for part in condition.of)
        case AnyOf():
            return any(evaluate(part, lookup, facts) for part in condition.of)
        case Not():
            return not evaluate(condition.of, lookup, facts)


def _holds(answer: Any, values: tuple[bool | str, ...]) -> bool:
    answers = answer if isinstance(answer, list) else [answer]
    # `1 == True` in Python, but not in JSON: compare with the type.
    return any(type(given) is type(value) and given == value for given in answers for value in values)


@dataclass(frozen=True)
class View:
    """What a rule can see of the answers from where it stands."""

    relative: Relative
    sets: Collection[str]
    """Paths of the questions whose answer is a set of values: a condition on one looks for a member."""


def to_schema(condition: Condition, view: View, facts: Facts) -> JsonSchema | bool:
    """A schema that is valid exactly where the condition holds, in the object that `view` looks from.

    For answers of their question's type; others are refused anyway. Intake evaluates hundreds of these for each
    application: every subschema that it can do without counts.
    """
    match condition:
        case AnswerIn() | Answered():
            path = view.relative(condition.question)
            return facts.value if path is None else _at(path, _answer(condition, view))
        case Person():
            return facts.value
        case AllOf():
            return join("allOf", [to_schema(part, view, facts) for part in condition.of])
        case AnyOf():
            return join("anyOf", [to_schema(part, view, facts) for part in condition.of])
        case Not():
            flipped = Facts.CERTAIN if facts is Facts.POSSIBLE else Facts.POSSIBLE
            denied = to_schema(condition.of, view, flipped)
            return not denied if isinstance(denied, bool) else {"not": denied}


def join(keyword: Literal["allOf", "anyOf"], parts: Iterable[JsonSchema | bool]) -> JsonSchema | bool:
    """The parts under `keyword`, without those that say nothing."""
    neutral = keyword == "allOf"
    left = [part for part in parts if part is not neutral]
    if (not neutral) in left:
        return not neutral
    if not left:
        return neutral
    return left[0] if len(left) == 1 else {keyword: left}


def _answer(condition: AnswerIn | Answered, view: View) -> JsonSchema | bool:
    if isinstance(condition, Answered):
        return True
    values = {"enum": list(condition.values)}
    return {"type": "array", "contains": values} if condition.question in view.sets else values


def _at(path: tuple[str, ...], schema: JsonSchema | bool) -> JsonSchema:
    """`schema` must hold for the member under `path`, which must be there. Rules stand in objects only."""
    head, *rest = path
    inner = {"type": "object", **_at(tuple(rest), schema)} if rest else schema
    return {"required": [head], "properties": {head: inner}}
