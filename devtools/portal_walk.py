"""Walks through the portal's pages as a household would, by plain form posts. For the demo and the tests.

`answers` are by input name (`applicant.family_name`, `applicant.birth_date--day`, several values as a list); entries of
lists are made on demand: whoever has answers for `household.persons.person-2.…` gets a second person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devtools.visitor import File, Page, Visitor

Answers = Mapping[str, str | Sequence[str]]
MAX_PAGES = 400


class Stuck(AssertionError):
    """The walk does not go on; says where, and what the page says. The answers are synthetic."""


@dataclass
class Household:
    """What one household answers and brings."""

    name: str
    answers: Answers
    files: Mapping[str, Sequence[File]] = field(default_factory=dict)
    """Evidence code → files."""
    municipality: str | None = None
    """The municipality's key, where the postcode leaves it open."""


SINGLE: Answers = {
    "responsibility.residence_situation": "rented_home",
    "responsibility.residence_postcode": "63303",
    "responsibility.residence_obligation": "no",
    "applicant.family_name": "Beispiel",
    "applicant.given_names": "Kim",
    "applicant.birth_date--day": "3",
    "applicant.birth_date--month": "7",
    "applicant.birth_date--year": "1984",
    "applicant.birth_place": "Hanau",
    "applicant.birth_country": "DE",
    "applicant.nationality": "DE",
    "applicant.address--street": "Musterweg",
    "applicant.address--house_number": "5",
    "applicant.address--postcode": "63303",
    "applicant.address--city": "Dreieich",
    "applicant.marital_status": "single",
    "applicant.pension_insurance": "unknown",
    "applicant.desired_start": "this_month",
    "applicant.previous_benefits": "no",
    "household.lives_alone": "yes",
    "representation.acts_for_self": "yes",
    "payment.has_account": "yes",
    "payment.iban": "DE89 3704 0044 0532 0130 00",
    "payment.account_holder": "Kim Beispiel",
    "payment.account_is_own": "yes",
    "payment.holder_is_applicant": "yes",
    "conditions.applicant.can_work_3h": "yes",
    "conditions.applicant.employed_now": "no",
    "conditions.applicant.looking_for_work": "yes",
    "conditions.applicant.education_status": "none",
    "conditions.applicant.special": "none",
    "conditions.applicant.recent_work": "no",
    "additional_needs.applicant.costly_diet": "no",
    "additional_needs.applicant.disability_participation": "no",
    "additional_needs.applicant.special_need_ongoing": "no",
    "health_insurance.applicant.kind": "compulsory",
    "health_insurance.applicant.fund_name": "AOK Hessen",
    "health_insurance.applicant.insured_number": "A123456780",
    "housing.housing_kind": "rent",
    "housing.move_in_date--day": "1",
    "housing.move_in_date--month": "4",
    "housing.move_in_date--year": "2019",
    "housing.cold_rent": "420,00",
    "housing.operating_costs": "95",
    "housing.heating_costs": "70,50",
    "housing.heating_energy": "gas",
    "housing.hot_water_by": "central",
    "housing.heating_paid_to": "landlord",
    "housing.special": "none",
    "income.applicant.kinds": "none",
    "income.applicant.living_means": "Von Erspartem.",
    "income.applicant.job_ended": "no",
    "assets.applicant.has": "none",
    "assets.applicant.gifts_10y": "no",
    "prior_claims.applied_benefits": "none",
    "prior_claims.claims": "none",
    "one_off_needs.kinds": "none",
    "close.privacy_read": "yes",
    "close.duty_to_report_read": "yes",
    "close.data_matching_read": "yes",
    "close.truth_declaration": "yes",
}
"""One person, rented flat, no income: nothing special."""


async def begin(visitor: Visitor) -> Page:
    await visitor.get("/")
    return await visitor.submit(action="/beginnen")


async def place(visitor: Visitor, household: Household) -> Page:
    """From the first page to the task list."""
    return await _until(visitor, household, "/aufgaben")


async def fill(visitor: Visitor, household: Household) -> None:
    """All sections of the task list but the declarations."""
    await visitor.get("/aufgaben")
    for number in range(MAX_PAGES):
        links = [link for link in visitor.page.reader.links if link.startswith("/frage/")]
        if number >= len(links):
            return
        await visitor.get(links[number])
        await _until(visitor, household, "/aufgaben")


async def bring_evidence(visitor: Visitor, household: Household) -> None:
    """Uploads what the household has; the rest will follow."""
    await visitor.get("/nachweise")
    for link in [link for link in visitor.page.reader.links if link.startswith("/nachweis/")]:
        await visitor.get(link)
        code = link.removeprefix("/nachweis/").split(".")[1]
        files = household.files.get(code, ())
        if files:
            page = await visitor.submit(button="_upload", files=files)
            _expect(page, page.status == 200)
        else:
            await visitor.submit({"choice": "will_follow"}, button="_save")


async def declare_and_send(visitor: Visitor, household: Household) -> Page:
    """Checks, declares, sends; the confirmation."""
    await visitor.get("/pruefen")
    first = next(link for link in visitor.page.reader.links if link.startswith("/frage/close."))
    await visitor.get(first)
    await _until(visitor, household, "/absenden")
    page = await visitor.submit(action="/absenden")
    _expect(page, page.path == "/gesendet")
    return page


async def apply(visitor: Visitor, household: Household) -> Page:
    """The whole way."""
    await begin(visitor)
    await place(visitor, household)
    await fill(visitor, household)
    await bring_evidence(visitor, household)
    return await declare_and_send(visitor, household)


async def _until(visitor: Visitor, household: Household, goal: str) -> Page:
    for _ in range(MAX_PAGES):
        page = visitor.page
        _expect(page, page.status == 200)
        path = page.path.partition("?")[0]
        if path == goal:
            return page
        if path == "/ort":
            await visitor.submit({"municipality": household.municipality or "unknown"}, action="/ort")
        elif path == "/zustaendig":
            form = page.form("/zustaendig")
            anyway = "_send_anyway" if any(name == "_send_anyway" for name, _ in form.buttons) else ""
            await visitor.submit(button=anyway, action="/zustaendig")
        elif path.startswith("/frage/"):
            await _answer(visitor, household.answers)
        else:
            raise Stuck(f"unexpected page {page.path}: {page.text[:400]}")
    raise Stuck(f"never reached {goal}, now at {visitor.page.path}")


async def _answer(visitor: Visitor, answers: Answers) -> None:
    page = visitor.page
    form = page.form()
    if any(name == "_add" for name, _ in form.buttons):
        group = page.path.partition("?")[0].removeprefix("/frage/")
        entries = sum(1 for name, _ in form.buttons if name == "_remove")
        wanted = len({name.removeprefix(f"{group}.").split(".")[0] for name in answers if name.startswith(f"{group}.")})
        await visitor.submit(button="_add" if entries < wanted else "")
        return
    typed = {name: answers[name] for name in form.names if name in answers}
    after = await visitor.submit(typed)
    if after.status == 422:
        raise Stuck(f"not accepted on {page.path}, asked {sorted(form.names)}: {after.text[:700]}")


def _expect(page: Page, good: bool) -> None:
    if not good:
        raise Stuck(f"{page.status} {page.path}: {page.text[:500]}")
