"""Applications of invented households, valid against the form. Deterministic; names carry the sample's canary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared import form
from shared.form.iban import with_check_digits

Application = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a household lives. `municipality_key` stands in the application only if it was given at the opening."""

    postcode: str
    city: str
    municipality_key: str | None = None


def single(place: Place, canary: str, number: int) -> Application:
    """A single person with a flat, no work, no speciality."""
    return _application(place, canary, number) | {
        "household": {"lives_alone": True},
        "conditions": [_conditions("applicant")],
        "income": [_no_income("applicant", canary)],
        "assets": [_account("applicant", 41_250 + number)],
        "health_insurance": [_insured("applicant", number)],
    }


def family(place: Place, canary: str, number: int) -> Application:
    """A couple with two children; one of them works a few hours."""
    application = _application(place, canary, number)
    application["applicant"] |= {"marital_status": "married", "marital_status_since": "2014-06-20"}
    job = {
        "employer": f"Bäckerei {canary} Söhne",
        "kind": "minijob",
        "since": "2024-02-01",
        "weekly_hours": 12,
        "gross_monthly": 62_000,
        "net_monthly": 55_340,
        "pay_day": 28,
        "varying": True,
        "commute_km": 7,
        "commute_days": 3,
    }
    partner = _person("person-1", "spouse", f"Hinnerk {canary}", "1988-11-02") | {"together_since": "2012-03-01"}
    return application | {
        "household": {
            "lives_alone": False,
            "persons": [partner, *(_child(index, canary) for index in (2, 3))],
            "speaks_for": "community",
        },
        "housing": _flat() | {"persons_in_home": 4},
        "conditions": [_conditions("applicant"), _conditions("person-1") | {"employed_now": True}],
        "income": [
            _no_income("applicant", canary),
            {"person_ref": "person-1", "kinds": ["minijob"], "jobs": [job], "income_unstable": True},
        ],
        "additional_needs": [_no_additional_needs(person) for person in ("applicant", "person-1")]
        + [
            {"person_ref": child, "costly_diet": False, "special_need_ongoing": False}
            for child in ("person-2", "person-3")
        ],
        "education_participation": [
            {"person_ref": "person-2", "but_needs": ["trips", "lunch"]},
            {"person_ref": "person-3", "but_needs": ["none"]},
        ],
        "assets": [
            _account("applicant", 120_034),
            {"person_ref": "person-1", "has": ["vehicle"], "gifts_10y": False, "vehicles": [_CAR]},
            {"person_ref": "person-2", "has": ["none"]},
            {"person_ref": "person-3", "has": ["none"]},
        ],
        "health_insurance": [
            _insured("applicant", number),
            {"person_ref": "person-1", "kind": "family", "fund_name": "AOK", "main_insured": "applicant"},
            {"person_ref": "person-2", "kind": "family", "fund_name": "AOK", "main_insured": "applicant"},
            {"person_ref": "person-3", "kind": "family", "fund_name": "AOK", "main_insured": "applicant"},
        ],
    }


def self_employed(place: Place, canary: str, number: int) -> Application:
    """A self-employed person from Romania who shares a flat."""
    application = _application(place, canary, number)
    application["applicant"] |= {
        "birth_country": "RO",
        "nationality": ["RO"],
        "entry_date": "2019-05-04",
        "residence_title": "eu_free_movement",
        "pkz_number": "1900504080013",
        "eu_reason": "self_employment",
        "asylblg_current": False,
        "contact_language": "Rumänisch",
        "interpreter": True,
    }
    flatmate = {
        "id": "person-1",
        "relation": "flatmate",
        "family_name": f"Untermieter {canary}",
        "given_names": "Jörn",
        "birth_date": "1995-01-30",
        "together_since": "2025-10-01",
        "joint_household": ["none"],
    }
    trade = {
        "person_ref": "applicant",
        "kinds": ["self_employment"],
        "trade": f"Fliesenlegen {canary}",
        "trade_since": "2020-03-01",
        "trade_profit_6_months": 310_000,
        "income_unstable": True,
    }
    private = {
        "person_ref": "applicant",
        "kind": "private",
        "private_premium_monthly": 38_990,
        "private_care_premium_monthly": 4_120,
        "private_basic_tariff": True,
    }
    return application | {
        "household": {"lives_alone": False, "persons": [flatmate]},
        "housing": _flat() | {"persons_in_home": 2},
        "conditions": [_conditions("applicant") | {"employed_now": True}],
        "income": [trade],
        "assets": [_account("applicant", -15_000)],
        "health_insurance": [private],
    }


def early(place: Place, canary: str, number: int) -> Application:
    """Secures the month: responsibility, name, birth date, address; everything else follows (§ 37 SGB II)."""
    whole = _application(place, canary, number)
    person = {
        name: whole["applicant"][name] for name in ("family_name", "given_names", "birth_date", "address", "phone")
    }
    later = [section.id for section in form.DEFINITION.sections if section.deferrable]
    return {
        "form": whole["form"],
        "responsibility": whole["responsibility"],
        "applicant": person,
        "close": {"truth_declaration": True},
        "to_follow": later,
    }


