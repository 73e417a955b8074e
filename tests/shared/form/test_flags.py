"""What a case worker must see first: derived, demanded, on top of the paper. And the address that stays secret."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from shared.contracts.manifest import Kind
from shared.form import SERVICE, validate
from shared.form.flow import Built, Draft, Upload, build_application, build_supplement, look, prune
from shared.form.model import Protection
from shared.form.pdf import render
from tests.shared.form.drafts import TODAY, acted, completed
from tests.shared.form.single import SINGLE, add_account

DOCUMENT = "11111111-1111-4111-8111-111111111111"
STREET = "Heimliche Gasse"
ADDRESS = {"street": STREET, "house_number": "7", "postcode": "63303", "city": "Dreieich"}
PROTECTED = {"flag": "confidential_address", "person_ref": "applicant"}


def shelter() -> Draft:
    draft = add_account(SINGLE) | {
        "responsibility.residence_situation": "womens_shelter",
        "applicant.address": ADDRESS,
        "housing.housing_kind": "shelter",
        "housing.shelter_fee": 0,
        "additional_needs.applicant.costly_diet": True,
    }
    return prune(draft, TODAY)[0]


def built(draft: Draft) -> dict[str, Any]:
    view = look(draft, TODAY)
    result = build_application(view, [Upload("evidence.E-ID.applicant", DOCUMENT)])
    assert isinstance(result, Built), result
    return result.application


def first_page(pdf: bytes) -> str:
    return " ".join(PdfReader(io.BytesIO(pdf)).pages[0].extract_text().replace("\u00ad\n", "").split())


def test_a_womens_shelter_raises_the_flag_and_protects_all_evidence() -> None:
    application = built(shelter())
    assert application["flags"] == [PROTECTED]
    classes = {entry["evidence_code"]: entry["class"] for entry in application["evidence"]}
    assert classes.pop("E-DIET") == "health"
    assert set(classes.values()) == {"protected_address"}
    assert {slot.protection for slot in look(shelter(), TODAY).slots} == {
        Protection.HEALTH,
        Protection.PROTECTED_ADDRESS,
    }


def test_elsewhere_nothing_is_raised() -> None:
    application = built(add_account(SINGLE))
    assert "flags" not in application
    assert {entry["class"] for entry in application["evidence"]} == {"normal"}


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"responsibility.residence_situation": "womens_shelter"}, "confidential_address"),
        ({"applicant.urgent_need": ["no_food_money"]}, "urgent"),
        ({"applicant.marital_status": "divorced", "applicant.marital_status_since": "2020-01-01",
          "maintenance.applicant.hardship": True}, "do_not_contact"),
    ],
)  # fmt: skip
def test_a_flag_that_the_answers_call_for_must_not_be_missing(change: dict[str, Any], flag: str) -> None:
    draft = shelter() if flag == "confidential_address" else add_account(SINGLE)
    application = built(prune(draft | change, TODAY)[0])
    assert {"flag": flag, "person_ref": "applicant"} in application["flags"]
    del application["flags"]
    assert [(error.path, error.code) for error in validate(application)] == [("/flags", "flag-missing")]


def test_a_sender_may_raise_more_but_for_nobody_unknown() -> None:
    application = built(add_account(SINGLE)) | {"flags": [PROTECTED]}
    assert validate(application) == []
    application["flags"] = [PROTECTED | {"person_ref": "person-7"}]
    assert [(error.path, error.code) for error in validate(application)] == [("/flags/0/person_ref", "person-unknown")]
    application["flags"] = [PROTECTED | {"flag": "unheard-of"}]
    assert [(error.path, error.code) for error in validate(application)] == [("/flags/0/flag", "option")]


def test_it_stands_first_on_the_first_page_and_the_address_in_no_running_head() -> None:
    pdf = render(built(shelter()), SERVICE, TODAY)
    page = first_page(pdf)
    assert page.index("Anschrift geheim halten") < page.index("Antragstellende Person")
    reader = PdfReader(io.BytesIO(pdf))
    heads = [sheet.extract_text().splitlines()[0] for sheet in reader.pages]
    assert not any(STREET in head or "Frauenhaus" in head for head in heads)
    assert STREET not in str(reader.metadata)
    assert sum(STREET in sheet.extract_text() for sheet in reader.pages) == 1


def test_the_paper_warns_even_if_the_sender_forgot() -> None:
    application = built(shelter())
    del application["flags"]
    assert "Anschrift geheim halten" in first_page(render(application, SERVICE, TODAY))


def test_what_is_brought_later_says_it_again() -> None:
    view = look(shelter(), TODAY)
    supplement = build_supplement(view, ["payment"], [Upload("evidence.E-ID.applicant", DOCUMENT)], "4711")
    assert supplement["flags"] == [PROTECTED]
    assert supplement["evidence"][0]["class"] == "protected_address"
    page = first_page(render(supplement, SERVICE, date(2026, 12, 1), kind=Kind.SUPPLEMENT))
    assert "Anschrift geheim halten" in page


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(1, 40), early=st.booleans())
def test_whatever_is_answered_a_shelter_is_never_sent_without_its_flag(seed: int, acts: int, early: bool) -> None:
    citizen = acted(seed, acts)
    citizen.draft = citizen.draft | {"responsibility.residence_situation": "womens_shelter"}
    result = completed(citizen, early=early)
    assert PROTECTED in result.application["flags"]
    assert not any(entry["class"] == "normal" for entry in result.application.get("evidence", []))
