"""What people type finds where they live."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.directory.search import MAX_QUERY_LENGTH, normalise, search_municipalities
from shared.directory.tables import Candidate, Tables

TABLES = Tables.load()


def names(q: str, limit: int = 20) -> list[str]:
    return [found.candidate.municipality for found in search_municipalities(TABLES, q, limit)]


@pytest.mark.parametrize("q", ["Osnabrück", "osnabrueck", "OSNABRUCK", "  Osnabrück ", "osna"])
def test_spellings_of_one_town(q: str) -> None:
    assert names(q)[0] == "Osnabrück"


@pytest.mark.parametrize(
    ("q", "municipality", "district"),
    [
        ("Hallenberg", "Hallenberg", "Hochsauerlandkreis"),
        ("dreieich", "Dreieich", "Kreis Offenbach"),
        ("Georgsmarienhuette", "Georgsmarienhütte", "Landkreis Osnabrück"),
        ("dresden friedrichstadt", "Dresden", "Dresden"),
        ("Friedrichstadt", "Dresden", "Dresden"),
        ("Mücheln Geiseltal", "Mücheln (Geiseltal)", "Saalekreis"),
    ],
)
def test_towns_and_their_villages(q: str, municipality: str, district: str) -> None:
    hits = [
        (found.candidate.municipality, found.candidate.district.label) for found in search_municipalities(TABLES, q)
    ]
    assert (municipality, district) in hits


def test_a_village_says_by_what_it_was_found() -> None:
    place = next(
        each for each in TABLES.places if each.name not in {c.municipality for c in TABLES.municipalities.values()}
    )
    hits = [found for found in search_municipalities(TABLES, place.name, 100) if found.place == place.name]
    districts = {district for _, district in place.codes}
    assert hits
    assert {found.candidate.district.key for found in hits} <= districts


def test_a_quarter_named_after_its_town_is_offered_there_alone() -> None:
    assert names("Neuzelle Treppeln") == ["Neuzelle"]


def test_a_postcode_lists_its_municipalities() -> None:
    assert names("59969") == ["Hallenberg", "Allendorf (Eder)"]
    assert names("59969", 1) == ["Hallenberg"]


@pytest.mark.parametrize("q", ["", " ", "x", "-", "ß" * (MAX_QUERY_LENGTH + 1), "Atlantis-am-Meer", "00000"])
def test_nothing_to_find(q: str) -> None:
    assert names(q) == []


def test_no_limit_below_one() -> None:
    assert names("Berlin", 0) == []


@given(st.sampled_from(list(TABLES.municipalities.values())), st.booleans())
def test_every_municipality_is_found_by_its_name(candidate: Candidate, shout: bool) -> None:
    name = candidate.municipality.upper() if shout else candidate.municipality
    hits = search_municipalities(TABLES, name, 200)
    if normalise(name) and len(name) > 1:
        assert candidate in {found.candidate for found in hits}


@given(st.text(max_size=30), st.integers(1, 30))
def test_any_text_gives_distinct_municipalities_within_the_limit(q: str, limit: int) -> None:
    hits = search_municipalities(TABLES, q, limit)
    assert len(hits) <= limit
    assert len({found.candidate.municipality_key for found in hits}) == len(hits)
