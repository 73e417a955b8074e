"""The product's routing tables in memory. Read from `data/*.tsv`, which `shared.directory.compile` writes and checks.

Read-only after loading. `Tables.load()` takes some 30 ms the first time and then gives the same object every time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

DATA_DIR = Path(__file__).parent / "data"
REFERRAL_URL = "https://www.jobcenter.digital"


class Referral(NamedTuple):
    """Where somebody is sent for whom a joint Jobcenter (gemeinsame Einrichtung, § 44b SGB II) is responsible."""

    area: str
    """Name of the district or city whose joint Jobcenter it is."""
    url: str
    text: str
    """For the citizen, German."""


class District(NamedTuple):
    """A Landkreis or kreisfreie Stadt. `key` is the five-digit AGS."""

    key: str
    name: str
    label: str
    """The name as a citizen knows it: `Landkreis Verden`, `Kreis Soest`, `Hochsauerlandkreis`, `Hanau`."""
    state: str
    jobcenter_id: str | None
    """The municipal Jobcenter that serves it; `None` = a joint Jobcenter does."""

    @property
    def referral(self) -> Referral | None:
        """For a district with a joint Jobcenter; `None` for one with a municipal one."""
        if self.jobcenter_id is not None:
            return None
        return Referral(
            self.label,
            REFERRAL_URL,
            f"Für Ihren Wohnort ({self.label}) ist ein gemeinsames Jobcenter der Bundesagentur für Arbeit "
            f"und der Kommune zuständig. Bitte stellen Sie den Antrag dort: {REFERRAL_URL}. Wenn Sie ihn heute "
            "dort stellen, gilt er ab dem Ersten dieses Monats: Der laufende Monat ist gesichert.",
        )


class Candidate(NamedTuple):
    """A municipality and who is responsible there."""

    municipality_key: str
    municipality: str
    district: District
    jobcenter_id: str | None
    """The municipal Jobcenter; `None` = a joint one, see `referral`."""

    @property
    def state(self) -> str:
        """The Land."""
        return self.district.state

    @property
    def referral(self) -> Referral | None:
        return self.district.referral


class BaseJobcenter(NamedTuple):
    """One of the 104 municipal Jobcenters (zugelassene kommunale Träger, KomtrZV)."""

    id: str
    district_key: str
    name: str
    state: str
    carrier_number: str


class PostcodeArea(NamedTuple):
    """What the tables know about an area postcode, largest share of its area first."""

    offered: tuple[Candidate, ...]
    """High and medium confidence, never empty."""
    accepted: tuple[Candidate, ...]
    """Low confidence: never offered, accepted when the sender names the municipality."""


class Place(NamedTuple):
    """A typed place name (village, quarter) and the (postcode, district key) pairs where it lies."""

    name: str
    codes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Tables:
    """All routing facts. Keys: Jobcenter id, five-digit district key, eight-digit municipality key, postcode."""

    jobcenters: Mapping[str, BaseJobcenter]
    districts: Mapping[str, District]
    municipalities: Mapping[str, Candidate]
    postcodes: Mapping[str, PostcodeArea]
    folder: Path = DATA_DIR

    @staticmethod
    @cache
    def load(folder: Path = DATA_DIR) -> Tables:
        """Read a folder of compiled tables; the package's own by default."""
        jobcenters = {row[0]: BaseJobcenter(*row) for row in _rows(folder / "jobcenters.tsv")}
        serving = {jobcenter.district_key: jobcenter.id for jobcenter in jobcenters.values()}
        districts = {
            key: District(key, name, label, state, serving.get(key))
            for key, name, label, state in _rows(folder / "districts.tsv")
        }
        municipalities = {}
        for key, name in _rows(folder / "municipalities.tsv"):
            district = districts[key[:5]]
            municipalities[key] = Candidate(key, name, district, district.jobcenter_id)
        postcodes = {
            postcode: _area(codes.split(" "), municipalities) for postcode, codes in _rows(folder / "postcodes.tsv")
        }
        return Tables(jobcenters, districts, municipalities, postcodes, folder)

    @cached_property
    def po_boxes(self) -> frozenset[str]:
        """Postcodes of PO boxes and bulk recipients that are known; many more exist."""
        return frozenset(row[0] for row in _rows(self.folder / "po_boxes.tsv"))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Names of villages and quarters, sorted; read at first use."""
        return tuple(
            Place(name, tuple((code[:5], code[6:]) for code in codes.split(" ")))
            for name, codes in _rows(self.folder / "places.tsv")
        )


def _area(codes: list[str], municipalities: Mapping[str, Candidate]) -> PostcodeArea:
    return PostcodeArea(
        tuple(municipalities[code[:8]] for code in codes if not code.endswith("?")),
        tuple(municipalities[code[:8]] for code in codes if code.endswith("?")),
    )


def _rows(path: Path) -> Iterator[list[str]]:
    return (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
