"""The demo's opening: one household through the portal's pages, to the Jobcenter's folder."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from devtools import portal_walk
from devtools.documents import pdf
from devtools.portal_walk import SINGLE, Household, Stuck
from devtools.visitor import Visitor

JOBCENTER = "kreis-offenbach"
WAIT_S = 60.0
POLL_S = 0.2
LEASE = ("Mietvertrag Größe 3.pdf", "application/pdf", pdf("Mietvertrag, Musterweg 5", 7))
HOUSEHOLD = Household("single person, rented flat", SINGLE, {"E-RENT": (LEASE,)})


@dataclass
class Walked:
    """What became of it; `fault` is empty when everything was as it must be."""

    household: str = HOUSEHOLD.name
    pages: int = 0
    submission_id: str | None = None
    outcome: str = "problem"
    seconds: float = 0.0
    folder: str | None = None
    fault: str = ""

    def row(self) -> dict[str, Any]:
        return asdict(self)


async def walk(visitor: Visitor, folder_of: Callable[[str], Path], wait_s: float = WAIT_S) -> Walked:
    """Types, uploads, declares, sends and waits until the status page says that the Jobcenter has it.

    `folder_of` says where `JOBCENTER` was handed over a submission; it may take its time. The visitor is closed.
    """
    began = time.monotonic()
    walked = Walked()
    try:
        await portal_walk.apply(visitor, HOUSEHOLD)
        await _follow(visitor, walked, wait_s)
        folder = await asyncio.to_thread(folder_of, str(walked.submission_id))
        walked.folder = str(folder)
        walked.fault = await asyncio.to_thread(_differs, folder)
        walked.outcome = "acknowledged" if not walked.fault else "problem"
    except Stuck as stuck:
        walked.fault = str(stuck)
    finally:
        await visitor.close()
    walked.pages = visitor.requests
    walked.seconds = round(time.monotonic() - began, 1)
    return walked


async def _follow(visitor: Visitor, walked: Walked, wait_s: float) -> None:
    walked.submission_id = json.loads((await visitor.get("/quittung.json")).html)["receipts"][0]["submission_id"]
    deadline = time.monotonic() + wait_s
    while "Im Jobcenter angekommen" not in (await visitor.get("/status")).text:
        if time.monotonic() > deadline:
            raise Stuck(f"not acknowledged within {wait_s:.0f} s: {visitor.page.text[:300]}")
        await asyncio.sleep(POLL_S)


def _differs(folder: Path) -> str:
    if not folder.is_dir():
        return "no folder was handed over"
    application = json.loads((folder / "application.json").read_bytes())
    applicant = application["applicant"]
    typed = (SINGLE["applicant.family_name"], SINGLE["applicant.given_names"], SINGLE["applicant.address--street"])
    if (applicant["family_name"], applicant["given_names"], applicant["address"]["street"]) != typed:
        return "the Jobcenter's answers are not those typed"
    documents = {path.read_bytes() for path in (folder / "documents").iterdir()}
    if LEASE[2] not in documents:
        return "the Jobcenter's evidence is not the bytes uploaded"
    if len(documents) != 2 or not any(document.startswith(b"%PDF-1.7") for document in documents - {LEASE[2]}):
        return "the application's PDF is missing"
    return ""
