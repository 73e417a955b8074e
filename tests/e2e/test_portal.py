"""The portal on the real system: two replicas behind one address, killed while sending, and nothing readable kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError

from devtools import portal_walk
from devtools.portal_walk import SINGLE, Household
from devtools.stack import Stack, StackSettings
from devtools.visitor import Page, Visitor
from shared import form

pytestmark = [pytest.mark.e2e, pytest.mark.servers, pytest.mark.slow]

JOBCENTER = "kreis-offenbach"
CANARY = "Kanarienvogel"
PDF = b"%PDF-1.7\n" + f"{CANARY} ".encode() * 300_000
"""Larger than one sealed chunk of the portal's store."""
ANSWERS = SINGLE | {"applicant.family_name": CANARY}
HOUSEHOLD = Household("single", ANSWERS, {"E-RENT": [("Mietvertrag.pdf", "application/pdf", PDF)]})


class TwoReplicas(Visitor):
    """Each request goes to the other replica; what is killed is left out, as a load balancer does."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        super().__init__(urls[0])
        self.urls = urls
        self.turn = 0

    async def _go(self, method: str, path: str, headers: Any = None, data: object = None) -> Page:
        self.turn += 1
        self.url = self.urls[self.turn % len(self.urls)]
        if headers and "Origin" in headers:
            headers = {**headers, "Origin": self.url}
        return await super()._go(method, path, headers, data)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("portal") / "stack"
    with Stack(
        folder, StackSettings(jobcenters=(JOBCENTER,), portal_replicas=2, env={"portal": {"PORTAL_SEND_LEASE_S": "5"}})
    ) as running:
        yield running


async def acknowledged(stack: Stack, visitor: Visitor) -> Path:
    """The Jobcenter's folder, once the status page says that it has arrived there."""
    async with visitor.session.get(f"{visitor.url}/quittung.json") as answer:
        number = (await answer.json())["receipts"][0]["submission_id"]
    for _ in range(300):
        if "Im Jobcenter angekommen" in (await visitor.get("/status")).text:
            return stack.handover(JOBCENTER) / number
        await asyncio.sleep(0.1)
    raise AssertionError(visitor.page.text)


def revisions(stack: Stack) -> set[str]:
    return {path.name for path in (stack.store_folder.parent / "drafts").glob("drafts/*/r/*")}


def check_folder(folder: Path) -> None:
    application = json.loads((folder / "application.json").read_bytes())
    assert form.validate(application) == []
    assert application["applicant"]["family_name"] == CANARY
    documents = [path.read_bytes() for path in sorted((folder / "documents").iterdir())]
    assert documents.count(PDF) == 1
    assert len(documents) == 2
    assert any(document.startswith(b"%PDF-1.7") and document != PDF for document in documents)


async def test_any_replica_serves_any_page_and_nothing_readable_is_kept(stack: Stack) -> None:
    visitor = TwoReplicas(stack.portal_urls)
    try:
        await portal_walk.apply(visitor, HOUSEHOLD)
        check_folder(await acknowledged(stack, visitor))
    finally:
        await visitor.close()
    drafts = stack.store_folder.parent / "drafts"
    kept = [path for path in [*drafts.rglob("*"), *stack.logs.iterdir()] if path.is_file()]
    assert any(drafts in path.parents for path in kept)
    for path in kept:
        content = path.read_bytes()
        assert CANARY.encode() not in content, path
        assert b"family_name" not in content, path


async def test_a_replica_killed_while_sending_loses_nothing(stack: Stack) -> None:
    visitor = Visitor(stack.portal_urls[0])
    try:
        await portal_walk.begin(visitor)
        await portal_walk.place(visitor, HOUSEHOLD)
        await portal_walk.fill(visitor, HOUSEHOLD)
        await portal_walk.bring_evidence(visitor, HOUSEHOLD)
        await visitor.get("/frage/close.remarks")
        while visitor.page.path.startswith("/frage/close"):
            names = visitor.page.form().names
            await visitor.submit({name: ANSWERS[name] for name in names if name in ANSWERS})
        before = revisions(stack)
        sending = asyncio.ensure_future(visitor.submit(action="/absenden"))
        while revisions(stack) == before:
            await asyncio.sleep(0.001)
        stack.kill("portal-1")  # it has marked the draft and is on its way
        with pytest.raises(ClientError):
            await sending
        await asyncio.to_thread(stack.restart, "portal-1")
        # The lease of the one that died is not over at once; the page says so, and asks to press again.
        for _ in range(60):
            page = await visitor.get("/absenden")
            if page.path != "/gesendet":
                page = await visitor.submit(action="/absenden")
            if page.path == "/gesendet":
                break
            await asyncio.sleep(1)
        assert page.path == "/gesendet"
        folder = await acknowledged(stack, visitor)
        check_folder(folder)
        everything = [path for path in stack.handover(JOBCENTER).glob("[0-9a-f]*") if path.is_dir()]
        assert len(everything) == 2, "this one and the other test's"
    finally:
        await visitor.close()
