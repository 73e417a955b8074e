"""Words about an answer: said once, never in the way, never sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.form import DEFINITION, validate
from shared.form.flow import Built, Draft, Form, Saved, build_application, look, raw_values, save
from shared.form.model import Answer
from shared.form.schema import walk
from tests.shared.form.drafts import TODAY, acted
from tests.shared.form.single import SINGLE, add_account

WHOLE = add_account(SINGLE)


def said(draft: Draft) -> set[tuple[str, str]]:
    return {
        (asked.key, notice.id) for step in look(draft, TODAY).steps for asked in step.asked for notice in asked.notices
    }


def page(draft: Draft, step_id: str, **typed: str) -> Saved:
    """The page as it is shown, with these inputs changed, saved."""
    step = look(draft, TODAY).step(step_id)
    form: Form = {}
    for asked in step.asked:
        if asked.question.type not in (Answer.GROUP, Answer.EVIDENCE):
            form = {**form, **raw_values(asked.question, asked.key, asked.value)}
    return save(draft, step, {**form, **{name: [value] for name, value in typed.items()}}, TODAY)


@pytest.mark.parametrize(
    ("born", "notice"),
    [
        ("2011-11-23", "under_15"),
        ("2011-11-22", "under_18"),
        ("2008-11-23", "under_18"),
        ("2008-11-22", None),
        ("1960-07-02", None),
        ("1960-07-01", "pension_age"),
        ("1940-01-01", "pension_age"),
    ],
)
def test_ages_that_matter_are_told_and_hinder_nothing(born: str, notice: str | None) -> None:
    draft = WHOLE | {"applicant.birth_date": born}
    assert said(draft) == ({("applicant.birth_date", notice)} if notice else set())
    assert "applicant.birth_date" not in {
        one.key for one in getattr(build_application(look(draft, TODAY)), "missing", ())
    }


NUMBERS = {
    "applicant.pension_insurance_number": ("65170839J003", "65170839J004"),
    "applicant.tax_id": ("86095742719", "86095742710"),
    "health_insurance.applicant.insured_number": ("A123456780", "A123456789"),
}


@pytest.mark.parametrize("key", NUMBERS)
def test_a_wrong_check_digit_is_a_warning_and_is_sent_as_typed(key: str) -> None:
    right, wrong = NUMBERS[key]
    assert said(WHOLE | {key: right}) == set()
    draft = WHOLE | {key: wrong}
    assert said(draft) == {(key, "check_digit")}
    built = build_application(look(draft, TODAY))
    assert isinstance(built, Built)
    assert validate(built.application) == []
    assert wrong in json.dumps(built.application)
    assert "check_digit" not in json.dumps(built.application)


def test_a_word_is_new_once_for_each_answer() -> None:
    step, name = "applicant.marital_status", "applicant.pension_insurance_number"
    first = page(WHOLE, step, **{name: "65170839J004"})
    assert (first.noticed, first.problems) == ((name,), ())
    again = page(first.draft, step)
    assert again.noticed == ()
    other = page(first.draft, step, **{name: "65170839J005"})
    assert other.noticed == (name,)
    assert page(first.draft, step, **{name: "65170839J003"}).noticed == ()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(1, 40))
def test_no_notice_stands_in_the_way_or_is_sent(seed: int, acts: int) -> None:
    citizen = acted(seed, acts)
    view = citizen.view()
    silent = look(citizen.draft, TODAY, DEFINITION.model_validate_json(_without_notices()))
    assert [step.id for step in view.steps] == [step.id for step in silent.steps]
    assert view.answers == silent.answers
    assert [state.state for state in view.sections] == [state.state for state in silent.sections]
    for step in view.steps:
        for asked in step.asked:
            if asked.notices:
                assert asked.value is not None
                # Who reads it and stays with the answer goes on.
                assert asked.key not in page(citizen.draft, step.id).noticed


def _without_notices() -> str:
    def strip(node: object) -> object:
        if isinstance(node, dict):
            return {key: strip(value) for key, value in node.items() if key != "notices"}
        return [strip(one) for one in node] if isinstance(node, list) else node

    return json.dumps(strip(json.loads(DEFINITION.model_dump_json())))


def test_notices_are_plain_sentences_that_say_what_to_do() -> None:
    notices = [notice for _, question in walk(DEFINITION) for notice in question.notices]
    assert len(notices) >= 8
    for notice in notices:
        assert notice.text.endswith("."), notice.id
        assert not notice.title.endswith("."), notice.id
        longest = max(len(sentence.split()) for sentence in notice.text.replace(": ", ". ").split(". "))
        assert longest <= 25, (notice.id, longest)
