"""Words about an answer on the pages; secret addresses; the paper of what is brought later."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest
from pypdf import PdfReader

from devtools import portal_walk
from devtools.portal_walk import SINGLE, Household
from devtools.visitor import Page, Visitor
from services.portal.document import render
from shared import form
from shared.contracts.manifest import Kind
from shared.form.pdf import CannotRender
from tests.services.portal.conftest import World
from tests.services.portal.fake_intake import Submission
from tests.services.portal.test_pages import begun

JPEG = b"\xff\xd8\xff\xe0" + b"photo" * 100
BIRTH = "applicant.birth_date"
BORN = {
    "applicant.family_name": "Beispiel",
    "applicant.given_names": "Kim",
    f"{BIRTH}--day": "3",
    f"{BIRTH}--month": "7",
}
SHELTER = SINGLE | {
    "responsibility.residence_situation": "womens_shelter",
    "housing.housing_kind": "shelter",
    "housing.shelter_fee": "0",
    "housing.move_intended": "no",
}
PROTECTED = {"flag": "confidential_address", "person_ref": "applicant"}


def described(page: Page, name: str) -> list[str]:
    """The texts that a screen reader says with the input or its group."""
    tag = next(part for part in page.html.split("<") if f'id="{name}"' in part)
    ids = tag.split('aria-describedby="')[1].split('"')[0].split()
    assert all(f'id="{one}"' in page.html for one in ids), ids
    return [page.html.split(f'id="{one}"')[1].split(">", 1)[1].split("<")[0] for one in ids]


@pytest.mark.parametrize(("year", "title"), [("2014", "keine 15 Jahre"), ("1950", "Sozialamt zuständig")])
async def test_a_notice_is_shown_once_announced_and_hinders_nothing(world: World, year: str, title: str) -> None:
    visitor = await begun(world)
    await visitor.get("/frage/applicant.family_name")
    page = await visitor.submit(BORN | {f"{BIRTH}--year": year})
    assert (page.path, page.status) == ("/frage/applicant.family_name", 200)
    assert page.title.startswith("Hinweis: ")
    assert page.html.count('role="status"') == 1
    assert title in page.text
    assert any("SGB" in text for text in described(page, f"{BIRTH}--gruppe"))
    page = await visitor.submit(BORN | {f"{BIRTH}--year": year})
    assert page.path == "/frage/applicant.birth_name", "who has read it goes on"
    check = await visitor.get("/pruefen")
    assert title in check.text


async def test_a_wrong_check_digit_is_a_warning_beside_the_answer(world: World) -> None:
    visitor = await begun(world)
    await visitor.get("/frage/applicant.marital_status")
    number = "applicant.pension_insurance_number"
    await visitor.submit({"applicant.marital_status": "single", "applicant.pension_insurance": "known"})
    answers = {"applicant.marital_status": "single", "applicant.pension_insurance": "known", number: "65 170839 J 004"}
    page = await visitor.submit(answers)
    assert "Bitte vergleichen Sie die Rentenversicherungsnummer" in page.text
    assert any("Tippfehler" in text for text in described(page, number))
    assert f'href="#{number}"' in page.html
    assert (await visitor.submit(answers)).path == "/frage/applicant.desired_start"
    await visitor.get("/frage/applicant.marital_status")
    page = await visitor.submit(answers | {number: "65170839J003"})
    assert page.path == "/frage/applicant.desired_start", "nothing to say about the right one"
    assert "Bitte vergleichen" not in (await visitor.get("/pruefen")).text


async def test_a_page_with_an_error_names_no_notice_that_is_not_there(world: World) -> None:
    visitor = await begun(world)
    await visitor.get("/frage/applicant.family_name")
    await visitor.submit(BORN | {f"{BIRTH}--year": "2014"})
    page = await visitor.submit(BORN | {f"{BIRTH}--year": "2014", "applicant.given_names": ""})
    assert page.status == 422
    assert "--wort-" not in page.html


def real_paper(world: World) -> None:
    world.site.sender = dataclasses.replace(world.site.sender, render=render)


async def sent(world: World, answers: portal_walk.Answers) -> tuple[Visitor, Submission]:
    visitor = world.visitor()
    await portal_walk.apply(visitor, Household("one", answers))
    return visitor, next(iter(world.intake.submissions.values()))


def paper(submission: Submission) -> str:
    [copy] = [name for name in submission.order if submission.documents[name]["purpose"] == "form"]
    pages = PdfReader(io.BytesIO(submission.contents[copy])).pages
    return " ".join("".join(page.extract_text() for page in pages).split())


def application_of(submission: Submission, kind: Kind) -> dict[str, Any]:
    assert submission.application is not None
    assert form.validate(submission.application, form.SERVICE, kind) == []
    return submission.application


async def bring(visitor: Visitor, slot: str) -> None:
    await visitor.get("/nachreichen")
    wanted = next(value for value in visitor.page.form("/nachreichen").names["slot"] if slot in value)
    await visitor.submit({"slot": wanted}, button="_upload", files=[("Ausweis.jpg", "image/jpeg", JPEG)])
    assert (await visitor.submit({}, button="_send")).path == "/status"


LATER = Household("later", SINGLE)


async def secured_and_filled(world: World) -> Visitor:
    """The date is secured, and everything else answered since."""
    visitor = world.visitor()
    await portal_walk.begin(visitor)
    await portal_walk.place(visitor, LATER)
    for step in ("/frage/applicant.family_name", "/frage/applicant.address"):
        await visitor.get(step)
        await visitor.submit({name: SINGLE[name] for name in visitor.page.form().names if name in SINGLE})
    await visitor.get("/datum")
    await visitor.submit({"close.truth_declaration": "yes"}, action="/datum")
    await portal_walk.fill(visitor, LATER)
    return visitor


async def test_a_shelters_address_is_secret_from_first_to_last(world: World, caplog: pytest.LogCaptureFixture) -> None:
    real_paper(world)
    visitor, first = await sent(world, SHELTER)
    application = application_of(first, Kind.APPLICATION)
    assert application["flags"] == [PROTECTED]
    assert {entry["class"] for entry in application["evidence"]} == {"protected_address"}
    assert "Anschrift geheim halten" in paper(first)
    await bring(visitor, "E-ID")
    await bring(visitor, "other")
    for later in list(world.intake.submissions.values())[1:]:
        supplement = application_of(later, Kind.SUPPLEMENT)
        assert supplement["flags"] == [PROTECTED]
        assert [entry["class"] for entry in supplement["evidence"]] == ["protected_address"]
        text = paper(later)
        assert "Anschrift geheim halten" in text
        assert "Musterweg" not in text
    for path in ("/status", "/gesendet", "/nachreichen"):
        assert "Musterweg" not in (await visitor.get(path)).text
    assert "Musterweg" not in caplog.text


async def test_later_evidence_comes_with_a_paper_that_says_to_what_it_belongs(world: World) -> None:
    real_paper(world)
    visitor, first = await sent(world, SINGLE)
    await bring(visitor, "E-ID")
    later = list(world.intake.submissions.values())[1]
    supplement = application_of(later, Kind.SUPPLEMENT)
    assert "flags" not in supplement
    text = paper(later)
    assert "Nachreichung zum Antrag auf Grundsicherungsgeld" in text
    assert first.id in text.replace(" ", "")
    assert "Personalausweis" in text
    assert "1 Datei" in text
    assert [later.documents[name]["purpose"] for name in later.order] == ["form", "attachment"]


async def test_the_rest_after_a_secured_date_has_its_own_copy(world: World) -> None:
    real_paper(world)
    visitor = await secured_and_filled(world)
    await portal_walk.bring_evidence(visitor, LATER)
    page = await portal_walk.declare_and_send(visitor, LATER)
    early, later = world.intake.submissions.values()
    assert "Kim Beispiel" in paper(later)
    assert early.id in paper(later).replace(" ", "")
    for name, submission in (("antrag", early), ("nachreichung", later)):
        assert f"/{name}.pdf" in page.html
        async with visitor.session.get(f"{world.url}/{name}.pdf") as response:
            kept = await response.read()
        assert kept in submission.contents.values(), "the citizen's copy is the Jobcenter's"


async def test_what_cannot_be_a_supplement_is_not_begun(world: World) -> None:
    """After a secured date, a contradiction leads back to its page instead of trapping the draft in sending."""
    visitor = await secured_and_filled(world)
    await visitor.get("/frage/conditions.applicant.special")
    absence = {
        f"conditions.applicant.absence_{end}--{part}": value
        for end, day in (("from", "20"), ("until", "10"))
        for part, value in (("day", day), ("month", "12"), ("year", "2026"))
    }
    await visitor.submit({"conditions.applicant.special": "absence", "conditions.applicant.recent_work": "no"})
    await visitor.submit(
        absence | {"conditions.applicant.special": "absence", "conditions.applicant.recent_work": "no"}
    )
    await visitor.get("/pruefen")
    token = dict(visitor.page.form("/verlaengern").fields)["_t"]
    page = await visitor._go("POST", "/absenden", {"Origin": world.url}, {"_t": token})
    assert page.path == "/absenden"
    assert "Es fehlen noch Angaben" in page.text
    assert (await visitor.get("/aufgaben")).path == "/aufgaben", "it can still be changed"
    assert len(world.intake.submissions) == 1


async def test_an_application_is_not_held_up_by_its_paper(world: World) -> None:
    def cannot(*_: object) -> bytes:
        raise CannotRender

    world.site.sender = dataclasses.replace(world.site.sender, render=cannot)
    _, submission = await sent(world, SINGLE)
    application_of(submission, Kind.APPLICATION)
    assert [submission.documents[name]["purpose"] for name in submission.order] == []
