"""The patient citizen: comes again, presses again, and sends no file twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import escape
from urllib.parse import parse_qs

import pytest
from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from devtools.patient_visitor import PatientVisitor
from devtools.portal_walk import Stuck
from devtools.visitor import Page

FILE = ("Mietvertrag Größe 3.pdf", "application/pdf", b"%PDF-1.7 lease")


class Portal:
    """One question, one upload and a sending, each of which fails as often as `failures` says."""

    def __init__(self) -> None:
        self.failures: dict[str, list[str]] = {}
        self.answers: list[str] = []
        self.files: list[str] = []
        self.sent = 0
        self.app = web.Application()
        self.app.add_routes(
            [
                web.get("/frage", self.page),
                web.post("/frage", self.answer),
                web.get("/nachweis", self.page),
                web.post("/nachweis", self.upload),
                web.get("/absenden", self.page),
                web.post("/absenden", self.send),
                web.get("/gesendet", self.page),
            ]
        )

    def fails(self, request: web.Request) -> web.Response | None:
        """The next failure of this request, if any."""
        waiting = self.failures.get(f"{request.method} {request.path}")
        if not waiting:
            return None
        how = waiting.pop(0)
        if how == "silence":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=int(how) if how.isdigit() else 500, text="")

    async def page(self, request: web.Request) -> web.Response:
        failure = self.fails(request)
        shown = escape(" ".join(self.files))
        kind = ' enctype="multipart/form-data"' if request.path == "/nachweis" else ""
        form = (
            f'<form action="{request.path}" method="post"{kind}><input name="name"><button name="_go">x</button></form>'
        )
        return failure or web.Response(text=f"<p>{shown}</p>{form}", content_type="text/html")

    async def answer(self, request: web.Request) -> web.Response:
        self.answers += parse_qs(await request.text())["name"]
        return self.fails(request) or web.Response(status=303, headers={"Location": "/nachweis"})

    async def upload(self, request: web.Request) -> web.Response:
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.filename and await part.read():
                self.files.append(part.filename)
        return self.fails(request) or web.Response(status=303, headers={"Location": "/nachweis"})

    async def send(self, request: web.Request) -> web.Response:
        self.sent += 1
        return self.fails(request) or web.Response(
            status=303, headers={"Location": "/gesendet" if self.sent > 1 else "/absenden"}
        )


@pytest.fixture
def portal() -> Portal:
    return Portal()


@pytest.fixture
async def visitor(portal: Portal) -> AsyncIterator[PatientVisitor]:
    async with TestServer(portal.app) as server:
        made = PatientVisitor(str(server.make_url("/")).rstrip("/"), patience_s=30, pause_s=0)
        yield made
        await made.close()


@pytest.mark.parametrize("how", ["503", "429", "silence"])
async def test_opens_a_page_again_until_there_is_one(portal: Portal, visitor: PatientVisitor, how: str) -> None:
    portal.failures["GET /frage"] = [how, how]
    assert (await visitor.get("/frage")).status == 200
    assert visitor.repeated >= 1  # of silence aiohttp itself may repeat one


@pytest.mark.parametrize("how", ["503", "silence"])
async def test_sends_a_form_again_as_it_was_filled_in(portal: Portal, visitor: PatientVisitor, how: str) -> None:
    await visitor.get("/frage")
    portal.failures |= {"POST /frage": [how], "GET /nachweis": ["502"]}
    page = await visitor.submit({"name": "Kim"})
    assert (page.status, page.path) == (200, "/nachweis")
    assert portal.answers == ["Kim", "Kim"]
    assert visitor.repeated == 2


@pytest.mark.parametrize(("how", "where"), [("silence", "POST /nachweis"), ("503", "GET /nachweis")])
async def test_sends_no_file_twice_when_only_the_answer_was_lost(
    portal: Portal, visitor: PatientVisitor, how: str, where: str
) -> None:
    await visitor.get("/nachweis")
    portal.failures[where] = [how]
    page = await visitor.submit(button="_go", files=[FILE])
    assert (page.status, page.path) == (200, "/nachweis")
    assert portal.files == [FILE[0]]


async def test_presses_send_again_while_another_sending_is_under_way(portal: Portal, visitor: PatientVisitor) -> None:
    await visitor.get("/absenden")
    page: Page = await visitor.submit(action="/absenden")
    assert (page.path, portal.sent) == ("/gesendet", 2)


async def test_gives_up_in_the_end_and_says_where(portal: Portal) -> None:
    async with TestServer(portal.app) as server:
        visitor = PatientVisitor(str(server.make_url("/")).rstrip("/"), patience_s=-1, pause_s=0)
        portal.failures["GET /frage"] = ["503"]
        with pytest.raises(Stuck, match="/frage: 503"):
            await visitor.get("/frage")
        await visitor.close()
