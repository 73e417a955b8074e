"""The resolver against an oracle that reads the tables as text and knows nothing of the product's code."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from shared.contracts.directory import Destination
from shared.directory.resolve import Kind, Resolution, Why, destination_for, resolve
from shared.directory.tables import Tables
from tests import keys
from tests.shared.directory.facts import rows

TABLES = Tables.load()
_POSTCODE_LINES = rows("postcodes")
_JOBCENTER_OF = {row[1]: row[0] for row in rows("jobcenters")}
_MUNICIPALITY_KEYS = [row[0] for row in rows("municipalities")]
_BOXES = [row[0] for row in rows("po_boxes")]
_AMBIGUOUS = [postcode for postcode in TABLES.postcodes if resolve(TABLES, postcode).kind is Kind.AMBIGUOUS]


@cache
def codes_of(postcode: str) -> tuple[str, ...] | None:
    for plz, codes in _POSTCODE_LINES:
        if plz == postcode:
            return tuple(codes.split(" "))
    return None


def oracle(postcode: str, municipality: str | None) -> tuple[str, str | None, set[str], str | None]:
    """kind, Jobcenter, municipality keys of the candidates, why — from the words of the issue."""
    codes = codes_of(postcode)
    offered = [code[:8] for code in codes or () if not code.endswith("?")]
    if municipality is not None:
        if municipality not in _MUNICIPALITY_KEYS:
            return "unknown", None, set(offered), "municipality-unknown"
        if codes is not None and municipality not in [code[:8] for code in codes]:
            return "unknown", None, set(offered), "municipality-elsewhere"
        offered = [municipality]
    elif codes is None:
        return "unknown", None, set(), "postcode-without-area" if postcode in _BOXES else "postcode-unknown"
    responsible = {_JOBCENTER_OF.get(key[:5]) for key in offered}
    if len(responsible) > 1:
        return "ambiguous", None, set(offered), None
    (jobcenter,) = responsible
    return ("joint" if jobcenter is None else "municipal"), jobcenter, set(offered), None


def check(postcode: str, municipality: str | None) -> Resolution:
    resolution = resolve(TABLES, postcode, municipality)
    kind, jobcenter, candidates, why = oracle(postcode, municipality)
    assert resolution.kind == kind
    assert resolution.jobcenter_id == jobcenter
    assert {candidate.municipality_key for candidate in resolution.candidates} == candidates
    assert len(resolution.candidates) == len(candidates)
    assert resolution.why == why
    return resolution


postcodes = st.one_of(
    st.sampled_from(sorted(TABLES.postcodes)),
    st.sampled_from(_AMBIGUOUS),
    st.sampled_from(_BOXES),
    st.from_regex(r"[0-9]{5}", fullmatch=True),
)
municipalities = st.one_of(st.none(), st.sampled_from(_MUNICIPALITY_KEYS), st.from_regex(r"[0-9]{8}", fullmatch=True))


@given(postcodes, municipalities)
def test_every_question_is_answered_like_the_oracle(postcode: str, municipality: str | None) -> None:
    check(postcode, municipality)


@given(st.sampled_from(sorted(TABLES.postcodes)), st.data())
def test_a_municipality_of_the_postcode_settles_everything(postcode: str, data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(codes_of(postcode) or ()))
    resolution = check(postcode, code[:8])
    assert resolution.kind in (Kind.MUNICIPAL, Kind.JOINT)
    assert [candidate.municipality_key for candidate in resolution.candidates] == [code[:8]]


@given(st.text(max_size=12), st.one_of(st.none(), st.text(max_size=12)))
def test_no_text_breaks_it(postcode: str, municipality: str | None) -> None:
    assert resolve(TABLES, postcode, municipality).kind in Kind


def test_every_postcode_of_the_country() -> None:
    for postcode, codes in _POSTCODE_LINES:
        offered = {_JOBCENTER_OF.get(code[:5]) for code in codes.split(" ") if not code.endswith("?")}
        resolution = resolve(TABLES, postcode)
        assert (resolution.kind is Kind.AMBIGUOUS) == (len(offered) > 1)
        assert (resolution.kind is Kind.JOINT) == (offered == {None})


def test_low_confidence_is_never_offered_and_always_accepted() -> None:
    low = [(plz, code[:8]) for plz, codes in _POSTCODE_LINES for code in codes.split(" ") if code.endswith("?")]
    assert len(low) == 273
    for postcode, key in low:
        assert key not in {candidate.municipality_key for candidate in resolve(TABLES, postcode).candidates}
        assert resolve(TABLES, postcode, key).kind in (Kind.MUNICIPAL, Kind.JOINT)


@pytest.mark.parametrize(
    ("postcode", "municipality", "kind", "jobcenter"),
    [
        ("63303", None, Kind.MUNICIPAL, "kreis-offenbach"),
        ("49124", None, Kind.MUNICIPAL, "landkreis-osnabrueck"),
        ("27283", None, Kind.MUNICIPAL, "landkreis-verden"),
        ("31655", None, Kind.MUNICIPAL, "landkreis-schaumburg"),
        ("59969", None, Kind.AMBIGUOUS, None),
        ("59969", "05958020", Kind.MUNICIPAL, "hochsauerlandkreis"),
        ("59969", "06635001", Kind.JOINT, None),
        ("06632", None, Kind.AMBIGUOUS, None),
        ("06632", "15088235", Kind.MUNICIPAL, "saalekreis"),
        ("06632", "15084135", Kind.MUNICIPAL, "burgenlandkreis"),
        ("10115", None, Kind.JOINT, None),
        ("63450", None, Kind.JOINT, None),
        ("01053", "06438002", Kind.MUNICIPAL, "kreis-offenbach"),
        ("99999", "06438002", Kind.MUNICIPAL, "kreis-offenbach"),
    ],
)
def test_the_samples(postcode: str, municipality: str | None, kind: Kind, jobcenter: str | None) -> None:
    resolution = check(postcode, municipality)
    assert (resolution.kind, resolution.jobcenter_id) == (kind, jobcenter)


@pytest.mark.parametrize(
    ("postcode", "municipality", "why"),
    [
        ("01053", None, Why.POSTCODE_WITHOUT_AREA),
        ("00001", None, Why.POSTCODE_UNKNOWN),
        ("00001", "06435014", Why.MUNICIPALITY_UNKNOWN),  # Hanau as it was numbered until 2025
        ("63450", "06435014", Why.MUNICIPALITY_UNKNOWN),
        ("63450", "11000000", Why.MUNICIPALITY_ELSEWHERE),
    ],
)
def test_what_cannot_be_said_says_why(postcode: str, municipality: str | None, why: Why) -> None:
    assert check(postcode, municipality).why is why


def test_the_largest_municipality_is_offered_first() -> None:
    assert [candidate.municipality for candidate in resolve(TABLES, "59969").candidates] == [
        "Hallenberg",
        "Allendorf (Eder)",
    ]


def test_a_named_municipality_wins_over_the_default_destination() -> None:
    default, town = Destination(id="district"), Destination(id="town", municipality_keys=("05958020",))
    entry = keys.jobcenter_entry("a").model_copy(update={"destinations": (default, town)})
    assert destination_for(entry, "05958020") is town
    assert destination_for(entry, "05958004") is default
    assert destination_for(entry, None) is default
    alone = entry.model_copy(update={"destinations": (town,)})
    assert destination_for(alone, "05958004") is None


class Conversation(RuleBasedStateMachine):
    """A person who tries postcodes and follows what is offered, in any order, meets the oracle's answers only."""

    offered: Bundle[tuple[str, str]] = Bundle("offered")

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[tuple[str, str | None], Resolution] = {}

    def _ask(self, postcode: str, municipality: str | None) -> Resolution:
        resolution = check(postcode, municipality)
        assert self.asked.setdefault((postcode, municipality), resolution) == resolution
        return resolution

    @rule(target=offered, postcode=st.sampled_from(_AMBIGUOUS), data=st.data())
    def asks_an_ambiguous_one(self, postcode: str, data: st.DataObject) -> tuple[str, str]:
        resolution = self._ask(postcode, None)
        assert len({candidate.jobcenter_id for candidate in resolution.candidates}) > 1
        return postcode, data.draw(st.sampled_from(resolution.candidates)).municipality_key

    @rule(choice=offered)
    def chooses_an_offer(self, choice: tuple[str, str]) -> None:
        resolution = self._ask(*choice)
        assert resolution.kind in (Kind.MUNICIPAL, Kind.JOINT)

    @rule(choice=offered, box=st.sampled_from(_BOXES))
    def gives_a_box_with_it(self, choice: tuple[str, str], box: str) -> None:
        assert self._ask(box, choice[1])[:3] == self._ask(*choice)[:3]

    @rule(choice=offered, postcode=postcodes)
    def keeps_the_municipality_but_mistypes(self, choice: tuple[str, str], postcode: str) -> None:
        resolution = self._ask(postcode, choice[1])
        if resolution.kind is not Kind.UNKNOWN:
            assert resolution.jobcenter_id == self._ask(*choice).jobcenter_id

    @rule(postcode=postcodes, municipality=municipalities)
    def asks_anything(self, postcode: str, municipality: str | None) -> None:
        self._ask(postcode, municipality)

    @invariant()
    def one_municipality_never_has_two_jobcenters(self) -> None:
        seen: dict[str, str | None] = {}
        for resolution in self.asked.values():
            for candidate in resolution.candidates:
                assert seen.setdefault(candidate.municipality_key, candidate.jobcenter_id) == candidate.jobcenter_id


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
