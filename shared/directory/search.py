"""Finds municipalities by what people type: a municipality's, village's or quarter's name, or a postcode. Pure.

Spelling is forgiven where German keyboards and habits differ: case, umlauts (`Osnabrueck`, `Osnabruck`), ß,
hyphens, dots.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from shared.directory.tables import Candidate, Place, Tables

MIN_QUERY_LENGTH = 2
MAX_QUERY_LENGTH = 100
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_SEPARATORS = re.compile(r"[^0-9a-z]+")


class Found(NamedTuple):
    """A municipality, and the village or quarter by which it was found, if it was not its own name."""

    candidate: Candidate
    place: str | None = None


def normalise(text: str) -> frozenset[str]:
    """The one or two spellings under which a name is found: umlauts written out, and umlauts dropped."""
    lower = unicodedata.normalize("NFC", text).lower()
    written_out = lower.translate(_UMLAUTS)
    dropped = unicodedata.normalize("NFKD", lower.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return frozenset(_SEPARATORS.sub(" ", spelling).strip() for spelling in (written_out, dropped)) - {""}


def search_municipalities(tables: Tables, q: str, limit: int = 20) -> tuple[Found, ...]:
    """At most `limit` hits: names that equal the query, then those that begin with it, then those with such a word.

    Within each group a municipality's own name comes before a village's. A postcode lists its municipalities.
    Each municipality appears once. An empty, one-letter or overlong query finds nothing.
    The first call builds an index (about 0.2 s), later ones take a few milliseconds.
    """
    query = q.strip()
    if len(query) < MIN_QUERY_LENGTH or len(query) > MAX_QUERY_LENGTH or limit < 1:
        return ()
    if area := tables.postcodes.get(query):
        return tuple(Found(candidate) for candidate in area.offered[:limit])
    ranked = sorted(_hits(_index(tables), normalise(query)), key=lambda hit: hit[0])
    found: dict[str, Found] = {}
    for _, hit in ranked:
        if len(found) == limit:
            break
        found.setdefault(hit.candidate.municipality_key, hit)
    return tuple(found.values())


class _Entry(NamedTuple):
    """One name from one of its words on: `suffix` is what a query may begin with."""

    suffix: str
    whole: bool
    """The suffix is the whole name."""
    found: Found


_Rank = tuple[int, bool, str, str]


def _hits(index: tuple[_Entry, ...], queries: frozenset[str]) -> Iterator[tuple[_Rank, Found]]:
    for query in queries:
        at = bisect_left(index, query, key=lambda entry: entry.suffix)
        while at < len(index) and index[at].suffix.startswith(query):
            entry = index[at]
            closeness = 2 if not entry.whole else int(entry.suffix != query)
            candidate = entry.found.candidate
            yield (closeness, entry.found.place is not None, entry.suffix, candidate.municipality_key), entry.found
            at += 1


@cache
def _index(tables: Tables) -> tuple[_Entry, ...]:
    return tuple(sorted(_entries(tables), key=lambda entry: (entry.suffix, entry.found.candidate.municipality_key)))


def _entries(tables: Tables) -> Iterator[_Entry]:
    for candidate in tables.municipalities.values():
        yield from _words(candidate.municipality, Found(candidate))
    for place in tables.places:
        for candidate in _where(tables, place):
            yield from _words(place.name, Found(candidate, place.name))


def _where(tables: Tables, place: Place) -> set[Candidate]:
    """A village's possible municipalities: those of its postcodes in its district.

    None where one of them bears its name already; only that one whose quarter it is (`Dresden Friedrichstadt`).
    """
    possible = {
        candidate
        for postcode, district_key in place.codes
        for candidate in tables.postcodes[postcode].offered
        if candidate.district.key == district_key
    }
    own = {candidate.district.key for candidate in possible if candidate.municipality == place.name}
    quarter = {candidate for candidate in possible if place.name.startswith(f"{candidate.municipality} ")}
    return quarter or {candidate for candidate in possible if candidate.district.key not in own}


def _words(name: str, found: Found) -> Iterator[_Entry]:
    for spelling in normalise(name):
        yield _Entry(spelling, True, found)
        at = spelling.find(" ")
        while at >= 0:
            yield _Entry(spelling[at + 1 :], False, found)
            at = spelling.find(" ", at + 1)
