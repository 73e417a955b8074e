"""The shipped definition is sound, and the linter finds what would not be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.form import DEFINITION
from shared.form.conditions import every, fact, is_in, no, yes
from shared.form.lint import lint
from shared.form.model import (
    Annex,
    Answer,
    Definition,
    Doubt,
    EvidenceKind,
    Fact,
    Flag,
    Notice,
    Option,
    Protection,
    Question,
    Repeat,
    Section,
)
from shared.form.schema import walk

SECTIONS = [
    "responsibility", "applicant", "household", "representation", "payment", "conditions", "additional_needs",
    "health_insurance", "housing", "income", "assets", "prior_claims", "maintenance", "education_participation",
    "one_off_needs", "close",
]  # fmt: skip


def test_the_shipped_definition_has_no_findings() -> None:
    assert lint(DEFINITION) == []


def test_it_has_all_sections_in_the_order_of_asking() -> None:
    assert [section.id for section in DEFINITION.sections] == SECTIONS


def test_every_question_is_asked_in_german_words_and_no_diagnosis() -> None:
    questions = [question for _, question in walk(DEFINITION)]
    assert len(questions) > 300
    assert all(question.label.strip() == question.label for question in questions)
    assert not any("Diagnose" in question.label for question in questions)
    assert [path for path, question in walk(DEFINITION) if not question.help] == ["household.persons.id"]


def test_everyone_but_the_applicant_is_asked_about_by_name() -> None:
    """ "Sie" is the applicant: a question about another person says so or names nobody."""
    for section in DEFINITION.sections:
        if section.repeat is not Repeat.PERSON:
            continue
        for one in section.questions:
            about = one.label_other or one.label
            to_applicant = about.startswith(("Sind Sie", "Haben Sie", "Können Sie a", "Brauchen Sie"))
            only_applicant = section.id == "maintenance" or one.id == "single_parent"
            assert only_applicant or not to_applicant, (section.id, one.id)


def test_annex_codes_are_those_of_the_paper_set() -> None:
    assert [annex.code for annex in DEFINITION.annexes] == [
        "HA", "WEP", "KI", "KDU", "EK", "EKS", "VM", "HG", "VE", "SV",
        "UH-spouse", "UH-care", "UH-child", "UH-parents", "UF", "MEB", "BB", "BuT",
    ]  # fmt: skip


def test_it_survives_its_own_json_form() -> None:
    assert Definition.model_validate_json(DEFINITION.model_dump_json()) == DEFINITION


def test_it_is_frozen_and_knows_no_other_fields() -> None:
    with pytest.raises(ValidationError):
        DEFINITION.version = "2.0.0"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Question.model_validate({"id": "aa", "type": "text", "label": "A", "wenn": None})


def question(question_id: str = "aa", kind: Answer = Answer.YES_NO, **more: Any) -> Question:
    return Question(id=question_id, type=kind, label=more.pop("label", f"{question_id}?"), **more)


def form_of(*sections: Section) -> Definition:
    return Definition(
        service="test-form",
        version="1.0.0",
        title="Test",
        sections=sections,
        evidence=(EvidenceKind(code="E-ID", label="Ausweis"),),
        annexes=(Annex(code="HA", label="Hauptantrag"),),
    )


def section(*questions: Question, **more: Any) -> Section:
    return Section(id=more.pop("id", "first"), title="Test", questions=questions, **more)


def said(**reason: Any) -> Notice:
    return Notice(id="word", title="Titel", text="Text.", **reason)


@pytest.mark.parametrize(
    ("flag", "finding"),
    [
        (Flag(id="red", label="A", text="B", when=yes("first.aa")), None),
        (Flag(id="red", label="A", text="B", when=yes("first.bb")), "flag red: first.bb is not asked"),
        (Flag(id="red", label="A", text="B"), "flag red: no answers raise it"),
        (
            Flag(id="red", label="A", text="B", each=yes("first.aa"), protection=Protection.PROTECTED_ADDRESS),
            "flag red: protects for single persons",
        ),
    ],
)
def test_flags_look_at_what_is_asked(flag: Flag, finding: str | None) -> None:
    definition = form_of(section(question())).model_copy(update={"flags": (flag,)})
    assert lint(definition) == ([finding] if finding else [])


COLOURS = (Option(value="red", label="rot"), Option(value="blue", label="blau"))
ONE = question("colour", Answer.ONE, options=COLOURS)
GROUP = question("cars", Answer.GROUP, fields=(question("new"), question("big", when=yes("first.cars.new"))))


@pytest.mark.parametrize(
    "sections",
    [
        [section(question(), question("bb", when=yes("first.aa")))],
        [section(GROUP)],
        [section(question()), section(question("bb", when=no("first.aa")), id="second", repeat=Repeat.PERSON)],
        [section(ONE, question("bb", when=is_in("first.colour", "red")))],
        [section(question(evidence=("E-ID",)))],
    ],
    ids=["earlier", "same-item", "other-section", "option", "evidence"],
)
def test_sound_definitions_pass(sections: list[Section]) -> None:
    assert lint(form_of(*sections)) == []


@pytest.mark.parametrize(
    ("sections", "finding"),
    [
        ([section(question("bb", when=yes("first.aa")), question())], "first.bb: first.aa is not asked before"),
        ([section(question("bb", when=yes("first.bb")))], "first.bb: first.bb is not asked before"),
        ([section(question("bb", when=yes("other.aa")))], "first.bb: other.aa is not asked before"),
        ([section(question("bb", required=yes("other.aa")))], "first.bb: other.aa is not asked before"),
        ([section(question(), when=yes("first.aa"))], "first: first.aa is not asked before"),
        ([section(question(), question())], "first: id 'aa' stands 2 times"),
        ([section(question()), section(question())], "form: section id 'first' stands 2 times"),
        ([section(question(label="A?"), question("bb", label="A?"))], "first: question 'A? None' stands 2 times"),
        (
            [section(ONE, question("bb", when=is_in("first.colour", "green")))],
            "first.bb: first.colour never has one of these values",
        ),
        (
            [section(question(), question("bb", when=is_in("first.aa", "yes")))],
            "first.bb: first.aa never has one of these values",
        ),
        (
            [section(GROUP, question("bb", when=yes("first.cars.new")))],
            "first.bb: first.cars.new may have several answers here",
        ),
        (
            [section(question(), repeat=Repeat.PERSON), section(question("bb", when=yes("first.aa")), id="second")],
            "second.bb: first.aa may have several answers here",
        ),
        (
            [section(question(), question("bb", when=every(yes("first.aa"), no("first.aa"))))],
            "first.bb: no answers lead to it",
        ),
        (
            [
                section(
                    question(),
                    question("bb", when=yes("first.aa")),
                    question("cc", when=every(yes("first.bb"), no("first.aa"))),
                )
            ],
            "first.cc: no answers lead to it",
        ),
        (
            [
                section(
                    question("bb", when=every(fact(Fact.UNDER_15), fact(Fact.AGE_60_OR_OLDER))), repeat=Repeat.PERSON
                )
            ],
            "first.bb: no answers lead to it",
        ),
        (
            [
                section(question(label="Wie heißt Ihre Krankenkasse?")),
                section(question("bb", label="Wie heißt Ihre Krankenkasse?"), id="second"),
            ],
            "first, second: question 'Wie heißt Ihre Krankenkasse?' is asked twice",
        ),
        ([section(question(evidence=("E-PAY",)))], "first.aa: evidence E-PAY is not declared"),
        ([section(question(annex="EK"))], "first.aa: annex EK is not declared"),
        ([section(question(), annex="EK")], "first: annex EK is not declared"),
        ([section(question(options=COLOURS))], "first.aa: options and type yn do not go together"),
        ([section(question(kind=Answer.ONE))], "first.aa: options and type one do not go together"),
        ([section(question(kind=Answer.GROUP))], "first.aa: fields and type group do not go together"),
        ([section(question(kind=Answer.EVIDENCE))], "first.aa: asks for evidence and names none"),
        (
            [section(question("cc", Answer.GROUP, fields=(GROUP,)))],
            "first.cc: groups hold plain questions only",
        ),
        (
            [section(question(notices=(said(when=yes("first.bb")),)), question("bb"))],
            "first.aa, notice word: first.bb is not asked before",
        ),
        (
            [section(question(notices=(said(when=yes("first.aa")),) * 2))],
            "first.aa: notice 'word' stands 2 times",
        ),
        ([section(question(notices=(said(),)))], "first.aa: notice word needs one reason"),
        (
            [section(question(notices=(said(when=yes("first.aa"), doubt=Doubt.TAX_ID),)))],
            "first.aa: notice word needs one reason",
        ),
        (
            [section(question(notices=(said(doubt=Doubt.TAX_ID),)))],
            "first.aa: notice word doubts what is no text",
        ),
        (
            [section(question(), question("bb", when=yes("first.aa"), notices=(said(when=no("first.aa")),)))],
            "first.bb, notice word: no answers lead to it",
        ),
        (
            [section(question(kind=Answer.TEXT, must_be=True))],
            "first.aa: only a declaration can have one acceptable answer",
        ),
    ],
)
def test_the_linter_finds(sections: list[Section], finding: str) -> None:
    assert finding in lint(form_of(*sections))
