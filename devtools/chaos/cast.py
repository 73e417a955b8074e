"""The twelve Jobcenters of a campaign, and what is wrong with each one's system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devtools.chaos.receiver import Manner
from devtools.households import Place
from shared.directory.resolve import Kind, resolve
from shared.directory.tables import Tables


@dataclass(frozen=True)
class Role:
    """One Jobcenter's part.

    | field | meaning |
    |---|---|
    | `manner` | while faults happen; afterwards as `healed_manner` says |
    | `starts_dead` | nothing listens until the healing |
    | `clock_ahead_s` | its clock is wrong, all the time |
    | `members` | configuration of the product's receiver that makes it refuse, properly signed |
    """

    jobcenter: str
    manner: Manner = Manner.GOOD
    healed_manner: Manner = Manner.GOOD
    starts_dead: bool = False
    clock_ahead_s: float = 0.0
    members: Mapping[str, Any] = field(default_factory=dict)


CAST: tuple[Role, ...] = (
    Role("kreis-offenbach"),
    Role("landkreis-osnabrueck"),
    Role("landkreis-verden"),
    Role("landkreis-schaumburg", clock_ahead_s=180),
    Role("landkreis-bautzen", starts_dead=True),
    Role("hochsauerlandkreis", manner=Manner.SLOW),
    Role("burgenlandkreis", manner=Manner.FLAPPING),
    Role("kreis-nordfriesland", members={"schema_uris": ["https://example.org/another-form.json"]}),
    Role("landkreis-biberach", members={"municipality_keys": ["01001000"]}),
    Role("landkreis-eichsfeld", manner=Manner.POISON, healed_manner=Manner.POISON),
    Role("kreis-borken", manner=Manner.LATE, healed_manner=Manner.LATE),
    Role("landkreis-fulda", manner=Manner.DYING),
)
"""Four work (one of them with its clock three minutes ahead); dead, slow, flapping; one rejects all as an unsupported
form, one says that it is not responsible for any; 500 for one application; answers later; dies while handing over."""


def places(jobcenters: tuple[str, ...]) -> dict[str, Place]:
    """For each Jobcenter a postcode that belongs to it alone, with a municipality that has it. ValueError if one of
    them has none, because it is no municipal Jobcenter.
    """
    tables = Tables.load()
    found: dict[str, Place] = {}
    for postcode in sorted(tables.postcodes):
        resolution = resolve(tables, postcode)
        if resolution.kind is Kind.MUNICIPAL and resolution.jobcenter_id in jobcenters:
            first = resolution.candidates[0]
            found.setdefault(resolution.jobcenter_id, Place(postcode, first.municipality, first.municipality_key))
    if missing := set(jobcenters) - found.keys():
        raise ValueError(f"no postcode for {sorted(missing)}")
    return found
