"""The compile command's input, made back from the product's own tables: tests need no files outside the repository."""

from __future__ import annotations

from pathlib import Path

from shared.directory.compile import Row
from shared.directory.tables import DATA_DIR

CONFIDENCE = {"": "high", "~": "medium", "?": "low"}


def rows(name: str) -> list[list[str]]:
    """A table's rows, read by nothing of the product."""
    return [line.split("\t") for line in (DATA_DIR / f"{name}.tsv").read_text(encoding="utf-8").splitlines()]


def facts() -> dict[str, list[Row]]:
    """Fresh rows for every caller, who may change them."""
    jobcenters = {row[1]: row for row in rows("jobcenters")}
    districts = {row[0]: row for row in rows("districts")}
    names = dict(rows("municipalities"))
    postcodes = [
        {
            "plz": plz,
            "ags8": code[:8],
            "ags5": code[:5],
            "municipality": names[code[:8]],
            "confidence": CONFIDENCE[code[8:]],
        }
        for plz, codes in rows("postcodes")
        for code in codes.split(" ")
    ]
    serving: dict[str, set[str]] = {}
    for row in postcodes:
        if row["confidence"] != "low":
            serving.setdefault(row["plz"], set()).add(jobcenters[row["ags5"]][0] if row["ags5"] in jobcenters else "")
    return {
        "municipal_jobcenters": [
            {
                "id": r[0],
                "ags5": r[1],
                "jobcenter_name": r[2],
                "state": r[3],
                "ba_carrier_number": r[4],
                "kreis_name": districts[r[1]][2],
            }
            for r in jobcenters.values()
        ],
        "districts": [
            {
                "ags5": key,
                "name": name,
                "type": "kreisfreie Stadt" if label == name else "Landkreis",
                "state": state,
                "municipal_jobcenter_id": jobcenters[key][0] if key in jobcenters else "",
            }
            for key, name, label, state in districts.values()
        ],
        "postcodes": postcodes,
        "ambiguous_postcodes": [{"plz": r["plz"], "ags8": r["ags8"]} for r in postcodes if len(serving[r["plz"]]) > 1],
        "postcode_places": [
            {"place": place, "plz": code[:5], "ags5": code[6:]}
            for place, codes in rows("places")
            for code in codes.split(" ")
        ],
        "postcodes_without_area": [{"plz": row[0]} for row in rows("po_boxes")],
    }


def source_dir() -> Path:
    """The compiled facts beside the checkout; they may be missing."""
    return Path(__file__).parents[4] / "shared" / "data"
