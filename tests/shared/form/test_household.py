"""Who belongs to whom (§ 7 (3), (3a), § 9 (5) SGB II; rules of the form model, section 16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.form.ages import age
from shared.form.household import CHILDREN, PARTNERS, Household, Member
from shared.form.model import Fact

TODAY = date(2026, 11, 22)
RELATIONS = [
    "spouse", "registered_partner", "partner", "own_child", "partners_child", "foster_child",
    "parent", "sibling", "other_relative", "flatmate", "unknown",
]  # fmt: skip


def born(years: int) -> date:
    return date(TODAY.year - years, 6, 15)


def applicant(years: int = 35, **more: object) -> Member:
    return Member(id="applicant", relation="self", born=born(years), marital_status="single", **more)  # type: ignore[arg-type]


def person(relation: str, years: int | None = 40, number: int = 1, **more: object) -> Member:
    day = None if years is None else born(years)
    return Member(id=f"person-{number}", relation=relation, born=day, **more)  # type: ignore[arg-type]


def household(*members: Member) -> Household:
    return Household(members, TODAY)


members = st.builds(
    Member,
    id=st.just("x"),
    relation=st.sampled_from(RELATIONS),
    born=st.none() | st.dates(date(1935, 1, 1), TODAY),
    gender=st.sampled_from([None, "female", "male", "diverse", "none"]),
    own_family=st.booleans(),
    together_since=st.none() | st.dates(date(2020, 1, 1), TODAY),
    signs=st.none() | st.frozensets(st.sampled_from(["joint_budget", "common_child", "access_to_money"])),
    other_parent_here=st.none() | st.booleans(),
    learns_at=st.sampled_from([None, "kita", "school"]),
    pregnant=st.booleans(),
)


@st.composite
def households(draw: st.DrawFn) -> Household:
    others = [replace(one, id=f"person-{n}") for n, one in enumerate(draw(st.lists(members, max_size=6)), 1)]
    status = draw(st.sampled_from([None, "single", "married", "partnership", "separated", "divorced", "widowed"]))
    first = replace(draw(members), id="applicant", relation="self", marital_status=status)
    return Household((first, *others), TODAY)


@given(households())
def test_what_holds_in_every_household(home: Household) -> None:
    assert "applicant" in home.community
    for member in home.members:
        holds = home.facts(member.id)
        inside = holds(Fact.IN_COMMUNITY)
        assert inside is not holds(Fact.HOUSEHOLD_ONLY)
        own = home.age(member)
        if member.relation in CHILDREN and own is not None and own >= 25:
            assert not inside, "children of 25 and more never belong to the community"
        if member.relation in CHILDREN and member.own_family:
            assert not inside
        if member.relation in ("flatmate", "foster_child", "other_relative", "unknown"):
            assert not inside
        assert not (holds(Fact.HOUSEHOLD_RELATIVE) and inside)
        assert not (holds(Fact.UNDER_15) and holds(Fact.AGE_15_OR_OLDER))
        assert not (holds(Fact.MAINTENANCE_CHILD) and holds(Fact.MAINTENANCE_PARENTS))
        if holds(Fact.LEARNS):
            assert inside and holds(Fact.UNDER_25)
        assert holds(Fact.MAY_BE_PREGNANT) <= (member.gender != "male")


@given(households(), st.sampled_from(sorted(Fact)))
def test_every_fact_is_decided_for_everyone_and_nothing_holds_for_strangers(home: Household, fact: Fact) -> None:
    assert home.asked_for(fact) == tuple(member.id for member in home.members if home.facts(member.id)(fact))
    assert home.facts("person-99")(fact) is False


@given(households())
def test_the_order_of_persons_does_not_matter(home: Household) -> None:
    turned = Household((home.applicant, *reversed(home.members[1:])), TODAY)
    assert turned.community == home.community


@given(st.dates(date(1900, 1, 1), TODAY), st.integers(0, 40_000))
def test_age_never_falls_with_time(day: date, later: int) -> None:
    assert 0 <= age(day, TODAY) <= age(day, TODAY + timedelta(days=later))


@pytest.mark.parametrize(("today", "years"), [(date(2026, 7, 2), 24), (date(2026, 7, 3), 25), (date(2026, 7, 4), 25)])
def test_age_changes_on_the_birthday(today: date, years: int) -> None:
    assert age(date(2001, 7, 3), today) == years


@pytest.mark.parametrize(
    ("other", "inside"),
    [
        (person("spouse"), True),
        (person("registered_partner"), True),
        (person("partner"), True),
        (person("partner", together_since=date(2026, 6, 1), signs=frozenset()), False),
        (person("partner", together_since=date(2026, 6, 1), signs=frozenset({"common_child"})), True),
        (person("partner", together_since=date(2025, 11, 22), signs=frozenset()), True),
        (person("own_child", 24), True),
        (person("own_child", 25), False),
        (person("own_child", None), True),
        (person("own_child", 20, own_family=True), False),
        (person("partners_child", 10), False),
        (person("foster_child", 10), False),
        (person("parent", 66), False),
        (person("sibling", 20), False),
        (person("other_relative"), False),
        (person("flatmate", together_since=date(2015, 1, 1), signs=frozenset({"joint_budget"})), False),
    ],
)
def test_who_belongs_to_a_grown_up(other: Member, inside: bool) -> None:
    assert ("person-1" in household(applicant(), other).community) is inside


def test_a_separated_couple_under_one_roof_is_no_community() -> None:
    home = household(replace(applicant(), marital_status="separated"), person("spouse"))
    assert home.community == {"applicant"}


def test_the_partners_child_comes_with_the_partner() -> None:
    home = household(applicant(), person("partner"), person("partners_child", 10, 2))
    assert home.community == {"applicant", "person-1", "person-2"}


@pytest.mark.parametrize(
    ("first", "others", "joined"),
    [
        (applicant(22), (), True),
        (applicant(25), (), False),
        (replace(applicant(22), marital_status="married"), (), False),
        (applicant(22), (person("own_child", 1, 2),), False),
        (applicant(22), (person("partner", 22, 2),), False),
    ],
    ids=["under-25", "of-25", "married", "with-child", "with-partner"],
)
def test_parents_join_a_child_under_25(first: Member, others: tuple[Member, ...], joined: bool) -> None:
    home = household(first, person("parent", 50), *others)
    assert ("person-1" in home.community) is joined
    assert home.facts("person-1")(Fact.HOUSEHOLD_RELATIVE) is not joined


def test_brothers_and_sisters_join_with_the_parents() -> None:
    home = household(applicant(22), person("parent", 50), person("sibling", 17, 2), person("sibling", 26, 3))
    assert home.community == {"applicant", "person-1", "person-2"}


@pytest.mark.parametrize(
    ("since", "signs", "asked"),
    [
        (date(2026, 2, 1), frozenset[str](), False),
        (date(2026, 2, 1), frozenset({"access_to_money"}), True),
        (date(2024, 2, 1), frozenset[str](), True),
        (None, None, False),
    ],
)
def test_flatmates_of_less_than_a_year_without_signs_have_no_annex_ve(
    since: date | None, signs: frozenset[str] | None, asked: bool
) -> None:
    home = household(applicant(), person("flatmate", 30, together_since=since, signs=signs))
    assert home.facts("person-1")(Fact.RESPONSIBILITY) is asked


def test_lone_parents_and_maintenance() -> None:
    alone = household(applicant(), person("own_child", 2, other_parent_here=False))
    assert alone.asked_for(Fact.LONE_PARENT) == ("applicant",)
    assert alone.asked_for(Fact.MAINTENANCE_CARE) == ("applicant",)
    assert alone.asked_for(Fact.MAINTENANCE_CHILD) == ("person-1",)
    couple = household(applicant(), person("own_child", 2, other_parent_here=True), person("spouse", number=2))
    for fact in (Fact.LONE_PARENT, Fact.MAINTENANCE_CARE, Fact.MAINTENANCE_CHILD):
        assert couple.asked_for(fact) == ()


def test_maintenance_of_parents_and_of_a_former_spouse() -> None:
    assert household(applicant(20)).asked_for(Fact.MAINTENANCE_PARENTS) == ("applicant",)
    assert household(applicant(20), person("parent", 50)).asked_for(Fact.MAINTENANCE_PARENTS) == ()
    divorced = household(replace(applicant(), marital_status="divorced"))
    assert divorced.asked_for(Fact.MAINTENANCE_SPOUSE) == ("applicant",)


def test_no_income_annex_for_a_ten_year_old() -> None:
    home = household(applicant(), person("own_child", 10), *(person(one, 30, 2) for one in sorted(PARTNERS)[:1]))
    assert "person-1" not in home.asked_for(Fact.AGE_15_OR_OLDER)
    assert "person-2" in home.asked_for(Fact.AGE_15_OR_OLDER)
