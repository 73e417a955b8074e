"""The form model row by row: every question of it stands in the definition, with the evidence that it says.

Left the model's id, right where it stands. What the model asks in one row may be several questions here, and rare
things that it asks one by one are values of one question (`path=value`).
"""

from __future__ import annotations

import pytest

from shared.form import DEFINITION
from shared.form.model import Question
from shared.form.schema import walk

P = "household.persons"
ROWS = {
    # 1 responsibility
    "residence_postcode": "responsibility.residence_postcode",
    "residence_municipality": "responsibility.residence_municipality",
    "residence_situation": "responsibility.residence_situation",
    "actual_stay_postcode": "responsibility.actual_stay_postcode",
    "residence_obligation": "responsibility.residence_obligation applicant.residence_obligation",
    "obligation_postcode": "responsibility.obligation_postcode applicant.obligation_postcode",
    "previous_residence": "responsibility.previous_residence",
    # 2 applicant, representation, payment
    "family_name, given_names": "applicant.family_name applicant.given_names",
    "birth_name": "applicant.birth_name",
    "birth_date": "applicant.birth_date",
    "birth_place, birth_country": "applicant.birth_place applicant.birth_country",
    "gender": "applicant.gender",
    "nationality": "applicant.nationality",
    "entry_date": "applicant.entry_date",
    "residence_title, title_valid_until": "applicant.residence_title applicant.title_valid_until",
    "azr_number": "applicant.azr_number",
    "pkz_number": "applicant.pkz_number",
    "eu_reason": "applicant.eu_reason",
    "commitment_declaration": "applicant.commitment_declaration",
    "asylbLG_current": "applicant.asylblg_current",
    "pension_insurance_number": "applicant.pension_insurance applicant.pension_insurance_number",
    "tax_id": "applicant.tax_id",
    "marital_status, since": "applicant.marital_status applicant.marital_status_since",
    "address": "applicant.address",
    "phone, email": "applicant.phone applicant.email",
    "contact_language, interpreter": "applicant.contact_language applicant.interpreter",
    "desired_start": "applicant.desired_start applicant.desired_start_date",
    "urgent_need": "applicant.urgent_need",
    "previous_benefits": "applicant.previous_benefits applicant.previous_jobcenter applicant.previous_until "
    "applicant.previous_number",
    "acts_for_self": "representation.acts_for_self",
    "representative": "representation.representative_kind representation.representative_name "
    "representation.representative_address",
    "mail_to_representative": "representation.mail_to_representative",
    "has_account": "payment.has_account",
    "iban, account_holder": "payment.iban payment.account_holder",
    "direct_to_landlord": "payment.direct_to_landlord",
    # 3 personal conditions
    "can_work_3h": "conditions.can_work_3h",
    "incapacity_since": "conditions.incapacity_since",
    "education_status": "conditions.education_status",
    "training_pay, lives_with_parents": "conditions.training_pay conditions.lives_with_parents",
    "in_institution": "conditions.special=institution conditions.institution_from conditions.institution_until",
    "pension_age_or_pension": "conditions.pension_age_or_pension",
    "absence_planned": "conditions.special=absence conditions.absence_from conditions.absence_until",
    "caring": "conditions.special=caring_relative conditions.special=caring_child",
    "employed_now, looking_for_work": "conditions.employed_now conditions.looking_for_work",
    "registered_unemployed_before": "conditions.recent_work conditions.recent_periods.kind "
    "conditions.recent_periods.since conditions.recent_periods.until conditions.recent_periods.employer",
    # 4 household
    "lives_alone": "household.lives_alone",
    "person": f"{P}.family_name {P}.given_names {P}.birth_date {P}.gender {P}.nationality {P}.residence_title "
    f"{P}.title_valid_until {P}.entry_date {P}.asylblg_current",
    "relation": f"{P}.relation",
    "together_since": f"{P}.together_since",
    "joint_household": f"{P}.joint_household",
    "supports_relatives": f"{P}.supports_applicant {P}.support_monthly",
    "child_custody_share": f"{P}.custody_share {P}.custody_days",
    "other_parent_in_household": f"{P}.other_parent_in_household",
    "child_benefit": f"{P}.child_benefit {P}.child_benefit_monthly {P}.child_benefit_recipient",
    "child_school": f"{P}.child_school {P}.school_name {P}.school_class",
    "temporary_absence": f"{P}.absent_now {P}.absence_reason",
    "I only speak for myself": "household.speaks_for=only_self",
    # 5 additional needs
    "pregnant, due_date": "additional_needs.pregnant additional_needs.due_date",
    "single_parent": "additional_needs.single_parent",
    "costly_diet": "additional_needs.costly_diet",
    "disability_participation": "additional_needs.disability_participation",
    "reduced_mobility_pass": "additional_needs.reduced_mobility_pass",
    "special_need_ongoing": "additional_needs.special_need_ongoing additional_needs.special_need_kinds "
    "additional_needs.special_need_detail additional_needs.special_need_monthly",
    "school_books": "additional_needs.school_books additional_needs.school_books_cost",
    "hot_water_decentral": "housing.hot_water_by=decentral",
    # 6 health insurance
    "hi_kind": "health_insurance.kind",
    "hi_name, hi_number": "health_insurance.fund_name health_insurance.insured_number",
    "hi_main_insured": "health_insurance.main_insured",
    "hi_private_premium": "health_insurance.private_premium_monthly health_insurance.private_care_premium_monthly "
    "health_insurance.private_basic_tariff",
    "hi_last, hi_end": "health_insurance.last_insurance health_insurance.last_insured_until",
    # 8 housing
    "housing_kind": "housing.housing_kind",
    "persons_in_home": "housing.persons_in_home",
    "move_in_date": "housing.move_in_date",
    "living_area, rooms, year_built": "housing.living_area housing.rooms housing.year_built",
    "moved_recently, assurance": "housing.assurance housing.moved_out_reason",
    "cold_rent": "housing.cold_rent housing.operating_costs housing.heating_costs housing.other_costs",
    "heating_energy, hot_water_by": "housing.heating_energy housing.hot_water_by",
    "heating_paid_to": "housing.heating_paid_to",
    "last_settlement": "housing.last_settlement housing.special=settlement housing.settlement_balance",
    "household_energy_in_rent": "housing.special=energy_in_rent",
    "sublet_income": "housing.special=sublets housing.sublets housing.sublet_income",
    "rent_arrears": "housing.special=rent_arrears housing.arrears_amount housing.termination_date",
    "landlord": "housing.landlord_name housing.landlord_address housing.landlord_iban",
    "own_kind, own_area, plot_area": "housing.own_kind housing.own_area housing.plot_area",
    "interest, ground_tax, …": "housing.interest_yearly housing.ground_tax_yearly housing.building_insurance_yearly "
    "housing.owners_fee_yearly housing.repairs_yearly housing.chimney_yearly housing.water_yearly",
    "shelter_fee": "housing.shelter_fee",
    "deposit_or_move_costs_needed": "housing.special=move housing.move_intended housing.deposit_needed",
    # 9 income
    "income_kinds": "income.kinds income.living_means",
    "job": "income.jobs.employer income.jobs.since income.jobs.until income.jobs.weekly_hours income.jobs.kind "
    "income.jobs.gross_monthly income.jobs.net_monthly income.jobs.pay_day income.jobs.varying",
    "job_end": "income.job_ended income.job_end_reason income.job_end_date income.open_wages",
    "commute, work_expenses": "income.jobs.commute_km income.jobs.commute_days income.jobs.commute_means "
    "income.jobs.commute_cost_monthly income.jobs.work_expenses_monthly",
    "self": "income.trade income.trade_since income.trade_vat income.trade_main income.trade_staff "
    "income.forecast_receipts income.forecast_goods income.trade_profit_6_months income.trade_loans "
    "income.trade_withdrawals_monthly",
    "benefit": "income.benefits.kind income.benefits.carrier income.benefits.file_number income.benefits.monthly "
    "income.benefits.since income.benefits.until income.benefits.status",
    "maintenance_received": "income.maintenance_monthly income.maintenance_from",
    "one_off": "income.one_off.what income.one_off.amount income.one_off.received_on",
    "rental_income": "income.rental_monthly",
    "insurance_deductions": "income.insurance_deductions_monthly",
    "maintenance_paid": "income.maintenance_paid_monthly",
    "bank_statements": "income.bank_statements",
    "income_unstable": "income.income_unstable",
    # 10 assets
    "accounts": "assets.accounts.kind assets.accounts.bank assets.accounts.iban_last4 assets.accounts.balance "
    "assets.accounts.balance_on",
    "securities, crypto": "assets.securities_value",
    "life_insurance": "assets.life_insurance_value assets.life_insurance_paid_in",
    "old_age_provision": "assets.old_age_provision_value",
    "vehicle": "assets.vehicles.make assets.vehicles.year assets.vehicles.mileage_km assets.vehicles.value "
    "assets.vehicles.registered_to",
    "real_estate": "assets.real_estate.what assets.real_estate.lived_in assets.real_estate.value",
    "valuables": "assets.valuables assets.valuables_value",
    "claims_lent": "assets.claims_value",
    "gifts_10y": "assets.gifts_10y assets.gift_amount assets.gift_date assets.gift_to",
    "business_assets": "assets.business_value",
    "asset_note": "assets.note",
    # 11 other claims
    "applied_benefits": "prior_claims.applied_benefits",
    "alg1_sanction": "prior_claims.alg1_sanction prior_claims.alg1_sanction_until",
    "maintenance_spouse": "maintenance.spouse_name maintenance.spouse_address maintenance.spouse_title "
    "maintenance.spouse_amount maintenance.spouse_none_reason",
    "maintenance_childcare": "maintenance.care_name",
    "maintenance_child": "maintenance.child_name maintenance.child_paternity maintenance.child_title "
    "maintenance.child_paid maintenance.child_uvg",
    "maintenance_parents": "maintenance.mother_name maintenance.father_name",
    "maintenance_hardship": "maintenance.hardship",
    "third_party_damage": "prior_claims.claims=third_party_damage prior_claims.damage_date prior_claims.damage_place "
    "prior_claims.damage_what prior_claims.damage_who prior_claims.damage_insurance prior_claims.damage_police_number",
    "employer_claims": "income.open_wages income.open_wages_amount",
    "other_claims": "prior_claims.claims=other prior_claims.other_claims_detail",
    # 12 to 14
    "but_needs": "education_participation.but_needs",
    "learning_support_detail": "education_participation.learning_support_detail",
    "one-off needs": "one_off_needs.kinds one_off_needs.items one_off_needs.reason",
    "close": "close.remarks close.consents close.privacy_read close.duty_to_report_read close.data_matching_read "
    "close.truth_declaration close.identification",
}
QUESTIONS: dict[str, Question] = dict(walk(DEFINITION))


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_model_is_asked(row: str) -> None:
    for place in ROWS[row].split():
        path, _, value = place.partition("=")
        question = QUESTIONS[path]
        assert not value or value in {option.value for option in question.options}, place


EVIDENCE = {
    "E-ID": "applicant.family_name",
    "E-REG": "applicant.address",
    "E-RES": "applicant.residence_title",
    "E-PROXY": "representation.representative_kind",
    "E-MED": "conditions.can_work_3h",
    "E-EDU": "conditions.education_status",
    "E-INST": "conditions.special",
    "E-PREG": "additional_needs.pregnant",
    "E-DIET": "additional_needs.costly_diet",
    "E-HI": "health_insurance.kind",
    "E-RENT": "housing.cold_rent",
    "E-SETTLE": "housing.last_settlement",
    "E-OWN": "housing.own_kind",
    "E-ARREARS": "housing.special",
    "E-WORK": "income.jobs",
    "E-PAY": "income.jobs",
    "E-TRADE": "income.trade",
    "E-BWA": "income.trade",
    "E-DECISION": "income.benefits",
    "E-CUSTODY": "household.persons.custody_share",
}


@pytest.mark.parametrize("code", EVIDENCE)
def test_evidence_of_the_model_is_asked_for_where_it_says(code: str) -> None:
    assert code in QUESTIONS[EVIDENCE[code]].evidence
    assert code in {kind.code for kind in DEFINITION.evidence}
