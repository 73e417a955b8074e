"""The quick schema says yes and no to the same applications as the real one, whatever is done to them."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devtools import households
from devtools.households import Place
from shared import form
from shared.contracts.manifest import Kind
from shared.form.quick import quick
from tests.shared.form.generate import Generator, container, leaves

SCHEMA = form.schema(form.SERVICE, Kind.APPLICATION)


def compiled(schema: dict[str, Any]) -> Any:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


REAL, QUICK = compiled(SCHEMA), compiled(quick(SCHEMA))


def enums(node: Any) -> list[Any]:
    """Every value that some question allows."""
    if isinstance(node, dict):
        return [*node.get("enum", []), *(each for value in node.values() for each in enums(value))]
    return [each for value in node for each in enums(value)] if isinstance(node, list) else []


VALUES = sorted({value for value in enums(SCHEMA) if isinstance(value, str)})
WRONG = (None, True, False, 0, -1, "", "x", [], {}, [[]], [{}], {"x": 1}, "2026-01-01", "applicant", "person-1")


def same(application: Any) -> bool:
    answer = bool(REAL.is_valid(application))
    assert QUICK.is_valid(application) is answer
    return answer


def change(application: Any, rng: random.Random) -> None:
    """One answer gone, moved, or another."""
    paths = list(leaves(application))
    *to, name = rng.choice(paths)
    where = container(application, tuple(to))
    match rng.randrange(5):
        case 0:
            del where[name]
        case 1:
            where[name] = rng.choice(VALUES)
        case 2:
            where[name] = rng.choice(WRONG)
        case 3:
            where[name] = [where[name]] if rng.random() < 0.5 else [rng.choice(VALUES)]
        case _:
            other = container(application, rng.choice(paths))
            if isinstance(other, dict):
                other[str(name)] = deepcopy(where[name])


@given(st.integers(0, 2**32), st.integers(1, 6))
@example(0, 1)
@settings(max_examples=400, deadline=None)
def test_the_answer_is_the_same(seed: int, changes: int) -> None:
    application = Generator(seed).application
    assert same(application) is True
    rng = random.Random(seed)
    for _ in range(changes):
        if application:
            change(application, rng)
        same(application)


@pytest.mark.parametrize("make", [households.single, households.family])
def test_every_answer_of_a_household_left_out_or_turned_into_something_else(make: Any) -> None:
    """Systematically: where one answer decides whether others are asked, both schemas must see it alike."""
    whole = make(Place("63303", "Dreieich"), "Kanarie", 1)
    assert same(whole) is True
    refused = 0
    for path in leaves(whole):
        for value in (..., None, [], {}, "x", True, False, *random.Random(str(path)).sample(VALUES, 12)):
            application = deepcopy(whole)
            where = container(application, path[:-1])
            if value is ...:
                del where[path[-1]]
            else:
                where[path[-1]] = value
            refused += not same(application)
    assert refused > len(VALUES)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_no_application_is_none_for_both(kind: Kind) -> None:
    schema = form.schema(form.SERVICE, kind)
    real, fast = compiled(schema), compiled(quick(schema))
    for value in (*WRONG, {"form": {}}, {"form": {"service": form.SERVICE, "version": "1.0.0"}}):
        assert fast.is_valid(value) is real.is_valid(value) is False


def test_it_has_fewer_rules_and_shorter_conditions() -> None:
    real, fast = json.dumps(SCHEMA), json.dumps(quick(SCHEMA))
    assert fast.count('"if"') < 0.7 * real.count('"if"')
    assert len(fast) < 0.75 * len(real)
