"""The schema once more, for the question whether anything is wrong at all: a third of the time, the same answer. Pure.

Most of a schema is rules (`if` an earlier answer … `then` this one is required, `else` it must not be there), and most
of their cost is conditions. Two things are made of them here:

- Rules with one condition become one rule, also where one of them negates it.
- A condition allows for lists and single values alike, and for what is no object at all. Of a member that is always a
  list, or never one, only its own half is kept.

The second changes what a condition says about an application whose answers have the wrong type; but such a one is wrong
by its structure already, whatever the rules say. So the answer is the same for every JSON, and the tests compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from shared.form.conditions import JsonSchema

_RULE = frozenset({"if", "then", "else"})
_SIMPLE = frozenset({"required", "properties"})
_NAMED = frozenset({"properties", "$defs"})
"""Keywords whose members have names of their own; all others are schemas, lists of them, or values."""
_VALUES = frozenset({"enum", "const", "required"})

Lists = Mapping[str, bool | None]
"""Name of a member → whether it is a list; None when it is one here and none there."""


def quick(schema: JsonSchema) -> JsonSchema:
    """Valid for exactly the same JSON, and of no use for saying what is wrong."""
    lists: dict[str, bool | None] = {}
    for name, kind in _members(schema):
        lists[name] = kind if lists.get(name, kind) is kind else None
    found = _schema(schema, lists)
    assert isinstance(found, dict)
    return found


def _members(node: Any) -> Iterator[tuple[str, bool]]:
    """Members that the structure, rules left aside, allows, and whether each is a list."""
    if not isinstance(node, dict):
        return
    for name, member in node.get("properties", {}).items():
        if isinstance(member, dict):
            yield name, member.get("type") == "array"
            yield from _members(member)
    for definition in node.get("$defs", {}).values():
        yield from _members(definition)
    yield from _members(node.get("items"))


def _schema(node: Any, lists: Lists) -> Any:
    if isinstance(node, list):
        return [_schema(each, lists) for each in node]
    if not isinstance(node, dict):
        return node
    made: JsonSchema = {}
    for keyword, value in node.items():
        if keyword in _VALUES:
            made[keyword] = value
        elif keyword in _NAMED:
            made[keyword] = {name: _schema(each, lists) for name, each in value.items()}
        elif keyword == "if":
            made[keyword] = _condition(value, lists)
        else:
            made[keyword] = _schema(value, lists)
    if "allOf" in made:
        made["allOf"] = _joined(made["allOf"])
    return made


def _condition(node: Any, lists: Lists) -> Any:
    """A condition as `to_schema` writes it, for applications of the right structure."""
    if not isinstance(node, dict):
        return node
    if node.keys() == {"type", "required", "properties"} and node["required"] == list(node["properties"]):
        (name, inner), *more = node["properties"].items()
        if more or node["type"] != "object":
            return node
        inner = _answer(_condition(inner, lists), lists.get(name))
        return {"required": [name]} if inner is True else {"required": [name], "properties": {name: inner}}
    return {
        keyword: [_condition(each, lists) for each in value]
        if keyword in ("allOf", "anyOf")
        else _condition(value, lists)
        if keyword == "not"
        else value
        for keyword, value in node.items()
    }


def _answer(inner: Any, is_list: bool | None) -> Any:
    """The half that fits of `anyOf: [{enum}, {type: array, contains: {enum}}]`."""
    if is_list is None or not isinstance(inner, dict) or inner.keys() != {"anyOf"} or len(inner["anyOf"]) != 2:
        return inner
    one, many = inner["anyOf"]
    if one.keys() != {"enum"} or many != {"type": "array", "contains": one}:
        return inner
    return many if is_list else one


def _joined(rules: list[Any]) -> list[Any]:
    """Rules with the same condition as one."""
    others: list[Any] = []
    joined: dict[str, JsonSchema] = {}
    for rule in rules:
        if not (isinstance(rule, dict) and "if" in rule and rule.keys() <= _RULE):
            others.append(rule)
            continue
        condition, branches = rule["if"], ("then", "else")
        while isinstance(condition, dict) and condition.keys() == {"not"}:
            condition, branches = condition["not"], (branches[1], branches[0])
        together = joined.setdefault(json.dumps(condition, sort_keys=True), {"if": condition})
        for branch, name in zip(("then", "else"), branches, strict=True):
            if branch in rule:
                together[name] = _both(together[name], rule[branch]) if name in together else rule[branch]
    return [*others, *joined.values()]


def _both(one: Any, other: Any) -> Any:
    if (
        isinstance(one, dict)
        and isinstance(other, dict)
        and (one.keys() | other.keys()) <= _SIMPLE
        and not (one.get("properties", {}).keys() & other.get("properties", {}).keys())
    ):
        required = [*one.get("required", []), *other.get("required", [])]
        return {
            "required": list(dict.fromkeys(required)),
            "properties": {**one.get("properties", {}), **other.get("properties", {})},
        }
    return {"allOf": [one, other]}
