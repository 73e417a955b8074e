"""Validation: what is told, and that nothing of the answers is told."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devtools import households
from devtools.households import Place
from shared import form
from shared.contracts.manifest import Kind
from shared.form.errors import HINTS
from shared.form.limits import MAX_DEPTH, MAX_ERRORS, MAX_NODES
from tests.shared.form.generate import Generator, container, leaves

PLACE = Place("63303", "Dreieich")
CANARY = "Wispelkanarie"
NUMBER = 7_310_498_221


def codes(application: Any, kind: Kind = Kind.APPLICATION) -> set[tuple[str, str]]:
    return {(error.path, error.code) for error in form.validate(application, form.SERVICE, kind)}


@pytest.fixture
def family() -> dict[str, Any]:
    return deepcopy(households.family(PLACE, CANARY, 1))


HOSTILE = st.sampled_from(
    [
        CANARY,
        {CANARY: CANARY},
        [CANARY],
        NUMBER,
        -NUMBER,
        1.5,
        None,
        True,
        f"{CANARY}\u0000",
        f"{CANARY}\ud800",
        CANARY * 900,
        [[[[[[[[[[[[[[CANARY]]]]]]]]]]]]]],
        [CANARY] * 600,
        {"person_ref": CANARY},
        {},
        [],
        "",
        float("nan"),
        10**400,
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.lists(HOSTILE, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_no_answer_ever_stands_in_an_error(seed: int, hostile: list[Any], random: Any) -> None:
    application = Generator(seed).application
    for value in map(deepcopy, hostile):
        path = random.choice(list(leaves(application)))
        parent = container(application, path[:-1])
        if isinstance(parent, dict) and random.random() < 0.3:
            parent[f"{CANARY}/~ {NUMBER}"] = value
        else:
            parent[path[-1]] = value
    told = repr(form.validate(application))
    assert CANARY not in told
    assert str(NUMBER) not in told


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    st.sampled_from(list(Kind)),
)
def test_any_json_is_answered_with_errors_and_never_an_exception(value: Any, kind: Kind) -> None:
    errors = form.validate(value, form.SERVICE, kind)
    assert errors
    assert errors == sorted(errors)
    assert all(error.hint == HINTS[error.code] for error in errors)


def test_a_complete_application_passes(family: dict[str, Any]) -> None:
    assert form.validate(family) == []


def test_an_early_submission_needs_only_who_and_where() -> None:
    early = households.early(PLACE, CANARY, 1)
    assert form.validate(early) == []
    assert set(early["applicant"]) == {"family_name", "given_names", "birth_date", "address", "phone"}


@pytest.mark.parametrize("name", ["family_name", "given_names", "birth_date", "address"])
def test_an_early_submission_still_needs(name: str) -> None:
    early = households.early(PLACE, CANARY, 1)
    del early["applicant"][name]
    assert codes(early) == {(f"/applicant/{name}", "required")}


def test_an_early_submission_needs_the_declaration_and_the_place() -> None:
    early = households.early(PLACE, CANARY, 1)
    early["close"] = {}
    del early["responsibility"]["residence_postcode"]
    assert codes(early) == {
        ("/close/truth_declaration", "required"),
        ("/responsibility/residence_postcode", "required"),
    }
    early["close"] = {"truth_declaration": False}
    assert ("/close/truth_declaration", "constant") in codes(early)


def test_what_neither_stands_there_nor_follows_is_missed() -> None:
    early = households.early(PLACE, CANARY, 1)
    early["to_follow"].remove("payment")
    assert codes(early) == {("/payment", "required")}


def test_responsibility_cannot_follow_later() -> None:
    early = households.early(PLACE, CANARY, 1)
    early["to_follow"] = ["responsibility", *early["to_follow"]]
    assert codes(early) == {("/to_follow/0", "option")}


def test_without_a_home_no_address_is_asked() -> None:
    application = households.no_fixed_home(PLACE, CANARY, 1)
    assert form.validate(application) == []
    application["applicant"]["address"] = {"postcode": "63303", "city": "Dreieich"}
    assert codes(application) == {("/applicant/address", "hidden")}


def test_unknown_properties_are_refused_with_a_clear_hint_and_without_their_name(family: dict[str, Any]) -> None:
    family["applicant"][CANARY] = 1
    family["household"]["persons"][0][CANARY] = 1
    errors = form.validate(family)
    assert [(error.path, error.code) for error in errors] == [
        ("/applicant", "unknown-property"),
        ("/household/persons/0", "unknown-property"),
    ]
    assert "property" in errors[0].hint


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("payment", "iban"), "DE89370400440532013001", "iban"),
        (("payment", "iban"), "DE8937040044053201300", "iban"),
        (("payment", "iban"), "de89 3704", "pattern"),
        (("applicant", "birth_date"), "1990-02-30", "format"),
        (("applicant", "birth_date"), "1890-02-03", "date"),
        (("applicant", "birth_date"), "03.02.1990", "format"),
        (("applicant", "given_names"), "x" * 121, "too-long"),
        (("applicant", "given_names"), "  ", "pattern"),
        (("applicant", "given_names"), "a\nb", "pattern"),
        (("close", "remarks"), "x" * 2001, "too-long"),
        (("housing", "cold_rent"), -1, "too-small"),
        (("housing", "cold_rent"), "480,00", "type"),
        (("housing", "cold_rent"), True, "type"),
        (("housing", "housing_kind"), "castle", "option"),
        (("household", "persons", 1, "id"), "person-1", "person-repeated"),
        (("conditions", 1, "person_ref"), "person-9", "person-unknown"),
        (("conditions", 1, "person_ref"), "applicant", "person-repeated"),
        (("health_insurance", 1, "main_insured"), "person-9", "person-unknown"),
        (("income", 1, "kinds"), ["minijob", "none"], "contradiction"),
        (("income", 1, "jobs", 0, "until"), "2023-12-31", "date-order"),
        (("form", "version"), "0.9.0", "constant"),
        (("form", "service"), "other", "constant"),
        (("annex_codes",), ["XX"], "option"),
        (("annex_codes",), ["HA", "HA"], "repeated"),
    ],
)
def test_wrong_answers_have_their_code(family: dict[str, Any], path: Any, value: Any, code: str) -> None:
    container(family, path[:-1])[path[-1]] = value
    found = codes(family)
    assert code in {code for _, code in found}
    assert any(where.startswith("".join(f"/{part}" for part in path)) for where, _ in found)


def test_somebody_outside_the_household_may_be_the_main_insured(family: dict[str, Any]) -> None:
    family["health_insurance"][1]["main_insured"] = "outside"
    assert form.validate(family) == []


def test_the_applicant_has_an_entry_in_every_section_by_person(family: dict[str, Any]) -> None:
    family["conditions"].pop(0)
    assert ("/conditions", "applicant-missing") in codes(family)


DOCUMENT = "7a0f6a52-52e4-4b5e-9f0d-0d9d1f2f3a4b"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"document": DOCUMENT}, set()),
        ({"state": "will_follow"}, set()),
        ({"state": "will_follow", "follows_by": "2026-12-15"}, set()),
        ({"state": "not_available", "reason": "verbrannt"}, set()),
        ({"state": "not_available"}, {("/evidence/0/reason", "required")}),
        ({"document": DOCUMENT, "state": "will_follow"}, {("/evidence/0/state", "hidden")}),
        ({}, {("/evidence/0/state", "required")}),
        ({"document": "1"}, {("/evidence/0/document", "format"), ("/evidence/0/document", "pattern")}),
        ({"document": DOCUMENT, "person_ref": "person-8"}, {("/evidence/0/person_ref", "person-unknown")}),
        ({"document": DOCUMENT, "question_id": "payment.iban"}, {("/evidence/0/question_id", "option")}),
        (
            {"document": DOCUMENT, "question_id": "housing.cold_rent"},
            {("/evidence/0/question_id", "question-without-evidence")},
        ),
    ],
)
def test_evidence_is_uploaded_announced_or_explained(
    family: dict[str, Any], entry: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    family["evidence"] = [{"evidence_code": "E-ID"} | entry]
    assert codes(family) == expected


def test_one_document_stands_once_for_a_question(family: dict[str, Any]) -> None:
    entry = {"evidence_code": "E-ID", "document": DOCUMENT}
    family["evidence"] = [entry, dict(entry)]
    assert codes(family) == {("/evidence/1", "evidence-repeated")}


def test_named_documents_are_found_in_order_and_once() -> None:
    other = DOCUMENT.replace("7", "8")
    entries: list[dict[str, Any]] = [
        {"document": other},
        {"state": "will_follow"},
        {"document": DOCUMENT},
        {"document": other},
    ]
    assert form.documents_named({"evidence": entries}) == [other, DOCUMENT]
    assert form.documents_named({}) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("nan"), "not-json"),
        (1.0, "not-json"),
        (None, "not-json"),
        (2**53, "not-json"),
        ("\udfff", "not-unicode"),
        ([0] * MAX_NODES, "too-deep"),
    ],
)
def test_what_is_no_plain_json_is_refused_before_the_schema(family: dict[str, Any], value: Any, code: str) -> None:
    family["applicant"]["phone"] = value
    assert codes(family) == {("", code)}


def test_a_lone_surrogate_in_a_property_name_is_refused(family: dict[str, Any]) -> None:
    family["\ud800"] = 1
    assert codes(family) == {("", "not-unicode")}


def test_deep_nesting_is_refused_without_recursion() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert codes(deep) == {("", "too-deep")}
    assert MAX_DEPTH < 100_000


def test_errors_are_capped(family: dict[str, Any]) -> None:
    family["income"][1]["jobs"] = [{"employer": 1, "since": 2, "weekly_hours": "3", "varying": 4} for _ in range(50)]
    assert len(form.validate(family)) == MAX_ERRORS


def test_supplements_carry_evidence_remarks_and_announced_sections() -> None:
    supplement = households.supplement(CANARY, "A-1")
    assert form.validate(supplement, form.SERVICE, Kind.SUPPLEMENT) == []
    supplement["evidence"] = [{"evidence_code": "E-ID", "document": DOCUMENT, "person_ref": "person-1"}]
    supplement["payment"] = households.family(PLACE, CANARY, 1)["payment"]
    assert form.validate(supplement, form.SERVICE, Kind.SUPPLEMENT) == []
    supplement["responsibility"] = {"residence_situation": "prison", "residence_postcode": "63303"}
    assert codes(supplement, Kind.SUPPLEMENT) == {("", "unknown-property")}


def test_an_empty_supplement_is_refused() -> None:
    supplement = households.supplement(CANARY, "A-1")
    del supplement["remarks"]
    assert codes(supplement, Kind.SUPPLEMENT) == {("", "too-few")}


def test_check_digits_count_in_supplements_too() -> None:
    supplement = households.supplement(CANARY, "A-1")
    supplement["payment"] = {"has_account": True, "iban": "DE89370400440532013001"}
    assert codes(supplement, Kind.SUPPLEMENT) == {("/payment/iban", "iban")}


def test_a_withdrawal_needs_the_declaration_and_no_reason() -> None:
    withdrawal = households.withdrawal(CANARY, "A-1")
    assert form.validate(withdrawal, form.SERVICE, Kind.WITHDRAWAL) == []
    del withdrawal["reason"]
    assert form.validate(withdrawal, form.SERVICE, Kind.WITHDRAWAL) == []
    del withdrawal["truth_declaration"]
    assert codes(withdrawal, Kind.WITHDRAWAL) == {("/truth_declaration", "required")}


def test_kinds_are_not_confused(family: dict[str, Any]) -> None:
    assert codes(family, Kind.WITHDRAWAL)
    assert codes(households.withdrawal(CANARY, "A-1"))


def test_an_application_is_far_below_the_size_limit(family: dict[str, Any]) -> None:
    assert len(json.dumps(family)) * 20 < form.MAX_APPLICATION_BYTES
