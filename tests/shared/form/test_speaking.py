"""Who speaks for whom (§ 38 SGB II): one applies for all, or only for oneself and one's small children."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.form import validate
from shared.form.flow import Draft, add_item, as_application, look, prune
from shared.form.household import Household, Member
from shared.form.model import Fact
from tests.shared.form.drafts import TODAY, Citizen, acted, completed
from tests.shared.form.single import SINGLE, add_account

PERSONAL = (
    "conditions",
    "additional_needs",
    "health_insurance",
    "income",
    "assets",
    "maintenance",
    "education_participation",
)
SPEAKS = "household.speaks_for"
WIFE = {"relation": "spouse", "given_names": "Kim", "family_name": "Muster", "birth_date": "1988-01-01"}
CHILD = {"relation": "own_child", "given_names": "Mila", "family_name": "Muster", "birth_date": "2016-05-01"}
TEEN = {"relation": "own_child", "given_names": "Jo", "family_name": "Muster", "birth_date": "2009-05-01"}
HERS = {"relation": "partners_child", "given_names": "Li", "family_name": "Muster", "birth_date": "2018-05-01"}
FLATMATE = {"relation": "flatmate", "birth_date": "1990-01-01", "together_since": "2026-10-01"}


def home(*persons: dict[str, Any], **more: Any) -> Draft:
    draft = add_account(SINGLE) | {"household.lives_alone": False, "applicant.marital_status": "married"}
    for person in persons:
        draft, item = add_item(draft, "household.persons")
        draft |= {f"household.persons.{item}.{name}": value for name, value in person.items()}
    return draft | more


def asks(draft: Draft) -> bool:
    return any(asked.key == SPEAKS for step in look(draft, TODAY).steps for asked in step.asked)


def asked_about(draft: Draft) -> set[str]:
    return {step.person for step in look(draft, TODAY).steps if step.section in PERSONAL}


@pytest.mark.parametrize(
    ("persons", "asked"),
    [((), False), ((CHILD,), False), ((FLATMATE,), False), ((WIFE,), True), ((TEEN,), True), ((CHILD, WIFE), True)],
    ids=["alone", "small-child", "flatmate", "spouse", "child-of-17", "both"],
)
def test_it_is_asked_where_somebody_else_could_apply(persons: tuple[dict[str, Any], ...], asked: bool) -> None:
    assert asks(home(*persons)) is asked


def test_only_for_oneself_asks_nothing_about_the_others() -> None:
    draft = home(WIFE, CHILD, TEEN, HERS)
    assert asked_about(draft) == {"applicant", "person-1", "person-2", "person-3", "person-4"}
    alone = draft | {SPEAKS: "only_self"}
    assert asked_about(alone) == {"applicant", "person-2"}
    view = look(alone, TODAY)
    assert view.community == look(draft, TODAY).community, "they stay in the community (§ 9 (2) SGB II)"
    assert {slot.person for slot in view.slots} <= {"applicant", "person-2"}
    [notice] = [notice for step in view.steps for asked in step.asked for notice in asked.notices]
    assert notice.id == "only_self"


def test_what_was_answered_about_them_is_not_sent_and_the_jobcenter_is_told() -> None:
    draft = home(WIFE, CHILD, **{"income.person-1.kinds": ["none"], "assets.person-1.has": ["none"]})
    alone = draft | {SPEAKS: "only_self"}
    assert {"income.person-1.kinds", "assets.person-1.has"} <= set(look(alone, TODAY).hidden)
    citizen = Citizen(1)
    citizen.draft = alone
    built = completed(citizen)
    application = built.application
    assert validate(application) == []
    assert application["household"]["speaks_for"] == "only_self"
    assert {"flag": "speaks_for_self", "person_ref": "person-1"} in application["flags"]
    assert [entry["person_ref"] for entry in application["income"]] == ["applicant"]
    assert [entry["person_ref"] for entry in application["assets"]] == ["applicant", "person-2"]
    assert "WEP" not in application["annex_codes"]
    assert "KI" in application["annex_codes"]
    assert "income.person-1.kinds" not in prune(citizen.draft, TODAY)[0]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(1, 50))
def test_nobody_is_spoken_for_against_the_answer(seed: int, acts: int) -> None:
    citizen = acted(seed, acts)
    citizen.draft = citizen.draft | ({SPEAKS: "only_self"} if seed % 2 else {})
    view = citizen.view()
    application = as_application(view)
    alone = view.answers.get(SPEAKS) == "only_self"
    for section in PERSONAL:
        for entry in application.get(section, []):
            person = entry["person_ref"]
            assert person in view.community
            if alone and person != "applicant":
                prefix = f"household.persons.{person}."
                assert view.answers[f"{prefix}relation"] == "own_child"
                assert view.answers[f"{prefix}birth_date"] > "2011-11-22"


MEMBERS = st.builds(
    Member,
    id=st.just("person-1"),
    relation=st.sampled_from(["spouse", "own_child", "partners_child", "parent", "sibling", "flatmate"]),
    born=st.none() | st.dates(date(1940, 1, 1), TODAY),
)


@given(MEMBERS, st.none() | st.dates(date(1940, 1, 1), TODAY), st.booleans())
def test_whoever_is_in_the_community_is_spoken_for_or_not(other: Member, born: date | None, alone: bool) -> None:
    household = Household((Member(id="applicant", relation="self", born=born), other), TODAY, only_self=alone)
    assert household.spoken_for <= household.community
    assert "applicant" in household.spoken_for
    if not alone:
        assert household.spoken_for == household.community
    holds = household.facts(other.id)
    assert holds(Fact.IN_COMMUNITY) is (holds(Fact.SPOKEN_FOR) or holds(Fact.SPEAKS_FOR_SELF))
    assert not (holds(Fact.SPOKEN_FOR) and holds(Fact.SPEAKS_FOR_SELF))
