"""The compile command: reproducible, and refusing facts that do not hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.directory.compile import Row, compile_tables, main, read_facts
from shared.directory.tables import DATA_DIR
from shared.errors import Misconfigured
from tests.shared.directory.facts import facts, source_dir

Change = Callable[[dict[str, list[Row]]], object]


def committed() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in DATA_DIR.glob("*.tsv")}


def test_the_committed_tables_are_what_compiling_yields() -> None:
    assert compile_tables(facts()) == committed()


def test_the_order_of_the_input_does_not_matter_except_within_a_postcode() -> None:
    turned = facts()
    for name in turned.keys() - {"postcodes"}:
        turned[name].reverse()
    turned["postcodes"].sort(key=lambda row: row["plz"], reverse=True)  # stable: candidates keep their order
    assert compile_tables(turned) == committed()


def test_the_facts_beside_the_checkout_yield_the_committed_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not source_dir().is_dir():
        pytest.skip("the facts are not beside this checkout")
    assert main([str(source_dir()), str(tmp_path)]) == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == committed()
    assert "jobcenters.tsv: 104 rows" in capsys.readouterr().out


def test_missing_facts_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_facts(tmp_path)
    assert main([]) == 2


def drop_jobcenter(f: dict[str, list[Row]]) -> None:
    f["municipal_jobcenters"].pop()


def second_jobcenter(f: dict[str, list[Row]]) -> None:
    f["municipal_jobcenters"].append(f["municipal_jobcenters"][0])


def unnamed_by_its_district(f: dict[str, list[Row]]) -> None:
    next(row for row in f["districts"] if row["municipal_jobcenter_id"])["municipal_jobcenter_id"] = ""


def municipality_in_another_district(f: dict[str, list[Row]]) -> None:
    f["postcodes"][0]["ags5"] = f["postcodes"][-1]["ags5"]


def municipality_without_district(f: dict[str, list[Row]]) -> None:
    f["districts"] = [row for row in f["districts"] if row["ags5"] != "11000"]


def municipality_with_two_names(f: dict[str, list[Row]]) -> None:
    berlin = next(row for row in f["postcodes"] if row["ags5"] == "11000")
    berlin["municipality"] = "Cölln"


def short_key(f: dict[str, list[Row]]) -> None:
    f["postcodes"][0]["ags8"] = f["postcodes"][0]["ags8"][:7]


def letters_in_a_postcode(f: dict[str, list[Row]]) -> None:
    f["postcodes"][0]["plz"] = "0l067"


def pair_twice(f: dict[str, list[Row]]) -> None:
    f["postcodes"].append(f["postcodes"][0])


def unknown_confidence(f: dict[str, list[Row]]) -> None:
    f["postcodes"][0]["confidence"] = "fair"


def nothing_to_offer(f: dict[str, list[Row]]) -> None:
    for row in f["postcodes"]:
        if row["plz"] == "10115":
            row["confidence"] = "low"


def seventy_ambiguous(f: dict[str, list[Row]]) -> None:
    f["postcodes"].append({**next(row for row in f["postcodes"] if row["ags8"] == "05958020"), "plz": "10115"})


def another_list_of_ambiguous(f: dict[str, list[Row]]) -> None:
    f["ambiguous_postcodes"] = [row for row in f["ambiguous_postcodes"] if row["plz"] != "59969"]


def another_candidate(f: dict[str, list[Row]]) -> None:
    f["ambiguous_postcodes"].pop()


def box_with_area(f: dict[str, list[Row]]) -> None:
    f["postcodes_without_area"].append({"plz": "10115"})


def place_without_area(f: dict[str, list[Row]]) -> None:
    f["postcode_places"][0]["plz"] = "00000"


def place_without_district(f: dict[str, list[Row]]) -> None:
    f["postcode_places"][0]["ags5"] = "99999"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (drop_jobcenter, "104"),
        (second_jobcenter, "104"),
        (unnamed_by_its_district, "one to one"),
        (municipality_in_another_district, "two districts"),
        (municipality_without_district, "no district"),
        (municipality_with_two_names, "two names"),
        (short_key, "eight digits"),
        (letters_in_a_postcode, "not a postcode"),
        (pair_twice, "twice"),
        (unknown_confidence, "confidence"),
        (nothing_to_offer, "may be offered"),
        (seventy_ambiguous, "70 ambiguous"),
        (another_list_of_ambiguous, "ambiguous_postcodes.csv"),
        (another_candidate, "ambiguous_postcodes.csv"),
        (box_with_area, "PO-box"),
        (place_without_area, "without an area"),
        (place_without_district, "no district"),
    ],
)
def test_facts_that_do_not_hold_are_refused(change: Change, complaint: str) -> None:
    changed = facts()
    change(changed)
    with pytest.raises(Misconfigured, match=complaint):
        compile_tables(changed)
