"""Compiles the product's routing tables from the facts in `../shared/data`: `python -m shared.directory.compile DIR`.

The output is a pure function of the input files: sorted, tab separated, UTF-8, LF.
Nothing is written unless every check holds:

- exactly 104 Jobcenters, each serving exactly one district that names it;
- every municipality lies in exactly one district, has one name, and every postcode's municipality exists;
- exactly 69 postcodes are ambiguous at high and medium confidence, and they are those of `ambiguous_postcodes.csv`;
- every postcode has at least one municipality that may be offered; no PO-box code is also an area postcode.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.errors import Misconfigured

JOBCENTERS = 104
AMBIGUOUS_POSTCODES = 69
CONFIDENCE_MARKS = {"high": "", "medium": "~", "low": "?"}
"""How a municipality's confidence stands behind its key in `postcodes.tsv`."""

KREIS_STATES = frozenset({"Nordrhein-Westfalen", "Schleswig-Holstein"})
"""Here a district is officially called Kreis; elsewhere Landkreis."""

OUTPUT_DIR = Path(__file__).parent / "data"

Row = dict[str, str]
Facts = Mapping[str, list[Row]]
"""File name without `.csv` → its rows."""

SOURCES = (
    "municipal_jobcenters",
    "districts",
    "postcodes",
    "ambiguous_postcodes",
    "postcode_places",
    "postcodes_without_area",
)


