"""A single person without specialities, as a draft; and with others in the household."""

from __future__ import annotations

from typing import Any

from shared.form.flow import Draft, add_item
from shared.form.iban import with_check_digits

SINGLE: Draft = {
    "responsibility.residence_situation": "rented_home",
    "responsibility.residence_postcode": "63303",
    "responsibility.residence_municipality": "06438002",
    "applicant.family_name": "Muster",
    "applicant.given_names": "Ida",
    "applicant.birth_date": "1985-03-04",
    "applicant.birth_place": "Dreieich",
    "applicant.birth_country": "DE",
    "applicant.nationality": ["DE"],
    "applicant.address": {"street": "Am Hang", "house_number": "1", "postcode": "63303", "city": "Dreieich"},
    "applicant.marital_status": "single",
    "applicant.pension_insurance": "known",
    "applicant.pension_insurance_number": "65170839J003",
    "applicant.desired_start": "this_month",
    "applicant.previous_benefits": False,
    "household.lives_alone": True,
    "representation.acts_for_self": True,
    "payment.has_account": True,
    "payment.iban": with_check_digits("DE", "500105170000000001"),
    "payment.account_holder": "Ida Muster",
    "conditions.applicant.can_work_3h": "yes",
    "conditions.applicant.education_status": "none",
    "conditions.applicant.special": ["none"],
    "conditions.applicant.employed_now": False,
    "conditions.applicant.looking_for_work": True,
    "conditions.applicant.recent_work": False,
    "additional_needs.applicant.costly_diet": False,
    "additional_needs.applicant.disability_participation": False,
    "additional_needs.applicant.special_need_ongoing": False,
    "health_insurance.applicant.kind": "compulsory",
    "health_insurance.applicant.fund_name": "AOK",
    "health_insurance.applicant.insured_number": "A123456780",
    "housing.housing_kind": "rent",
    "housing.move_in_date": "2021-04-01",
    "housing.cold_rent": 48_000,
    "housing.operating_costs": 11_000,
    "housing.heating_costs": 7_000,
    "housing.heating_energy": "gas",
    "housing.hot_water_by": "central",
    "housing.heating_paid_to": "landlord",
    "housing.special": ["none"],
    "income.applicant.kinds": ["none"],
    "income.applicant.living_means": "Erspartes",
    "assets.applicant.has": ["accounts"],
    "assets.applicant.gifts_10y": False,
    "prior_claims.applied_benefits": ["none"],
    "prior_claims.claims": ["none"],
    "one_off_needs.kinds": ["none"],
    "close.privacy_read": True,
    "close.duty_to_report_read": True,
    "close.data_matching_read": True,
    "close.truth_declaration": True,
}


def add_account(draft: Draft) -> Draft:
    """With one current account."""
    draft, item = add_item(draft, "assets.applicant.accounts")
    prefix = f"assets.applicant.accounts.{item}."
    return draft | {f"{prefix}kind": "current", f"{prefix}balance": 41_250, f"{prefix}balance_on": "2026-11-20"}


def household(draft: Draft, *persons: dict[str, Any]) -> Draft:
    """The draft with these entries of `household.persons`."""
    draft = draft | {"household.lives_alone": False}
    for person in persons:
        draft, item = add_item(draft, "household.persons")
        draft |= {f"household.persons.{item}.{name}": value for name, value in person.items()}
    return draft


CHILD = {"relation": "own_child", "given_names": "Mila", "family_name": "Muster", "birth_date": "2016-05-01"}
WIFE = {"relation": "spouse", "given_names": "Kim", "family_name": "Muster", "birth_date": "1988-01-01"}
