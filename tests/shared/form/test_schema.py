"""The derived schema: standard, closed, and of one mind with the definition's conditions."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared import form
from shared.contracts.manifest import Kind
from shared.form.model import Answer
from shared.form.schema import build_schema
from tests.shared.form.generate import Generator, container

SEEDS = st.integers(0, 2**48)


@pytest.mark.parametrize("kind", list(Kind))
def test_it_is_a_2020_12_schema_with_a_versioned_id(kind: Kind) -> None:
    schema = form.schema(form.SERVICE, kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == form.schema_uri(form.SERVICE, kind)
    assert re.fullmatch(rf"urn:antragsweiche:form:sgb2-hauptantrag:{kind.value}:{form.FORM_VERSION}", schema["$id"])


def test_ids_differ_by_kind() -> None:
    assert len({form.schema_uri(form.SERVICE, kind) for kind in Kind}) == len(Kind)


def test_unknown_services_are_no_silent_default() -> None:
    with pytest.raises(KeyError):
        form.schema("other-service")


def test_every_object_is_closed() -> None:
    def open_objects(node: Any, path: str) -> list[str]:
        if isinstance(node, list):
            return [found for index, child in enumerate(node) for found in open_objects(child, f"{path}/{index}")]
        if not isinstance(node, dict):
            return []
        # Rules (if, then, contains, allOf) only look; the objects they look at are closed where they are described.
        found = [
            hit
            for key, child in node.items()
            if key not in ("if", "then", "else", "contains", "allOf", "not", "anyOf", "dependentSchemas")
            for hit in open_objects(child, f"{path}/{key}")
        ]
        if node.get("type") == "object" and node.get("additionalProperties") is not False:
            found.append(path)
        return found

    for kind in Kind:
        schema = form.schema(form.SERVICE, kind)
        assert open_objects(schema, "") == []


def test_building_it_twice_gives_the_same() -> None:
    assert build_schema(form.DEFINITION, Kind.APPLICATION) == form.schema(form.SERVICE)


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_whoever_follows_the_definition_is_accepted(seed: int) -> None:
    generated = Generator(seed)
    assert form.validate(generated.application) == []


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_an_independent_validator_agrees(seed: int) -> None:
    generated = Generator(seed)
    validator = jsonschema.Draft202012Validator(
        form.schema(form.SERVICE), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    assert [error.json_path for error in validator.iter_errors(generated.application)] == []
    generated.application["responsibility"]["unheard_of"] = True
    assert not validator.is_valid(generated.application)


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_hidden_answer_is_refused_where_it_stands(seed: int, random: Any) -> None:
    generated = Generator(seed)
    place, question = random.choice([hit for hit in generated.hidden if hit[1].type is not Answer.GROUP])
    container(generated.application, place)[question.id] = generated._answer(question, 0)
    errors = form.validate(generated.application)
    expected = "".join(f"/{part}" for part in (*place, question.id))
    assert (expected, "hidden") in [(error.path, error.code) for error in errors]


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_required_answer_is_missed_unless_its_section_follows(seed: int, random: Any) -> None:
    generated = Generator(seed)
    application = generated.application
    places = [
        (section, question.id)
        for section in form.DEFINITION.sections
        for question in section.questions
        if question.required is True and question.when is None and section.id in application
    ]
    section, name = random.choice(places)
    whole = application[section.id]
    content = whole[0] if isinstance(whole, list) else whole
    del content[name]
    path = f"/{section.id}/0/{name}" if isinstance(whole, list) else f"/{section.id}/{name}"
    assert (path, "required") in [(error.path, error.code) for error in form.validate(application)]
    if section.deferrable:
        application["to_follow"] = [section.id]
        # Without the answer, others that hang on it are hidden: only "required" must be gone.
        assert (path, "required") not in [
            (error.path, error.code) for error in form.validate(application) if not _early(section.id, name)
        ]


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_an_answer_that_another_calls_for_is_missed(seed: int, random: Any) -> None:
    generated = Generator(seed)
    assume(generated.demanded)
    place, question = random.choice(generated.demanded)
    del container(generated.application, place)[question.id]
    expected = "".join(f"/{part}" for part in (*place, question.id))
    assert (expected, "required") in [(error.path, error.code) for error in form.validate(generated.application)]


def test_a_rule_stands_where_it_is_looked_at_only_with_the_answer_that_it_hangs_on() -> None:
    structure, complete = (form.schema(form.SERVICE)["$defs"][name] for name in ("payment", "payment_complete"))
    has_account = {"required": ["has_account"], "properties": {"has_account": {"enum": [True]}}}
    hidden = structure["dependentSchemas"]
    assert hidden["iban"] == {"if": has_account, "else": {"properties": {"iban": False}}}
    demanded = {"if": has_account, "then": {"required": ["iban", "account_holder"]}}
    assert complete["dependentSchemas"] == {"has_account": demanded}


def _early(section_id: str, name: str) -> bool:
    section = form.DEFINITION.section(section_id)
    assert section is not None
    return any(question.id == name and question.early for question in section.questions)


def test_the_housing_section_is_not_asked_of_those_without_a_home() -> None:
    generated = Generator(1)
    while generated.application["responsibility"]["residence_situation"] in ("no_fixed_home", "prison"):
        generated = Generator(generated.random.randrange(2**32))
    housing = generated.application["housing"]
    while generated.application["responsibility"]["residence_situation"] != "no_fixed_home":
        generated = Generator(generated.random.randrange(2**32))
    assert "housing" not in generated.application
    generated.application["housing"] = housing
    assert ("/housing", "hidden") in [(error.path, error.code) for error in form.validate(generated.application)]
