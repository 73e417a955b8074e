"""A whole household through all pages, without JavaScript, to the receipt."""

from __future__ import annotations

from devtools import portal_walk
from devtools.portal_walk import SINGLE, Household
from shared import form
from tests.services.portal.conftest import World

PDF = b"%PDF-1.7\n" + b"lease " * 1000
JPEG = b"\xff\xd8\xff\xe0" + b"photo" * 1000


async def test_single_person_arrives_whole(world: World) -> None:
    household = Household("single", SINGLE, {"E-RENT": [("Mietvertrag.pdf", "application/pdf", PDF)]})
    visitor = world.visitor()
    page = await portal_walk.apply(visitor, household)
    assert "Ihr Antrag ist da" in page.title
    [submission] = world.intake.submissions.values()
    assert submission.application is not None
    assert form.validate(submission.application) == []
    assert submission.application["applicant"]["family_name"] == "Beispiel"
    assert PDF in submission.contents.values()
    assert submission.id in page.text
    status = await visitor.get("/status")
    assert submission.id in status.text


async def test_after_a_person_comes_the_question_for_the_next(world: World) -> None:
    """An entry's last page leads back to its list, and going on from the list leaves it."""
    persons = {
        f"household.persons.person-{number}.{name}": value
        for number in (1, 2)
        for name, value in {
            "relation": "own_child",
            "family_name": "Beispiel",
            "given_names": f"Kind {number}",
            "birth_date--day": "1",
            "birth_date--month": "2",
            "birth_date--year": "2015",
            "nationality": "DE",
            "custody_share": "full",
            "other_parent_in_household": "no",
            "child_benefit": "no",
            "child_income": "none",
            "child_school": "none",
        }.items()
    }
    answers = SINGLE | {"household.lives_alone": "no", **persons}
    visitor = world.visitor()
    await portal_walk.begin(visitor)
    await portal_walk.place(visitor, Household("children", answers))
    await visitor.get("/frage/household.lives_alone")
    page = await visitor.submit({"household.lives_alone": "no"})
    for number in (1, 2):
        assert page.path == "/frage/household.persons", page.path
        page = await visitor.submit(button="_add")
        while page.path != "/frage/household.persons":
            assert f"person-{number}" in page.path
            page = await visitor.submit({name: answers[name] for name in page.form().names if name in answers})
        assert f"Kind {number}" in page.text
    assert (await visitor.submit()).path == "/aufgaben"
