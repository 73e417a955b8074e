"""The way through the form: whatever citizens do, what is sent is valid, and holds nothing that is not asked."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devtools.portal_households import households
from shared.contracts.manifest import Kind
from shared.form import validate
from shared.form.flow import (
    Built,
    Draft,
    NotYet,
    State,
    Upload,
    add_item,
    as_application,
    build_application,
    build_supplement,
    look,
    missing,
    prune,
    raw_values,
    remove_item,
    save,
)
from shared.form.iban import with_check_digits
from shared.form.model import Answer
from tests.shared.form.drafts import TODAY, acted, completed
from tests.shared.form.single import CHILD, SINGLE, WIFE, add_account, household

DOCUMENT = "11111111-1111-4111-8111-111111111111"


def leaves(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [leaf for child in node.values() for leaf in leaves(child)]
    if isinstance(node, list):
        return [leaf for child in node for leaf in leaves(child)]
    return [node]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(0, 40), early=st.booleans())
def test_any_answers_give_a_valid_application_or_name_what_is_missing(seed: int, acts: int, early: bool) -> None:
    citizen = acted(seed, acts)
    view = citizen.view()
    uploads = [Upload(view.slots[0].key, DOCUMENT)] if view.slots else []
    result = build_application(view, uploads, early=early)
    if isinstance(result, Built):
        assert validate(result.application) == []
    else:
        steps = {step.id for step in view.steps}
        assert result.missing
        assert all(one.step in steps and one.label and one.message for one in result.missing)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(0, 30))
def test_answering_what_is_missing_always_ends_in_an_application(seed: int, acts: int) -> None:
    citizen = acted(seed, acts)
    result = completed(citizen)
    assert validate(result.application) == []
    assert result.to_follow == ()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(1, 40))
def test_no_hidden_answer_is_ever_sent(seed: int, acts: int) -> None:
    citizen = acted(seed, acts)
    # Mark every answer that is not asked: if one were sent, the mark would show.
    view = citizen.view()
    marked = citizen.draft | dict.fromkeys(view.hidden, "HIDDEN-CANARY")
    assert "HIDDEN-CANARY" not in json.dumps(as_application(look(marked, TODAY)))
    shown = {asked.key for step in view.steps for asked in step.asked}
    assert shown.isdisjoint(view.hidden)
    pruned, lost = prune(citizen.draft, TODAY)
    assert {one.key for one in lost} == set(view.hidden)
    assert as_application(look(pruned, TODAY)) == as_application(view)
    assert look(pruned, TODAY).hidden == ()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(0, 40))
def test_whatever_was_answered_may_be_brought_later_in_any_parts(seed: int, acts: int) -> None:
    citizen = acted(seed, acts)
    result = completed(citizen)
    view = citizen.view()
    sections = [section.id for section in view.definition.sections if section.deferrable]
    chosen = citizen.random.sample(sections, citizen.random.randint(1, 5))
    uploads = [Upload(slot.key, DOCUMENT) for slot in view.slots[:1]]
    supplement = build_supplement(view, chosen, uploads, "4711", "Danke!")
    assert validate(supplement, kind=Kind.SUPPLEMENT) == []
    assert set(supplement) - {"form", "reference", "remarks", "evidence", "flags"} <= set(chosen)
    assert supplement.get("flags") == result.application.get("flags")


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(1, 40))
def test_every_visible_answer_is_sent_exactly_once(seed: int, acts: int) -> None:
    citizen = acted(seed, acts)
    view = citizen.view()
    application = as_application(view)
    gone = {
        one
        for one in view.answers.get("household.persons", [])
        if f"household.persons.{one}.relation" not in view.answers
    }
    given_answers = [
        asked.value
        for step in view.steps
        for asked in step.asked
        if asked.value is not None and asked.question.type is not Answer.GROUP
        if step.person not in gone and step.item not in gone and repr(asked.value) not in map(repr, gone)
    ]
    sent = {key: value for key, value in application.items() if key not in ("form", "evidence")}
    ids = [*leaves([entry.get("person_ref") for part in sent.values() if isinstance(part, list) for entry in part])]
    ids += [person["id"] for person in sent.get("household", {}).get("persons", [])]
    assert sorted(map(repr, leaves(sent))) == sorted(map(repr, leaves(given_answers) + ids))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(1, 40))
def test_a_page_shows_again_what_was_typed(seed: int, acts: int) -> None:
    citizen = acted(seed, acts)
    view = citizen.view()
    for step in citizen.random.sample(view.steps, 3):
        form: dict[str, list[str]] = {}
        for asked in step.asked:
            if asked.question.type not in (Answer.GROUP, Answer.EVIDENCE):
                form |= raw_values(asked.question, asked.key, asked.value)
        if step.kind == "questions":
            again = save(citizen.draft, step, form, TODAY)
            assert look(again.draft, TODAY).answers == view.answers
            assert again.lost == ()


def test_a_single_person_sends_a_complete_application() -> None:
    view = look(add_account(SINGLE), TODAY)
    built = build_application(view)
    assert isinstance(built, Built)
    assert built.application["annex_codes"] == ["HA", "KDU", "EK", "VM"]
    assert {state.state for state in view.sections} == {State.COMPLETE}
    asked = [one for step in view.steps for one in step.asked if one.question.type is not Answer.GROUP]
    assert (len(asked), sum(one.required for one in asked)) == (71, 54), "more questions need a reason"
    assert view.hidden == ()


def test_how_much_a_single_person_without_specialities_is_asked() -> None:
    """The figures of docs/portal.md."""
    single = next(one for one in households(TODAY) if one.name == "single")
    view = look(single.draft(TODAY), TODAY)
    unseen = (Answer.GROUP, Answer.MUNICIPALITY)
    asked = [one for step in view.steps for one in step.asked if one.question.type not in unseen]
    assert (len(asked), sum(one.required for one in asked), len(view.steps)) == (64, 50, 23)


def test_steps_lead_from_the_first_page_to_the_last() -> None:
    view = look(add_account(SINGLE), TODAY)
    seen = [view.steps[0]]
    while (following := view.next_step(seen[-1].id)) is not None:
        assert view.previous_step(following.id) == seen[-1]
        seen.append(following)
    assert tuple(seen) == view.steps
    assert view.next_step("gone") is None
    with pytest.raises(KeyError):
        view.step("gone")


def test_a_child_is_asked_less_than_a_grown_up() -> None:
    view = look(household(SINGLE, CHILD, WIFE), TODAY)
    of_child = {step.section for step in view.steps if step.person == "person-1"}
    of_wife = {step.section for step in view.steps if step.person == "person-2"}
    assert of_child == {"additional_needs", "health_insurance", "assets", "education_participation"}
    assert of_wife == {"conditions", "additional_needs", "health_insurance", "income", "assets"}
    assert view.people == {"applicant": "Ida Muster", "person-1": "Mila Muster", "person-2": "Kim Muster"}
    labels = [asked.label for step in view.steps if step.person == "person-2" for asked in step.asked]
    assert "Kann Kim mindestens drei Stunden am Tag arbeiten?" in labels
    assert not any("{" in label for label in labels)


def test_changing_an_earlier_answer_warns_and_takes_the_rest_away() -> None:
    draft = household(SINGLE, CHILD) | {"assets.person-1.has": ["none"]}
    step = look(draft, TODAY).step("household.lives_alone")
    saved = save(draft, step, {"household.lives_alone": ["yes"]}, TODAY)
    assert {"household.persons", "household.persons.person-1.given_names", "assets.person-1.has"} <= {
        one.key for one in saved.lost
    }
    assert "Vornamen der Person" in {one.label for one in saved.lost}
    assert saved.draft["assets.person-1.has"] == ["none"], "nothing is lost before the citizen says so"
    pruned, _ = prune(saved.draft, TODAY)
    assert not any("person-1" in key for key in pruned)


def test_a_removed_person_takes_all_answers_along_and_the_id_never_comes_back() -> None:
    draft = household(SINGLE, CHILD, WIFE) | {"health_insurance.person-1.kind": "family"}
    draft = remove_item(draft, "household.persons", "person-1")
    assert not any("person-1" in key.split(".") for key in draft)
    assert draft["household.persons"] == ["person-2"]
    draft, item = add_item(draft, "household.persons")
    assert item == "person-3"
    emptied = remove_item(remove_item(draft, "household.persons", "person-2"), "household.persons", "person-3")
    assert "household.persons" not in emptied


EARLY = (
    "responsibility.residence_situation",
    "responsibility.residence_postcode",
    "applicant.family_name",
    "applicant.given_names",
    "applicant.birth_date",
    "applicant.address",
    "close.truth_declaration",
)


def test_the_date_is_secured_with_name_birth_date_and_address() -> None:
    draft = {key: SINGLE[key] for key in EARLY}
    view = look(draft, TODAY)
    assert missing(view, early=True) == ()
    built = build_application(view, early=True)
    assert isinstance(built, Built)
    assert built.application["to_follow"] == list(built.to_follow)
    assert {"applicant", "income", "housing", "close"} <= set(built.to_follow)
    assert validate(built.application) == []


@pytest.mark.parametrize("key", EARLY)
def test_the_date_is_not_secured_without(key: str) -> None:
    draft = {name: SINGLE[name] for name in EARLY if name != key}
    result = build_application(look(draft, TODAY), early=True)
    assert isinstance(result, NotYet)
    assert key in {one.key for one in result.missing}


def test_without_a_home_no_address_is_needed_to_secure_the_date() -> None:
    draft = {key: SINGLE[key] for key in EARLY if "residence" not in key and key != "applicant.address"}
    draft |= {"responsibility.residence_situation": "no_fixed_home", "responsibility.actual_stay_postcode": "88400"}
    built = build_application(look(draft, TODAY), early=True)
    assert isinstance(built, Built)
    assert "housing" not in built.to_follow


def test_what_was_to_follow_comes_with_a_supplement() -> None:
    view = look(add_account(SINGLE), TODAY)
    supplement = build_supplement(
        view, ["income", "assets"], [Upload(view.slots[0].key, DOCUMENT)], "reference-1", "Hier ist der Rest."
    )
    assert set(supplement) == {"form", "reference", "remarks", "evidence", "income", "assets"}
    assert validate(supplement, kind=Kind.SUPPLEMENT) == []


def test_sections_named_to_follow_may_wait_one_by_one() -> None:
    draft = {key: value for key, value in add_account(SINGLE).items() if not key.startswith("housing.")}
    assert isinstance(build_application(look(draft, TODAY)), NotYet)
    view = look(draft | {"to_follow": ["housing", "responsibility", "nonsense"]}, TODAY)
    assert next(state.state for state in view.sections if state.section.id == "housing") is State.TO_FOLLOW
    built = build_application(view)
    assert isinstance(built, Built)
    assert built.to_follow == ("housing",)


def test_evidence_is_never_a_blocker() -> None:
    draft = add_account(SINGLE)
    slots = {slot.evidence_code: slot for slot in look(draft, TODAY).slots}
    assert {"E-ID", "E-RENT", "E-BANK", "E-HI"} <= set(slots)
    assert "E-MED" not in slots, "who can work needs no doctor's paper"
    draft |= {
        slots["E-ID"].key: {"state": "not_available", "reason": "Gestohlen, neuer ist beantragt"},
        slots["E-HI"].key: {"state": "will_follow", "follows_by": "2026-12-01"},
    }
    built = build_application(look(draft, TODAY), [Upload(slots["E-RENT"].key, DOCUMENT)])
    assert isinstance(built, Built)
    told = {entry["evidence_code"]: entry for entry in built.application["evidence"]}
    assert told["E-ID"]["reason"] == "Gestohlen, neuer ist beantragt"
    assert told["E-HI"]["follows_by"] == "2026-12-01"
    assert told["E-RENT"]["document"] == DOCUMENT
    assert told["E-BANK"]["state"] == "will_follow"
    assert "E-REG" not in told, "optional evidence is not announced unasked"


def test_a_finding_that_only_the_whole_shows_leads_to_its_page() -> None:
    draft = add_account(SINGLE) | {
        "conditions.applicant.special": ["absence"],
        "conditions.applicant.absence_from": "2026-12-20",
        "conditions.applicant.absence_until": "2026-12-10",
    }
    result = build_application(look(draft, TODAY))
    assert isinstance(result, NotYet)
    (one,) = result.missing
    assert one.key == "conditions.applicant.absence_until"
    assert one.step == "conditions.applicant.special"
    assert one.message == "Das Ende liegt vor dem Anfang."


def test_looking_changes_nothing() -> None:
    draft = household(add_account(SINGLE), CHILD)
    before = deepcopy(draft)
    build_application(look(draft, TODAY))
    prune(draft, TODAY)
    remove_item(draft, "household.persons", "person-1")
    assert draft == before


def test_a_wrong_answer_keeps_the_good_ones() -> None:
    step = look({}, TODAY).step("payment.has_account")
    draft = save({}, step, {"payment.has_account": ["yes"]}, TODAY).draft
    step = look(draft, TODAY).step("payment.has_account")
    form = {"payment.has_account": ["yes"], "payment.iban": ["DE12"], "payment.account_holder": ["Ida Muster"]}
    saved = save(draft, step, form, TODAY)
    assert [problem.key for problem in saved.problems] == ["payment.iban"]
    assert saved.draft["payment.account_holder"] == "Ida Muster"
    assert "22 Zeichen" in saved.problems[0].message
    form["payment.iban"] = [with_check_digits("DE", "500105170000000001")]
    assert save(draft, step, form, TODAY).problems == ()


def asked_keys(draft: Draft) -> set[str]:
    return {asked.key for step in look(draft, TODAY).steps for asked in step.asked}


@pytest.mark.parametrize(
    ("moved_in", "asked"), [("2026-05-22", False), ("2026-05-23", True), ("2027-01-01", True), ("2019-01-01", False)]
)
def test_a_recent_move_follows_from_the_day_of_moving_in(moved_in: str, asked: bool) -> None:
    keys = asked_keys(SINGLE | {"housing.move_in_date": moved_in})
    assert ("housing.assurance" in keys) is asked
    assert "housing.moved_out_reason" not in keys, "only under 25 (§ 22 (5) SGB II)"
    young = asked_keys(SINGLE | {"housing.move_in_date": moved_in, "applicant.birth_date": "2004-01-01"})
    assert ("housing.moved_out_reason" in young) is asked


def test_a_grown_up_child_is_asked_about_as_a_relative() -> None:
    grown = CHILD | {"birth_date": "1995-05-01"}
    prefix = "household.persons.person-1."
    child = {"custody_share", "child_benefit", "other_parent_in_household", "child_school"}
    asked = {key.removeprefix(prefix) for key in asked_keys(household(SINGLE, grown))}
    assert asked.isdisjoint(child)
    assert "supports_applicant" in asked
    asked = {key.removeprefix(prefix) for key in asked_keys(household(SINGLE, CHILD))}
    assert asked >= child
    assert "supports_applicant" not in asked


def test_papers_are_wanted_only_of_those_for_whom_the_application_is() -> None:
    flatmate = {"relation": "flatmate", "birth_date": "1990-01-01", "family_name": "Fremd", "given_names": "Jo"}
    assert {slot.person for slot in look(household(SINGLE, flatmate, WIFE), TODAY).slots} == {"applicant", "person-2"}


def test_how_many_live_there_is_not_asked_of_one_who_lives_alone() -> None:
    assert "housing.persons_in_home" not in asked_keys(SINGLE)
    assert "housing.persons_in_home" in asked_keys(household(SINGLE, WIFE))
