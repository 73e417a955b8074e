"""Keys of draft answers, and entries of lists. Pure; see `shared.form.flow` for the shape."""

from __future__ import annotations

from typing import Any

Draft = dict[str, Any]
"""Flat: key → answer in the application's JSON type. Treated as immutable: functions return new ones."""

PERSONS = "household.persons"
NUMBERS = "_numbers"
"""Reserved key: how many entries each list ever had, so that no id is given twice."""


def add_item(draft: Draft, key: str) -> tuple[Draft, str]:
    """A new, empty entry at the end of the list under `key`; returns the draft and the entry's id."""
    numbers = dict(draft.get(NUMBERS, {}))
    number = numbers.get(key, 0) + 1
    numbers[key] = number
    item = f"person-{number}" if key == PERSONS else f"i{number}"
    return draft | {key: [*draft.get(key, []), item], NUMBERS: numbers}, item


def remove_item(draft: Draft, key: str, item: str) -> Draft:
    """Without the entry and its answers; for a person also without every answer about the person."""
    left = [other for other in draft.get(key, []) if other != item]
    gone = f"{key}.{item}."
    kept = {name: value for name, value in draft.items() if not name.startswith(gone)}
    if key == PERSONS:
        kept = {name: value for name, value in kept.items() if item not in name.split(".")}
    if left:
        return kept | {key: left}
    kept.pop(key, None)
    return kept
