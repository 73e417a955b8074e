"""Who is responsible: one pure function for intake, router and everybody else.

The municipality settles everything, because every municipality lies in exactly one district and a district has
exactly one Jobcenter (§ 36 (1) SGB II: the place of habitual residence decides; a postcode is no legal criterion).
The postcode alone decides where all its municipalities have the same Jobcenter. Nothing is ever guessed.

| postcode | municipality | result |
|---|---|---|
| area | none | `municipal` or `joint` when all offered municipalities agree, else `ambiguous` |
| area | one of its own, low confidence included | that municipality's: `municipal` or `joint` |
| area | any other | `unknown`, why `municipality-elsewhere` or `municipality-unknown`, with the postcode's candidates |
| PO box or unknown | known | that municipality's: `municipal` or `joint` |
| PO box or unknown | none | `unknown`, why `postcode-without-area` or `postcode-unknown` |
| PO box or unknown | unknown | `unknown`, why `municipality-unknown` |

Assumes nothing about its arguments' form: anything that the tables do not know is `unknown`. Never raises.
Takes a few microseconds (`bench/resolve.py`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from shared.contracts.directory import Destination, JobcenterEntry
from shared.directory.tables import Candidate, Tables

__all__ = ["Candidate", "Kind", "Resolution", "Tables", "Why", "destination_for", "resolve"]


class Kind(StrEnum):
    MUNICIPAL = "municipal"
    """Exactly one municipal Jobcenter is responsible."""
    JOINT = "joint"
    """A joint Jobcenter is responsible (which one, nobody here decides): refer, never guess."""
    AMBIGUOUS = "ambiguous"
    """The municipality has to be asked for; the candidates differ in who is responsible."""
    UNKNOWN = "unknown"
    """Nothing can be said without another answer; `why` says which one is wrong."""


class Why(StrEnum):
    """Why nothing can be said."""

    POSTCODE_UNKNOWN = "postcode-unknown"
    """Not in any table; PO-box and bulk codes often are not. Ask for the municipality."""
    POSTCODE_WITHOUT_AREA = "postcode-without-area"
    """A known PO-box or bulk-recipient code: nobody lives there. Ask for the municipality."""
    MUNICIPALITY_UNKNOWN = "municipality-unknown"
    """No inhabited municipality of today has this key."""
    MUNICIPALITY_ELSEWHERE = "municipality-elsewhere"
    """The municipality exists, but no part of it has this postcode."""


class Resolution(NamedTuple):
    """`candidates`: the municipality that settled it, else those to offer for the postcode (maybe none)."""

    kind: Kind
    candidates: tuple[Candidate, ...]
    jobcenter_id: str | None = None
    """Set when, and only when, `kind` is municipal."""
    why: Why | None = None
    """Set when, and only when, `kind` is unknown."""


def resolve(tables: Tables, postcode: str, municipality_key: str | None = None) -> Resolution:
    """Resolve a postcode, and a municipality key (AGS, eight digits) where known. See the module's table."""
    area = tables.postcodes.get(postcode)
    if municipality_key is None:
        if area is not None:
            return _agree(area.offered)
        boxed = postcode in tables.po_boxes
        return Resolution(Kind.UNKNOWN, (), None, Why.POSTCODE_WITHOUT_AREA if boxed else Why.POSTCODE_UNKNOWN)
    named = tables.municipalities.get(municipality_key)
    if named is not None and (area is None or named in area.offered or named in area.accepted):
        return _agree((named,))
    why = Why.MUNICIPALITY_UNKNOWN if named is None else Why.MUNICIPALITY_ELSEWHERE
    return Resolution(Kind.UNKNOWN, area.offered if area is not None else (), None, why)


def _agree(candidates: tuple[Candidate, ...]) -> Resolution:
    responsible = candidates[0].jobcenter_id
    for candidate in candidates:
        if candidate.jobcenter_id != responsible:
            return Resolution(Kind.AMBIGUOUS, candidates)
    return Resolution(Kind.JOINT if responsible is None else Kind.MUNICIPAL, candidates, responsible)


def destination_for(entry: JobcenterEntry, municipality_key: str | None) -> Destination | None:
    """The destination of a Jobcenter for a municipality (§ 6 (2) SGB II).

    One that names the municipality wins over the default, the one that names none. `None` when neither exists.
    """
    default = None
    for destination in entry.destinations:
        if municipality_key is not None and municipality_key in destination.municipality_keys:
            return destination
        if not destination.municipality_keys and default is None:
            default = destination
    return default
