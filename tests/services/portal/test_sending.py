"""Sending: once, whole, and whatever breaks."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator

import pytest
from yarl import URL

from devtools import portal_walk
from devtools.portal_walk import SINGLE, Household
from devtools.visitor import Visitor
from services.portal.records import Record
from services.portal.vault import Vault
from shared import form
from shared.contracts.manifest import Kind
from shared.errors import StoreUnavailable
from tests.services.portal.conftest import World

PDF = b"%PDF-1.7\n" + b"lease " * 1000
JPEG = b"\xff\xd8\xff\xe0" + b"photo" * 1000
HOUSEHOLD = Household(
    "single",
    SINGLE,
    {"E-RENT": [("Mietvertrag.pdf", "application/pdf", PDF), ("Seite 2.jpg", "image/jpeg", JPEG)]},
)
OPEN, UPLOAD = "POST /v1/submissions", "POST /v1/submissions/{id}/documents"
COMPLETE, STATUS = "PUT /v1/submissions/{id}", "GET /v1/submissions/{id}"


WALKED: list[Record] = []
"""What one whole walk left, so that not every test walks."""


async def ready(world: World) -> Visitor:
    """Everything filled in and declared; the next post sends."""
    visitor = world.visitor()
    if WALKED:
        vault = Vault.new()
        await world.site.drafts.create(vault, WALKED[0], 30 * 86_400)
        for file in WALKED[0].files:
            await world.site.drafts.write_file(vault, file.id, _whole(PDF if file.media_type.endswith("pdf") else JPEG))
        visitor.session.cookie_jar.update_cookies({"antrag": vault.cookie()}, URL(world.url))
        await visitor.get("/absenden")
        return visitor
    await portal_walk.begin(visitor)
    await portal_walk.place(visitor, HOUSEHOLD)
    await portal_walk.fill(visitor, HOUSEHOLD)
    await portal_walk.bring_evidence(visitor, HOUSEHOLD)
    await visitor.get("/frage/close.remarks")
    while visitor.page.path.startswith("/frage/close"):
        names = visitor.page.form().names
        await visitor.submit({name: SINGLE[name] for name in names if name in SINGLE})
    assert visitor.page.path == "/absenden"
    cookies = visitor.session.cookie_jar.filter_cookies(URL(world.url))
    walked = Vault.from_cookie(cookies["antrag"].value)
    assert walked is not None
    loaded = await world.site.drafts.load(walked)
    assert loaded is not None
    WALKED.append(loaded.record)
    return visitor


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


def sent_once(world: World) -> None:
    completed = [each for each in world.intake.submissions.values() if each.application is not None]
    assert len(completed) == 1
    [submission] = completed
    assert submission.application is not None
    assert form.validate(submission.application) == []
    attachments = [
        submission.contents[name] for name in submission.order if submission.documents[name]["purpose"] == "attachment"
    ]
    assert sorted(attachments) == sorted([PDF, JPEG])
    assert [submission.documents[name]["purpose"] for name in submission.order].count("form") == 1
    named = {entry["document"] for entry in submission.application["evidence"] if "document" in entry}
    assert named == {name for name in submission.order if submission.documents[name]["purpose"] == "attachment"}


async def test_evidence_and_copy_arrive_byte_for_byte(world: World) -> None:
    visitor = await ready(world)
    page = await visitor.submit(action="/absenden")
    assert page.path == "/gesendet"
    sent_once(world)
    async with visitor.session.get(f"{world.url}/antrag.pdf") as response:
        assert await response.read() == b"%PDF-1.7 copy"
        assert response.headers["Content-Disposition"].startswith("attachment")
    async with visitor.session.get(f"{world.url}/quittung.json") as response:
        assert (await response.json())["receipts"][0]["receipt"] == "a.b.c"


@pytest.mark.parametrize("where", [OPEN, STATUS, UPLOAD, COMPLETE])
@pytest.mark.parametrize("lost_answer", [False, True])
async def test_a_failure_anywhere_is_repaired_by_sending_again(world: World, where: str, lost_answer: bool) -> None:
    visitor = await ready(world)
    world.intake.fail[where] = [1503 if lost_answer else 503]
    page = await visitor.submit(action="/absenden")
    assert page.status == 503
    assert "nichts geht verloren" in page.text
    page = await visitor.submit(action="/absenden")
    assert page.path == "/gesendet"
    sent_once(world)


async def test_a_crash_after_completion_is_repaired(world: World) -> None:
    """Intake has it, but the portal died before it could note that."""
    visitor = await ready(world)
    completed = False

    def off(what: str, key: str) -> None:
        nonlocal completed
        completed = completed or any(each.receipt for each in world.intake.submissions.values())
        if completed and what != "list":
            raise StoreUnavailable("off")

    world.store.before = off
    page = await visitor.submit(action="/absenden")
    assert page.status == 503
    world.store.before = lambda *_: None
    world.clock.pass_(minutes=2)  # the lease of the one that died
    await visitor.get("/aufgaben")
    assert visitor.page.path == "/absenden", "nothing can be changed while it is not known"
    page = await visitor.submit(action="/absenden")
    assert page.path == "/gesendet"
    sent_once(world)


async def test_pressing_twice_sends_once(world: World) -> None:
    visitor = await ready(world)
    page = visitor.page
    other = Visitor(world.url)
    world.visitors.append(other)
    await other.session.close()
    other.session, other.page = visitor.session, page
    await asyncio.gather(visitor.submit(action="/absenden"), other.submit(action="/absenden"))
    for _ in range(3):
        if (await visitor.get("/absenden")).path == "/gesendet":
            break
        await visitor.submit(action="/absenden")
    sent_once(world)


async def test_an_expired_opening_is_replaced(world: World) -> None:
    visitor = await ready(world)
    world.intake.fail[COMPLETE] = [503]
    await visitor.submit(action="/absenden")
    next(iter(world.intake.submissions.values())).status = "expired"
    page = await visitor.submit(action="/absenden")
    assert page.path == "/gesendet"
    sent_once(world)


async def test_incomplete_is_not_sent(world: World) -> None:
    visitor = world.visitor()
    await portal_walk.begin(visitor)
    await portal_walk.place(visitor, HOUSEHOLD)
    page = await visitor.get("/absenden")
    assert "Es fehlen noch Angaben" in page.text
    assert "/absenden" not in [each.action for each in page.reader.forms]
    token = dict(page.form("/verlaengern").fields)["_t"]
    forced = await visitor._go("POST", "/absenden", {"Origin": world.url}, {"_t": token})
    assert "Es fehlen noch Angaben" in forced.text
    assert not [each for each in world.intake.submissions.values() if each.application]


async def test_erased_after_a_day_but_the_case_stays(world: World) -> None:
    visitor = await ready(world)
    page = await visitor.submit(action="/absenden")
    number = next(iter(world.intake.submissions))
    code = page.html.split('<p class="code">')[1].split("<")[0]
    assert "23.11.2026, 13:00 Uhr gelöscht" in page.text
    world.clock.pass_(hours=25)
    await world.site.drafts.sweep()
    assert (await visitor.get("/gesendet")).path == "/status"
    assert number in visitor.page.text
    assert len(world.store.objects) == 1, "the case's one revision"
    stranger = world.visitor()
    await stranger.get("/zugang")
    refused = await stranger.submit({"code": "AAAAA-AAAAA"}, action="/zugang")
    assert refused.status == 422
    page = await stranger.submit({"code": code.lower()}, action="/zugang")
    assert page.path == "/status"
    assert number in page.text


# -- secure my date ----------------------------------------------------------------------------------------------------


async def test_secure_the_date_then_bring_the_rest(world: World) -> None:
    visitor = world.visitor()
    await portal_walk.begin(visitor)
    await portal_walk.place(visitor, HOUSEHOLD)
    await visitor.get("/datum")
    assert "Dafür fehlt noch" in visitor.page.text
    for step in ("/frage/applicant.family_name", "/frage/applicant.address"):
        await visitor.get(step)
        names = visitor.page.form().names
        await visitor.submit({name: SINGLE[name] for name in names if name in SINGLE})
    await visitor.get("/datum")
    refused = await visitor.submit({}, action="/datum")
    assert refused.status == 422
    page = await visitor.submit({"close.truth_declaration": "yes"}, action="/datum")
    assert "Ihr Antragsdatum ist gesichert" in page.title
    [early] = world.intake.submissions.values()
    assert early.application is not None
    assert form.validate(early.application) == []
    assert "income" in early.application["to_follow"]

    changed = Household("moved", SINGLE | {"applicant.phone": "06103 4711"}, HOUSEHOLD.files)
    await portal_walk.fill(visitor, changed)
    await portal_walk.bring_evidence(visitor, changed)
    await portal_walk.declare_and_send(visitor, changed)
    supplement = list(world.intake.submissions.values())[1]
    assert supplement.body == {"service": form.SERVICE, "follows": early.id, "kind": "supplement"}
    assert supplement.application is not None
    assert form.validate(supplement.application, form.SERVICE, Kind.SUPPLEMENT) == []
    assert supplement.application["income"][0]["kinds"] == ["none"]
    assert supplement.application["applicant"]["phone"] == "06103 4711", "changed after it was sent"
    assert "responsibility" not in supplement.application
    assert PDF in supplement.contents.values()
    status = await visitor.get("/status")
    assert early.id in status.text
    assert supplement.id in status.text


# -- later -------------------------------------------------------------------------------------------------------------


async def test_later_evidence_follows_the_application(world: World) -> None:
    visitor = await ready(world)
    await visitor.submit(action="/absenden")
    first = next(iter(world.intake.submissions))
    await visitor.get("/nachreichen")
    nothing = await visitor.submit({}, button="_upload")
    assert nothing.status == 422
    wanted = next(value for value in visitor.page.form("/nachreichen").names["slot"] if "E-ID" in value)
    await visitor.submit({"slot": wanted}, button="_upload", files=[("Ausweis.jpg", "image/jpeg", JPEG)])
    assert "Ausweis.jpg" in visitor.page.text
    page = await visitor.submit({}, button="_send")
    assert page.path == "/status"
    supplement = list(world.intake.submissions.values())[1]
    assert supplement.body == {"service": form.SERVICE, "follows": first, "kind": "supplement"}
    assert supplement.application is not None
    assert form.validate(supplement.application, form.SERVICE, Kind.SUPPLEMENT) == []
    [entry] = supplement.application["evidence"]
    assert entry["evidence_code"] == "E-ID"
    assert supplement.contents[entry["document"]] == JPEG
    await visitor.get("/nachreichen")
    assert wanted not in visitor.page.form("/nachreichen").names["slot"], "it is no longer open"
    case = Vault.from_code(page.html.split('<p class="code">')[1].split("<")[0])
    assert case is not None
    assert not [key for key in world.store.objects if f"{case.draft_id}/f/" in key], "what was sent is not kept"


async def test_withdrawing_before_and_after_the_hand_over(world: World) -> None:
    for too_late in (False, True):
        world.intake.too_late = too_late
        visitor = await ready(world)
        await visitor.submit(action="/absenden")
        first = list(world.intake.submissions)[-1]
        await visitor.get("/zuruecknehmen")
        assert (await visitor.submit({}, action="/zuruecknehmen")).status == 422
        page = await visitor.submit({"sure": "yes"}, action="/zuruecknehmen")
        assert page.path == "/status"
        if not too_late:
            assert "Zurückgenommen" in page.text
            continue
        assert "/zuruecknehmen" not in page.reader.links
        assert (await visitor.get("/zuruecknehmen")).path == "/status", "once is enough"
        follow_up = list(world.intake.submissions.values())[-1]
        assert follow_up.body == {"service": form.SERVICE, "follows": first, "kind": "withdrawal"}
        assert form.validate(follow_up.application, form.SERVICE, Kind.WITHDRAWAL) == []


# -- evidence ----------------------------------------------------------------------------------------------------------


async def at_evidence(world: World) -> Visitor:
    visitor = world.visitor()
    await portal_walk.begin(visitor)
    await portal_walk.place(visitor, HOUSEHOLD)
    await visitor.get("/frage/applicant.family_name")
    await visitor.submit({name: SINGLE[name] for name in visitor.page.form().names if name in SINGLE})
    await visitor.get("/nachweise")
    await visitor.get(next(link for link in visitor.page.reader.links if "E-ID" in link))
    return visitor


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("Foto.heic", b"\x00\x00\x00\x18ftypheic" + b"x" * 50, "HEIC"),
        ("Brief.docx", b"PK\x03\x04" + b"x" * 50, "Office"),
        ("Falsch.pdf", b"<html>" + b"x" * 50, "PDF, JPG und PNG"),
        ("Leer.pdf", b"", "leer"),
        ("Riesig.pdf", b"%PDF-1.7\n" + b"x" * 5_000_001, "höchstens 5 MB"),
    ],
)
async def test_what_is_not_accepted_is_said_clearly(world: World, name: str, content: bytes, said: str) -> None:
    visitor = await at_evidence(world)
    page = await visitor.submit(
        button="_upload", files=[("gut.pdf", "application/pdf", PDF), (name, "application/pdf", content)]
    )
    assert page.status == 422
    assert said in page.text
    assert name in page.text
    assert "1 Datei ist hochgeladen" in page.text, "the good one is kept"
    assert sum(1 for key in world.store.objects if "/f/" in key) == 1


async def test_files_can_be_removed(world: World) -> None:
    visitor = await at_evidence(world)
    page = await visitor.submit(
        button="_upload", files=[("a.pdf", "application/pdf", PDF), ("b.jpg", "image/jpeg", JPEG)]
    )
    assert "a.pdf" in page.text
    assert "b.jpg" in page.text
    assert hashlib.sha512(PDF).hexdigest() not in page.html
    page = await visitor.submit(button="_remove")
    assert "a.pdf" not in page.text
    assert "b.jpg" in page.text
    assert sum(1 for key in world.store.objects if "/f/" in key) == 1


def stored_files(world: World) -> int:
    return len({key.split("/")[3] for key in world.store.objects if "/f/" in key})


async def test_a_file_is_replaced_in_one_action(world: World) -> None:
    """It takes the place of the old one, and the old bytes are gone."""
    visitor = await at_evidence(world)
    await visitor.submit(
        button="_upload", files=[(name, "application/pdf", PDF) for name in ("vorn.pdf", "unscharf.pdf", "Rest.pdf")]
    )
    links = [link for link in visitor.page.reader.links if "ersetzen=" in link]
    assert len(links) == 3
    page = await visitor.get(links[1])
    assert "unscharf.pdf" in page.text
    page = await visitor.submit(button="_upload", files=[("scharf.jpg", "image/jpeg", JPEG)])
    assert page.status == 200
    assert re.findall(r"(\S+) \(\d+ KB\)", page.text) == ["vorn.pdf", "scharf.jpg", "Rest.pdf"]
    assert stored_files(world) == 3


@pytest.mark.parametrize("files", [[], [("Foto.heic", "image/heic", b"\x00\x00\x00\x18ftypheic" + b"x" * 50)]])
async def test_a_replacement_that_does_not_come_leaves_the_old_file(
    world: World, files: list[tuple[str, str, bytes]]
) -> None:
    visitor = await at_evidence(world)
    where = visitor.page.path
    await visitor.submit(button="_upload", files=[("alt.pdf", "application/pdf", PDF)])
    await visitor.get(f"{where}?ersetzen=1")
    page = await visitor.submit(button="_upload", files=files)
    assert page.status == 422
    assert page.title.startswith("Fehler: Datei ersetzen")
    assert "alt.pdf" in (await visitor.get(where)).text
    assert stored_files(world) == 1


async def test_a_file_of_later_evidence_is_replaced_in_one_action(world: World) -> None:
    """It stays what it is evidence of, and only the new one is sent."""
    visitor = await ready(world)
    await visitor.submit(action="/absenden")
    await visitor.get("/nachreichen")
    wanted = next(value for value in visitor.page.form("/nachreichen").names["slot"] if "E-ID" in value)
    await visitor.submit({"slot": wanted}, button="_upload", files=[("unscharf.pdf", "application/pdf", PDF)])
    await visitor.submit({"slot": "other"}, button="_upload", files=[("Rest.pdf", "application/pdf", PDF)])
    [link, _] = [link for link in visitor.page.reader.links if "ersetzen=" in link]
    await visitor.get(link)
    page = await visitor.submit(button="_upload")
    assert page.status == 422
    assert page.title.startswith("Fehler: Datei ersetzen")
    page = await visitor.submit(button="_upload", files=[("scharf.jpg", "image/jpeg", JPEG)])
    assert re.findall(r"(\S+) \(\d+ KB\)", page.text) == ["scharf.jpg", "Rest.pdf"]
    await visitor.submit({}, button="_send")
    supplement = list(world.intake.submissions.values())[1]
    assert supplement.application is not None
    entries = supplement.application["evidence"]
    codes = {entry["evidence_code"]: supplement.contents[entry["document"]] for entry in entries}
    assert codes == {"E-ID": JPEG, "E-OTHER": PDF}


@pytest.mark.parametrize("number", ["0", "2", "x", "-1", "\u00b2"])
async def test_a_link_to_replace_what_is_not_there_shows_the_files(world: World, number: str) -> None:
    visitor = await at_evidence(world)
    where = visitor.page.path
    await visitor.submit(button="_upload", files=[("alt.pdf", "application/pdf", PDF)])
    page = await visitor.get(f"{where}?ersetzen={number}")
    assert page.status == 200
    assert "Weitere Dateien hochladen" in page.text


async def test_phones_are_asked_for_what_they_can_convert(world: World) -> None:
    """Media types make iPhones turn HEIC into JPEG, and let Android offer the camera."""
    visitor = await at_evidence(world)
    accept = re.findall(r'accept="([^"]+)"', visitor.page.html)
    assert accept == ["application/pdf,image/jpeg,image/png,.pdf,.jpg,.jpeg,.png"]
    assert "Maximale Kompatibilität" in visitor.page.text


async def test_not_available_wants_a_reason(world: World) -> None:
    visitor = await at_evidence(world)
    where = visitor.page.path
    page = await visitor.submit({"choice": "not_available"}, button="_save")
    assert page.status == 422
    await visitor.submit({"choice": "not_available", "reason": "verloren"}, button="_save")
    page = await visitor.get(where)
    assert "verloren" in page.html


async def test_a_forged_upload_is_refused_before_its_files_are_read(world: World) -> None:
    visitor = await at_evidence(world)
    visitor.page.form().fields = [("_t", "wrong")]
    page = await visitor.submit(button="_upload", files=[("a.pdf", "application/pdf", PDF)])
    assert page.status == 403
    assert not [key for key in world.store.objects if "/f/" in key]