def no_fixed_home(place: Place, canary: str, number: int) -> Application:
    """Lives without a home: the place of actual stay decides."""
    application = early(place, canary, number)
    routing = {"actual_stay_postcode": place.postcode}
    if place.municipality_key is not None:
        routing["actual_stay_municipality"] = place.municipality_key
    del application["applicant"]["address"]
    application["applicant"]["reachable_at"] = f"Tagestreff {canary}, bitte nach mir fragen"
    return application | {"responsibility": {"residence_situation": "no_fixed_home"} | routing}


def supplement(canary: str, reference: str) -> Application:
    """More evidence for an earlier application."""
    return {
        "form": _FORM,
        "reference": reference,
        "remarks": f"Hier kommt der fehlende Bescheid. {canary}",
    }


def withdrawal(canary: str, reference: str) -> Application:
    """Takes an earlier application back."""
    return {
        "form": _FORM,
        "reference": reference,
        "reason": f"Ich habe Arbeit gefunden. {canary}",
        "truth_declaration": True,
    }


_FORM = {"service": form.SERVICE, "version": form.FORM_VERSION}
_CAR = {"make": "Škoda Fabia", "year": 2009, "mileage_km": 184_000, "value": 140_000}


def _application(place: Place, canary: str, number: int) -> Application:
    routing = {"residence_situation": "rented_home", "residence_postcode": place.postcode}
    if place.municipality_key is not None:
        routing["residence_municipality"] = place.municipality_key
    address = {
        "street": f"{canary}weg",
        "house_number": f"{number + 1}a",
        "postcode": place.postcode,
        "city": place.city,
    }
    return {
        "form": _FORM,
        "responsibility": routing,
        "applicant": {
            "family_name": f"Müller-{canary}",
            "given_names": "Änne Şirin",
            "birth_date": f"{1972 + number}-07-1{number % 10}",
            "birth_place": "Łódź",
            "birth_country": "PL",
            "nationality": ["DE"],
            "pension_insurance": "known",
            "pension_insurance_number": f"651708{number:02d}J003",
            "marital_status": "single",
            "address": address,
            "phone": "+49 30 23125 000",
            "email": f"{canary.lower()}@example.org",
            "desired_start": "this_month",
            "previous_benefits": False,
        },
        "representation": {"acts_for_self": True},
        "payment": {
            "has_account": True,
            "iban": with_check_digits("DE", f"50010517{number:010d}"),
            "account_holder": f"Änne Müller-{canary}",
        },
        "additional_needs": [_no_additional_needs("applicant")],
        "prior_claims": {"applied_benefits": ["none"], "claims": ["none"]},
        "one_off_needs": {"kinds": ["none"]},
        "housing": _flat(),
        "close": _closed(canary),
        "annex_codes": ["HA", "KDU", "EK", "VM"],
    }


def _flat() -> Application:
    return {
        "housing_kind": "rent",
        "move_in_date": "2021-04-01",
        "living_area": 54,
        "cold_rent": 48_000,
        "operating_costs": 11_050,
        "heating_costs": 7_900,
        "heating_energy": "gas",
        "hot_water_by": "central",
        "heating_paid_to": "landlord",
        "special": ["settlement"],
        "settlement_balance": -4_512,
    }


def _closed(canary: str) -> Application:
    return {
        "remarks": f"Bitte rufen Sie vormittags an.\nGrüße aus {canary}",
        "privacy_read": True,
        "duty_to_report_read": True,
        "data_matching_read": True,
        "truth_declaration": True,
        "identification": "none",
    }


def _conditions(person_ref: str) -> Application:
    return {
        "person_ref": person_ref,
        "can_work_3h": "yes",
        "education_status": "none",
        "special": ["none"],
        "employed_now": False,
        "looking_for_work": True,
        "recent_work": False,
    }


def _no_additional_needs(person_ref: str) -> Application:
    return {
        "person_ref": person_ref,
        "costly_diet": False,
        "disability_participation": False,
        "special_need_ongoing": False,
    }


def _no_income(person_ref: str, canary: str) -> Application:
    return {"person_ref": person_ref, "kinds": ["none"], "living_means": f"Erspartes, fast aufgebraucht ({canary})"}


def _account(person_ref: str, balance: int) -> Application:
    account = {"kind": "current", "bank": "Sparkasse", "iban_last4": "0123", "balance": balance}
    return {
        "person_ref": person_ref,
        "has": ["accounts"],
        "accounts": [account | {"balance_on": "2026-11-20"}],
        "gifts_10y": False,
    }


def _insured(person_ref: str, number: int) -> Application:
    return {
        "person_ref": person_ref,
        "kind": "compulsory",
        "fund_name": "AOK",
        "insured_number": f"A{123_456_000 + number}",
    }


def _person(person_id: str, relation: str, family_name: str, birth_date: str) -> Application:
    return {
        "id": person_id,
        "relation": relation,
        "family_name": family_name,
        "given_names": "Ole",
        "birth_date": birth_date,
        "nationality": ["DE"],
    }


def _child(index: int, canary: str) -> Application:
    child = _person(f"person-{index}", "own_child", f"Kind {canary}", f"{2012 + index}-09-0{index}")
    return child | {
        "custody_share": "full",
        "other_parent_in_household": True,
        "child_benefit": True,
        "child_benefit_monthly": 25_500,
        "child_benefit_recipient": "applicant",
        "child_school": "school",
        "school_name": f"Grundschule {canary}",
    }
