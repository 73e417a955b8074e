"""Invented households for the portal in a browser: what each one answers, brings, and which annexes must come of it.

A description names what is special; `Household.draft` adds the plain answer to everything else that is asked, so that
no household breaks when the form asks one more question. Keys are draft keys, see `shared.form.flow`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from devtools.documents import pdf, png
from devtools.jpeg import jpeg
from shared.form.flow import Draft, View, look, missing
from shared.form.iban import with_check_digits
from shared.form.media import JPEG, PDF, PNG
from shared.form.model import Answer, Question

Answers = dict[str, Any]
MAX_ROUNDS = 500


@dataclass(frozen=True)
class File:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Household:
    """`annexes`: exactly these codes must stand in the application. `files`: evidence code → files to upload.

    `early`: secures the date first and brings the rest later. `late`: evidence brought after the status page says that
    the application has arrived. `municipality`: what to choose where the postcode leaves it open.
    """

    name: str
    title: str
    answers: Answers
    annexes: tuple[str, ...]
    files: Mapping[str, tuple[File, ...]] = field(default_factory=dict)
    destination: str = "kreis-offenbach"
    municipality: str = ""
    early: bool = False
    late: tuple[File, ...] = ()

    def draft(self, today: date) -> Draft:
        """All answers of a complete application, none that is not asked. AssertionError when one would be hidden."""
        draft: Draft = dict(self.answers)
        for _ in range(MAX_ROUNDS):
            view = look(draft, today)
            lacking = missing(view)
            if not lacking:
                stray = [key for key in view.hidden if not key.endswith("_municipality")]
                assert not stray, f"{self.name} answers what is not asked: {stray}"
                return draft
            draft[lacking[0].key] = plain(lacking[0].key.split(".")[0], _question(view, lacking[0].key), today)
        raise AssertionError(f"{self.name} never gets complete: {[each.key for each in missing(look(draft, today))]}")


def _question(view: View, key: str) -> Question:
    return next(asked.question for step in view.steps for asked in step.asked if asked.key == key)


def plain(section: str, question: Question, today: date) -> Any:  # noqa: PLR0911, PLR0912 one for each type
    """What somebody without specialities answers."""
    if (own := _PLAIN.get(f"{section}.{question.id}")) is not None:
        return own
    if question.id in _PLAIN:
        return _PLAIN[question.id]
    values = [option.value for option in question.options]
    match question.type:
        case Answer.YES_NO:
            return bool(question.must_be)
        case Answer.YES_NO_UNKNOWN:
            return "no"
        case Answer.ONE | Answer.MANY:
            value = "none" if "none" in values else values[0]
            return value if question.type is Answer.ONE else [value]
        case Answer.DATE:
            return (today - timedelta(days=400)).isoformat()
        case Answer.MONEY:
            return 12_345
        case Answer.INTEGER:
            return max(question.minimum or 0, 3)
        case Answer.IBAN:
            return _IBAN
        case Answer.COUNTRY:
            return "DE"
        case Answer.COUNTRIES:
            return ["DE"]
        case Answer.ADDRESS:
            return _ADDRESS
        case Answer.PERSON:
            return "applicant"
        case Answer.LONG:
            return "Das ist so, seit ich hier wohne.\nMehr weiß ich nicht."
        case Answer.TEXT:
            return "Köhler & Söhne"
        case _:
            raise AssertionError(f"{question.id} needs an answer of its own")


_IBAN = with_check_digits("DE", "500105170123456789")
_ADDRESS = {"street": "Musterweg", "house_number": "5a", "postcode": "63303", "city": "Dreieich"}
_PLAIN: Answers = {
    "health_insurance.kind": "compulsory",
    "can_work_3h": "yes",
    "looking_for_work": True,
    "acts_for_self": True,
    "has_account": True,
    "account_is_own": True,
    "pension_insurance": "unknown",
    "nationality": ["DE"],
    "birth_country": "DE",
    "birth_place": "Hanau",
    "family_name": "Beispiel",
    "account_holder": "Kim Beispiel",
    "fund_name": "AOK Hessen",
    "insured_number": "A123456780",
    "pension_insurance_number": "65170839J003",
    "living_means": "Von Erspartem, fast aufgebraucht.",
    "persons_in_home": 1,
    "cold_rent": 48_050,
    "year": 2009,
    "previous_jobcenter": "Jobcenter Hanau",
    "iban_last4": "6789",
    "custody_share": "full",
    "child_benefit_recipient": "applicant",
    "reachable_at": "Tagestreff, bitte nach mir fragen",
}


def born(today: date, years: int) -> str:
    """Half a year after the birthday: no test turns a year older overnight."""
    return (today - timedelta(days=int(years * 365.25 + 180))).isoformat()


def _person(number: int, relation: str, given: str, birth_date: str, **more: Any) -> Answers:
    told = {"relation": relation, "family_name": "Beispiel", "given_names": given, "birth_date": birth_date, **more}
    return {f"household.persons.person-{number}.{name}": value for name, value in told.items()}


def _home(given: str, birth_date: str, **more: Any) -> Answers:
    applicant = {"family_name": "Beispiel", "given_names": given, "birth_date": birth_date, "address": _ADDRESS}
    return {
        "responsibility.residence_situation": "rented_home",
        "responsibility.residence_postcode": "63303",
        **{f"applicant.{name}": value for name, value in (applicant | more).items()},
    }


def households(today: date) -> tuple[Household, ...]:
    """The six of the issue, in its order."""
    return (
        _single(today),
        _family(today),
        _self_employed(today),
        _with_pensioner(today),
        _young(today),
        _no_fixed_home(today),
    )


def _single(today: date) -> Household:
    return Household(
        name="single",
        title="single person",
        answers={**_home("Änne Şirin", born(today, 41), marital_status="single"), "household.lives_alone": True},
        annexes=("HA", "KDU", "EK", "VM"),
        files={
            "E-ID": (
                File("Ausweis vorn.jpg", JPEG, jpeg("Vorderseite", 1)),
                File("Ausweis hinten.png", PNG, png("R", 2)),
            ),
            "E-RENT": (File("Mietvertrag Größe XL.pdf", PDF, pdf("Mietvertrag", 3)),),
        },
    )


def _family(today: date) -> Household:
    job = {
        "income.person-1.kinds": ["employment"],
        "income.person-1.jobs": ["i1"],
        "income.person-1.jobs.i1.employer": "Bäckerei Süß & Töchter",
        "income.person-1.jobs.i1.since": "2024-02-01",
        "income.person-1.jobs.i1.weekly_hours": 15,
        "income.person-1.jobs.i1.gross_monthly": 92_000,
        "income.person-1.jobs.i1.net_monthly": 75_340,
        "income.person-1.jobs.i1.varying": True,
        "conditions.person-1.employed_now": True,
    }
    children: Answers = {}
    for number, given, years, school in ((2, "Mia", 9, "school"), (3, "Ben", 4, "kita")):
        children |= _person(
            number,
            "own_child",
            given,
            born(today, years),
            other_parent_in_household=True,
            child_benefit=True,
            child_benefit_monthly=25_900,
            child_benefit_recipient="applicant",
            child_school=school,
        )
    return Household(
        name="family",
        title="couple with children and part-time work",
        answers={
            **_home("Yusuf", born(today, 38), marital_status="married", marital_status_since="2014-06-20"),
            # A wrong check digit: said once, and taken all the same.
            "applicant.pension_insurance": "known",
            "applicant.pension_insurance_number": "65170839J004",
            "household.lives_alone": False,
            "household.persons": ["person-1", "person-2", "person-3"],
            **_person(1, "spouse", "Hanna", born(today, 36)),
            **children,
            **job,
            "education_participation.person-2.but_needs": ["trips", "lunch"],
        },
        annexes=("HA", "WEP", "KI", "KDU", "EK", "VM", "BuT"),
        files={"E-PAY": (File("Lohnabrechnung.pdf", PDF, pdf("Lohn", 4)),)},
    )


def _self_employed(today: date) -> Household:
    return Household(
        name="self-employed",
        title="self-employed",
        answers={
            **_home("Jörn", born(today, 45), marital_status="divorced", marital_status_since="2020-01-15"),
            "household.lives_alone": True,
            "conditions.applicant.employed_now": True,
            "income.applicant.kinds": ["self_employment"],
            "income.applicant.trade": "Fliesenlegen",
            "income.applicant.trade_since": "2020-03-01",
            "income.applicant.trade_profit_6_months": 310_000,
            "assets.applicant.has": ["accounts", "vehicle"],
            "assets.applicant.accounts": ["i1"],
            "assets.applicant.accounts.i1.kind": "current",
            "assets.applicant.accounts.i1.balance": -15_075,
            "assets.applicant.vehicles": ["i1"],
            "assets.applicant.vehicles.i1.make": "Škoda Fabia",
        },
        annexes=("HA", "KDU", "EK", "EKS", "VM", "UH-spouse"),
    )


def _with_pensioner(today: date) -> Household:
    return Household(
        name="pensioner",
        title="pensioner parent in the household",
        answers={
            **_home("Petra", born(today, 44), marital_status="single"),
            "household.lives_alone": False,
            "household.persons": ["person-1"],
            **_person(1, "parent", "Gerda", born(today, 71)),
            "housing.persons_in_home": 2,
        },
        annexes=("HA", "KDU", "EK", "VM", "HG"),
    )


def _young(today: date) -> Household:
    return Household(
        name="young",
        title="under 25 with parents",
        answers={
            **_home("Lea", born(today, 20), marital_status="single"),
            "responsibility.residence_situation": "with_others",
            "household.lives_alone": False,
            "household.persons": ["person-1", "person-2"],
            **_person(1, "parent", "Sabine", born(today, 48)),
            **_person(2, "parent", "Uwe", born(today, 50)),
            "housing.persons_in_home": 3,
        },
        annexes=("HA", "WEP", "KDU", "EK", "VM"),
    )


def _no_fixed_home(today: date) -> Household:
    return Household(
        name="no-home",
        title="no fixed home, secures the date, brings evidence later",
        answers={
            "responsibility.residence_situation": "no_fixed_home",
            "responsibility.actual_stay_postcode": "63303",
            "applicant.family_name": "Beispiel",
            "applicant.given_names": "Toni",
            "applicant.birth_date": born(today, 33),
            "applicant.marital_status": "single",
            "applicant.reachable_at": "Tagestreff am Bahnhof, bitte nach Toni fragen",
            "applicant.urgent_need": ["no_food_money"],
            "household.lives_alone": True,
        },
        annexes=("HA", "EK", "VM"),
        early=True,
        late=(File("Ausweis.jpg", JPEG, jpeg("Ausweis", 5)),),
    )
