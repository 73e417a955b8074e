"""Who is responsible, as the visitor meets it."""

from __future__ import annotations

from devtools import portal_walk
from devtools.portal_walk import SINGLE
from devtools.visitor import Visitor
from services.portal.places import deciding
from tests.services.portal.conftest import World


async def at_place(world: World, postcode: str, situation: str = "rented_home") -> Visitor:
    visitor = world.visitor()
    await portal_walk.begin(visitor)
    answers = SINGLE | {
        "responsibility.residence_situation": situation,
        "responsibility.residence_postcode": postcode,
        "responsibility.actual_stay_postcode": postcode,
    }
    while visitor.page.path.startswith("/frage/responsibility"):
        names = visitor.page.form().names
        await visitor.submit({name: answers[name] for name in names if name in answers})
    return visitor


async def test_result_names_the_jobcenter(world: World) -> None:
    visitor = await at_place(world, "63303")
    assert visitor.page.path == "/zustaendig"
    for shown in ("Pro Arbeit Kreis Offenbach", "info@example.org", "+49 6074 8058", "Dreieich"):
        assert shown in visitor.page.text


async def test_ambiguous_asks_for_the_municipality(world: World) -> None:
    visitor = await at_place(world, "64390")
    assert visitor.page.path == "/ort"
    page = await visitor.submit({}, action="/ort")
    assert page.status == 422
    page = await visitor.submit({"municipality": "06438002"}, action="/ort")
    assert page.path == "/zustaendig"
    assert "Pro Arbeit" in page.text


async def test_who_does_not_know_the_municipality_may_apply_all_the_same(world: World) -> None:
    visitor = await at_place(world, "64390")
    page = await visitor.submit({"municipality": "unknown"}, action="/ort")
    assert "Wir suchen das zuständige Jobcenter" in page.text


async def test_search_finds_by_name_without_an_address(world: World) -> None:
    visitor = await at_place(world, "11111")
    assert "kennen wir keinen Wohnort" in visitor.page.text
    search = next(form for form in visitor.page.reader.forms if any(name == "_search" for name, _ in form.buttons))
    fields = [*search.fields, ("q", "Drei"), ("_search", "yes")]
    page = await visitor._go("POST", "/ort", {"Origin": world.url}, dict(fields))
    assert "Dreieich" in page.text
    assert "Drei" not in page.path


async def test_joint_jobcenter_is_referred_and_may_be_forwarded(world: World) -> None:
    visitor = await at_place(world, "80331")
    assert "Ein anderes Jobcenter ist zuständig" in visitor.page.text
    assert "https://www.jobcenter.digital" in visitor.page.reader.links
    assert "sichert diesen Monat" in visitor.page.text
    page = await visitor.submit(button="_send_anyway", action="/zustaendig")
    assert page.path == "/aufgaben"


async def test_no_fixed_home_decides_by_where_one_stays(world: World) -> None:
    visitor = await at_place(world, "63303", "no_fixed_home")
    assert visitor.page.path == "/zustaendig"
    assert "tatsächlich aufhalten" in visitor.page.text


async def test_womens_shelter_is_told_of_confidentiality(world: World) -> None:
    visitor = await at_place(world, "63303", "womens_shelter")
    assert "vertraulich" in visitor.page.text


async def test_a_changed_postcode_is_looked_up_again(world: World) -> None:
    visitor = await at_place(world, "63303")
    await visitor.submit(action="/zustaendig")
    await visitor.get("/frage/responsibility.residence_postcode")
    page = await visitor.submit({"responsibility.residence_postcode": "80331"})
    assert "Ein anderes Jobcenter" in page.text


async def test_intake_is_away(world: World) -> None:
    world.intake.fail["GET /v1/jobcenters"] = [503] * 9
    visitor = await at_place(world, "63303")
    assert visitor.page.status == 503
    world.intake.fail.clear()
    assert (await visitor.get("/ort")).path == "/zustaendig"


def test_an_obligation_that_comes_with_the_residence_title_decides() -> None:
    answers = {
        "responsibility.residence_situation": "rented_home",
        "responsibility.residence_postcode": "63303",
        "responsibility.residence_municipality": "06438002",
        "applicant.residence_obligation": "yes",
        "applicant.obligation_postcode": "27283",
    }
    assert deciding(answers) == ("applicant.obligation_municipality", "27283", None)
    assert deciding(answers | {"applicant.residence_obligation": "no"}) == (
        "responsibility.residence_municipality",
        "63303",
        "06438002",
    )
