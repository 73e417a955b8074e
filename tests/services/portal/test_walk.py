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
