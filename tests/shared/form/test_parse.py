"""What citizens type, taken as they mean it, or told in German what to do."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.form import DEFINITION
from shared.form.answers import answer_schema
from shared.form.iban import with_check_digits
from shared.form.model import Answer, Option, Question
from shared.form.parse import FieldProblem, parse, raw_names, raw_values, typed_money
from shared.form.schema import walk

TODAY = date(2026, 11, 22)
IBAN = with_check_digits("DE", "500105170000000001")
TYPED = [question for _, question in walk(DEFINITION) if question.type not in (Answer.GROUP, Answer.EVIDENCE)]


def ask(kind: Answer, **more: Any) -> Question:
    return Question(id="asked", type=kind, label="Gefragt", **more)


def parsed(question: Question, *typed: str) -> Any:
    return parse(question, "k", {"k": list(typed)}, TODAY)


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("480", 48_000),
        ("480,5", 48_050),
        ("480,50", 48_050),
        ("480.50", 48_050),
        ("1.234,56", 123_456),
        ("1234.56", 123_456),
        ("1,234.56", 123_456),
        ("1 234", 123_400),
        ("1.234", 123_400),
        ("1.234.567,89", 123_456_789),
        ("12,-", 1_200),
        ("12,--", 1_200),
        (" 480 € ", 48_000),
        ("480 Euro", 48_000),
        ("0", 0),
        ("", None),
    ],
)
def test_money_as_people_write_it(typed: str, cents: int | None) -> None:
    assert parsed(ask(Answer.MONEY), typed) == cents


@pytest.mark.parametrize("typed", ["viel", "1,2,3", "1.23.4", "-5", "480,555", "4 8 0,0,", "99999999999999", "1..2"])
def test_money_that_nobody_can_mean(typed: str) -> None:
    assert isinstance(parsed(ask(Answer.MONEY), typed), FieldProblem)


def test_negative_money_only_where_it_makes_sense() -> None:
    debt = ask(Answer.MONEY, minimum=-100_000)
    assert parsed(debt, "-45,12") == -4_512
    assert parsed(debt, "−45,12") == -4_512
    problem = parsed(ask(Answer.MONEY), "-45,12")
    assert isinstance(problem, FieldProblem)
    assert problem.message == "Der Betrag kann nicht negativ sein."


@given(st.integers(-(10**9), 10**9))
def test_money_comes_back_as_it_was_shown(cents: int) -> None:
    assert parsed(ask(Answer.MONEY, minimum=-(10**9), maximum=10**9), typed_money(cents)) == cents


@pytest.mark.parametrize("typed", ["3.7.1984", "03.07.1984", "1984-07-03", "3. 7. 1984", "3. Juli 1984", "3 jul 1984"])
def test_dates_in_one_field(typed: str) -> None:
    assert parsed(ask(Answer.DATE), typed) == "1984-07-03"


@pytest.mark.parametrize(
    ("day", "month", "year", "wrong"),
    [
        ("31", "4", "2020", "k--day"),
        ("0", "4", "2020", "k--day"),
        ("1", "13", "2020", "k--month"),
        ("1", "Foo", "2020", "k--month"),
        ("1", "4", "20", "k--year"),
        ("1", "4", "1850", "k--year"),
        ("1", "", "2020", "k--month"),
        ("", "4", "2020", "k--day"),
        ("²", "4", "2020", "k--day"),
    ],
)
def test_dates_that_are_none(day: str, month: str, year: str, wrong: str) -> None:
    form = {"k--day": [day], "k--month": [month], "k--year": [year]}
    problem = parse(ask(Answer.DATE), "k", form, TODAY)
    assert isinstance(problem, FieldProblem)
    assert problem.name == wrong


def test_dates_against_the_day_of_answering() -> None:
    birth = ask(Answer.DATE, latest_days=0)
    assert parsed(birth, "22.11.2026") == "2026-11-22"
    assert isinstance(parsed(birth, "23.11.2026"), FieldProblem)
    due = ask(Answer.DATE, earliest_days=-30, latest_days=305)
    assert parsed(due, "1.9.2027") == "2027-09-01"
    assert isinstance(parsed(due, "1.12.2027"), FieldProblem)
    assert isinstance(parsed(due, "1.9.2026"), FieldProblem)


def test_the_rest_of_the_types() -> None:
    colour = (Option(value="red", label="rot"), Option(value="none", label="keine"))
    assert parsed(ask(Answer.IBAN), f"{IBAN[:4]} {IBAN[4:8].lower()} {IBAN[8:]}") == IBAN
    assert parsed(ask(Answer.POSTCODE), "D-63 303") == "63303"
    assert parsed(ask(Answer.INTEGER, maximum=500), "48 m²") == 48
    assert parsed(ask(Answer.INTEGER, maximum=2_000_000), "184.000") == 184_000
    assert parsed(ask(Answer.YES_NO), "no") is False
    assert parsed(ask(Answer.YES_NO, must_be=True), "on") is True
    assert parsed(ask(Answer.YES_NO, must_be=True)) is None
    assert parsed(ask(Answer.ONE, options=colour), "red") == "red"
    assert parsed(ask(Answer.MANY, options=colour), "red") == ["red"]
    assert isinstance(parsed(ask(Answer.MANY, options=colour), "red", "none"), FieldProblem)
    assert isinstance(parsed(ask(Answer.ONE, options=colour), "green"), FieldProblem)
    assert parsed(ask(Answer.COUNTRIES), "DE", "", "UA", "DE") == ["DE", "UA"]
    assert parsed(ask(Answer.TEXT), "  zu   viele  Leerzeichen ") == "zu viele Leerzeichen"
    assert parsed(ask(Answer.LONG), "eins\r\nzwei ") == "eins\nzwei"


def test_an_address_needs_postcode_and_city() -> None:
    question = ask(Answer.ADDRESS)
    problem = parse(question, "k", {"k--street": ["Am Hang"], "k--city": ["Dreieich"]}, TODAY)
    assert isinstance(problem, FieldProblem)
    assert problem.name == "k--postcode"
    form = {"k--street": ["Am Hang"], "k--postcode": ["63303"], "k--city": ["Dreieich"], "k--care_of": [""]}
    assert parse(question, "k", form, TODAY) == {"street": "Am Hang", "postcode": "63303", "city": "Dreieich"}


@given(st.sampled_from(TYPED), st.lists(st.text(max_size=40), max_size=3), st.data())
def test_nothing_typed_breaks_it_and_nothing_bad_gets_through(
    question: Question, typed: list[str], data: st.DataObject
) -> None:
    form = dict.fromkeys(raw_names(question, "k"), typed) | {"k": typed}
    answer = parse(question, "k", form, TODAY)
    if isinstance(answer, FieldProblem):
        assert answer.message
        assert answer.name.startswith("k")
    elif answer is not None and question.type is not Answer.ADDRESS:
        import jsonschema_rs

        assert jsonschema_rs.is_valid(answer_schema(question), answer, validate_formats=True)
        again = parse(question, "k", raw_values(question, "k", answer), TODAY)
        assert again == answer
