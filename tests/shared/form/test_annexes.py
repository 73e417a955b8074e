"""Which annexes follow from which answers (form model, section 15), and earlier versions of the form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.manifest import Kind
from shared.form import DEFINITION, FORM_VERSION, SERVICE, schema, schema_uri, validate, version_of
from shared.form.annexes import annex_codes, requests_in
from shared.form.flow import Built, Draft, add_item, as_application, build_application, look
from shared.form.summary import summarise
from shared.form.validate import definition
from shared.form.versions import earlier
from tests.shared.form.drafts import TODAY
from tests.shared.form.single import SINGLE, add_account

BASE = ["HA", "KDU", "EK", "VM"]


def codes(draft: Draft) -> list[str]:
    """Codes for a draft, complete or not: annexes follow from answers, not from completeness."""
    view = look(draft, TODAY)
    return list(annex_codes(as_application(view), DEFINITION, TODAY))


def with_person(**answers: Any) -> Draft:
    draft, item = add_item(add_account(SINGLE) | {"household.lives_alone": False}, "household.persons")
    return draft | {f"household.persons.{item}.{name}": value for name, value in answers.items()}


def test_a_single_person_needs_the_four_that_everyone_needs() -> None:
    assert codes(add_account(SINGLE)) == BASE


@pytest.mark.parametrize(
    ("change", "added"),
    [
        ({"income.applicant.kinds": ["self_employment"]}, {"EKS"}),
        ({"health_insurance.applicant.kind": "private"}, {"SV"}),
        ({"health_insurance.applicant.kind": "none"}, {"SV"}),
        ({"prior_claims.claims": ["third_party_damage"]}, {"UF"}),
        ({"additional_needs.applicant.costly_diet": True}, {"MEB"}),
        ({"additional_needs.applicant.special_need_ongoing": True}, {"BB"}),
        ({"applicant.marital_status": "divorced"}, {"UH-spouse"}),
        ({"applicant.birth_date": "2006-05-01"}, {"UH-parents"}),
        ({"conditions.applicant.can_work_3h": "no"}, set()),
    ],
)
def test_what_an_answer_adds(change: dict[str, Any], added: set[str]) -> None:
    assert set(codes(add_account(SINGLE) | change)) == {*BASE, *added}


def test_no_housing_annex_without_a_home() -> None:
    draft = add_account(SINGLE) | {
        "responsibility.residence_situation": "no_fixed_home",
        "responsibility.actual_stay_postcode": "88400",
    }
    assert codes(draft) == ["HA", "EK", "VM"]


@pytest.mark.parametrize(
    ("person", "added"),
    [
        ({"relation": "spouse", "birth_date": "1988-01-01"}, {"WEP"}),
        ({"relation": "own_child", "birth_date": "2016-01-01", "other_parent_in_household": True}, {"KI"}),
        ({"relation": "own_child", "birth_date": "2009-01-01", "other_parent_in_household": True}, {"WEP"}),
        ({"relation": "own_child", "birth_date": "2016-01-01", "other_parent_in_household": False}, {"KI", "UH-child"}),
        (
            {"relation": "own_child", "birth_date": "2025-06-01", "other_parent_in_household": False},
            {"KI", "UH-child", "UH-care"},
        ),
        ({"relation": "own_child", "birth_date": "2000-01-01"}, {"HG"}),
        ({"relation": "parent", "birth_date": "1955-01-01"}, {"HG"}),
        ({"relation": "flatmate", "birth_date": "1990-01-01", "together_since": "2026-10-01"}, set()),
        ({"relation": "flatmate", "birth_date": "1990-01-01", "together_since": "2024-10-01"}, {"VE"}),
        (
            {
                "relation": "partner",
                "birth_date": "1990-01-01",
                "together_since": "2026-10-01",
                "joint_household": ["common_child"],
            },
            {"WEP", "VE"},
        ),
    ],
)
def test_what_a_person_adds(person: dict[str, Any], added: set[str]) -> None:
    assert set(codes(with_person(**person))) == {*BASE, *added}


def test_help_for_school_adds_its_annex_only_if_wanted() -> None:
    draft = with_person(relation="own_child", birth_date="2016-01-01", other_parent_in_household=True)
    key = "education_participation.person-1.but_needs"
    assert "BuT" in codes(draft | {key: ["lunch"]})
    assert "BuT" not in codes(draft | {key: ["none"]})


def test_codes_are_the_same_from_draft_and_application() -> None:
    built = build_application(look(add_account(SINGLE), TODAY))
    assert isinstance(built, Built)
    assert list(annex_codes(built.application, DEFINITION, TODAY)) == built.application["annex_codes"]


GOLDEN = sorted(Path(__file__).parents[2].joinpath("data/form").glob("*/*.json"))
"""Applications and supplements as they were sent under earlier versions. Never changed, only added to."""


def first_version() -> dict[str, Any]:
    """What was sent under 1.0.0: the core sections only."""
    application: dict[str, Any] = json.loads(GOLDEN[0].read_bytes())
    assert application["form"]["version"] == "1.0.0"
    return application


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_an_earlier_version_stays_readable(file: Path) -> None:
    application = json.loads(file.read_bytes())
    version = file.parent.name
    kind = Kind.SUPPLEMENT if file.stem == "supplement" else Kind.APPLICATION
    assert version_of(application, SERVICE) == version != FORM_VERSION
    assert validate(application, SERVICE, kind) == []
    assert schema_uri(SERVICE, kind, version).endswith(f":{version}")
    assert schema(SERVICE, kind, version) != schema(SERVICE, kind)
    parts = summarise(application, definition(SERVICE, version), TODAY, lambda _: None)
    told = set(application) - {"form", "evidence", "annex_codes", "to_follow", "reference", "remarks"}
    assert {part.section for part in parts} == told
    if kind is Kind.APPLICATION:
        codes = annex_codes(application, definition(SERVICE, version), TODAY)
        assert set(application.get("annex_codes", codes)) <= set(codes)


def test_every_earlier_version_has_its_examples() -> None:
    assert {file.parent.name for file in GOLDEN} == set(earlier(SERVICE))


def test_what_came_later_is_unknown_to_earlier_versions() -> None:
    application = json.loads(next(file for file in GOLDEN if file.match("2.0.0/single.json")).read_bytes())
    application["flags"] = [{"flag": "urgent", "person_ref": "applicant"}]
    application["evidence"] = [{"evidence_code": "E-ID", "state": "will_follow", "class": "normal"}]
    assert {(error.path, error.code) for error in validate(application)} == {
        ("", "unknown-property"),
        ("/evidence/0", "unknown-property"),
    }


def test_an_earlier_version_is_held_to_its_own_rules() -> None:
    application = first_version()
    application["form"]["version"] = FORM_VERSION
    assert {error.path for error in validate(application)} >= {"/additional_needs", "/prior_claims", "/one_off_needs"}
    del application["form"]
    assert version_of(application, SERVICE) == FORM_VERSION
    assert validate(application) != []


@pytest.mark.parametrize("version", ["0.9.0", "9.9.9", "", 1, ["1.0.0"]])
def test_a_version_that_nobody_knows_is_refused(version: Any) -> None:
    application = first_version()
    application["form"]["version"] = version
    assert ("/form/version", "constant") in {(error.path, error.code) for error in validate(application)}


def test_what_is_an_application_of_its_own_is_sent_as_one() -> None:
    draft = with_person(relation="own_child", birth_date="2016-01-01", other_parent_in_household=True)
    draft |= {
        "one_off_needs.kinds": ["first_furnishing", "unavoidable_loan"],
        "education_participation.person-1.but_needs": ["lunch", "learning_support"],
    }
    requests = requests_in(as_application(look(draft, TODAY)), DEFINITION)
    assert [(entry["request"], entry["person_ref"]) for entry in requests] == [
        ("learning_support", "person-1"),
        ("first_furnishing", "applicant"),
        ("unavoidable_loan", "applicant"),
    ]
    single = add_account(SINGLE) | {
        "one_off_needs.kinds": ["orthopaedic"],
        "one_off_needs.items": "Schuhe",
    }
    built = build_application(look(single, TODAY))
    assert isinstance(built, Built)
    assert built.application["requests"] == [
        {"request": "orthopaedic", "question_id": "one_off_needs.kinds", "person_ref": "applicant"}
    ]