def read_facts(source: Path) -> Facts:
    """Read the six CSV files. Raises `OSError` when one is missing."""
    facts: dict[str, list[Row]] = {}
    for name in SOURCES:
        with (source / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            facts[name] = list(csv.DictReader(file))
    return facts


def compile_tables(facts: Facts) -> dict[str, str]:
    """Check the facts and return file name → content. Raises `Misconfigured` with the first check that fails."""
    municipalities = _check_municipalities(facts)
    _check_jobcenters(facts)
    _check_postcodes(facts)
    labels = {row["ags5"]: row["kreis_name"] for row in facts["municipal_jobcenters"]}
    return {
        "jobcenters.tsv": _table(
            (row["id"], row["ags5"], row["jobcenter_name"], row["state"], row["ba_carrier_number"])
            for row in facts["municipal_jobcenters"]
        ),
        "districts.tsv": _table(
            (row["ags5"], row["name"], labels.get(row["ags5"]) or _label(row), row["state"])
            for row in facts["districts"]
        ),
        "municipalities.tsv": _table(municipalities.items()),
        "postcodes.tsv": _table(_postcode_lines(facts)),
        "places.tsv": _table(_place_lines(facts)),
        "po_boxes.tsv": _table({(row["plz"],) for row in facts["postcodes_without_area"]}),
    }


def _label(district: Row) -> str:
    """Landkreis or Kreis before the name, unless the name says it already or it is a city."""
    lower = district["name"].lower()
    if district["type"] == "kreisfreie Stadt" or any(word in lower for word in ("kreis", "region", "verband")):
        return district["name"]
    return f"{'Kreis' if district['state'] in KREIS_STATES else 'Landkreis'} {district['name']}"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = sorted("\t".join(row) for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _postcode_lines(facts: Facts) -> list[tuple[str, str]]:
    lines: dict[str, list[str]] = defaultdict(list)
    for row in facts["postcodes"]:  # the facts' order: largest share of the postcode's area first
        lines[row["plz"]].append(row["ags8"] + CONFIDENCE_MARKS[row["confidence"]])
    return [(postcode, " ".join(keys)) for postcode, keys in lines.items()]


def _place_lines(facts: Facts) -> list[tuple[str, str]]:
    lines: dict[str, set[str]] = defaultdict(set)
    for row in facts["postcode_places"]:
        lines[row["place"]].add(f"{row['plz']}:{row['ags5']}")
    return [(place, " ".join(sorted(codes))) for place, codes in lines.items()]


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise Misconfigured(f"routing facts: {what}")


def _check_municipalities(facts: Facts) -> dict[str, str]:
    districts = {row["ags5"] for row in facts["districts"]}
    _require(len(districts) == len(facts["districts"]), "a district stands twice")
    names: dict[str, str] = {}
    for row in facts["postcodes"]:
        key = row["ags8"]
        _require(len(key) == 8 and key.isascii() and key.isdigit(), f"municipality key {key} is not eight digits")
        _require(row["ags5"] == key[:5], f"municipality {key} lies in two districts")
        _require(row["ags5"] in districts, f"municipality {key} lies in no district")
        _require(names.setdefault(key, row["municipality"]) == row["municipality"], f"municipality {key} has two names")
    return names


def _check_jobcenters(facts: Facts) -> None:
    jobcenters = {row["id"]: row["ags5"] for row in facts["municipal_jobcenters"]}
    _require(len(jobcenters) == len(facts["municipal_jobcenters"]) == JOBCENTERS, f"not {JOBCENTERS} Jobcenters")
    served = {row["municipal_jobcenter_id"]: row["ags5"] for row in facts["districts"] if row["municipal_jobcenter_id"]}
    _require(served == jobcenters, "districts and Jobcenters do not name each other one to one")


def _check_postcodes(facts: Facts) -> None:
    serving = {row["ags5"]: row["municipal_jobcenter_id"] for row in facts["districts"]}
    offered: dict[str, set[str]] = defaultdict(set)
    pairs: set[tuple[str, str]] = set()
    for row in facts["postcodes"]:
        postcode, pair = row["plz"], (row["plz"], row["ags8"])
        _require(len(postcode) == 5 and postcode.isascii() and postcode.isdigit(), f"{postcode} is not a postcode")
        _require(pair not in pairs, f"postcode {postcode} names {row['ags8']} twice")
        _require(row["confidence"] in CONFIDENCE_MARKS, f"postcode {postcode} has an unknown confidence")
        pairs.add(pair)
        if row["confidence"] != "low":
            offered[postcode].add(serving[row["ags5"]])
    area_postcodes = {row["plz"] for row in facts["postcodes"]}
    _require(set(offered) == area_postcodes, "a postcode has no municipality that may be offered")
    ambiguous = {postcode for postcode, ids in offered.items() if len(ids) > 1}
    _require(len(ambiguous) == AMBIGUOUS_POSTCODES, f"{len(ambiguous)} ambiguous postcodes, not {AMBIGUOUS_POSTCODES}")
    _require(
        ambiguous == {row["plz"] for row in facts["ambiguous_postcodes"]},
        "the ambiguous postcodes are not those of ambiguous_postcodes.csv",
    )
    _require(
        {(row["plz"], row["ags8"]) for row in facts["ambiguous_postcodes"]}
        == {pair for pair in pairs if pair[0] in ambiguous},
        "the candidates of ambiguous postcodes are not those of ambiguous_postcodes.csv",
    )
    without_area = {row["plz"] for row in facts["postcodes_without_area"]}
    _require(not without_area & area_postcodes, "a PO-box code is an area postcode too")
    places = {(row["plz"], row["ags5"]) for row in facts["postcode_places"]}
    _require({postcode for postcode, _ in places} <= area_postcodes, "a place has a postcode without an area")
    _require({district for _, district in places} <= set(serving), "a place lies in no district")


def main(arguments: list[str]) -> int:
    """Compile `arguments[0]` into `arguments[1]` (default: the package's own data folder)."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m shared.directory.compile SOURCE_DIR [OUTPUT_DIR]\n")
        return 2
    output = Path(arguments[1]) if len(arguments) == 2 else OUTPUT_DIR
    tables = compile_tables(read_facts(Path(arguments[0])))
    output.mkdir(parents=True, exist_ok=True)
    for name, content in tables.items():
        (output / name).write_text(content, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{name}: {content.count(chr(10))} rows, {len(content.encode())} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
