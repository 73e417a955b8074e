"""`application.pdf`: made where the sender sent none, never a condition of the accept."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from pypdf import PdfReader

from devtools import households
from devtools.samples import sample
from services.receiver import paper
from services.receiver.paper import PAPER
from shared.contracts.answer import Verdict
from shared.contracts.manifest import Kind
from tests.services.receiver.support import Attachment, Package, Running, make_package, make_settings

APPLICATION = sample("verden").application


async def handed_over(receiver: Running, package: Package) -> bytes | None:
    received = await receiver.platform.push(package)
    assert received.answer(package).verdict is Verdict.ACCEPT
    assert json.loads((receiver.folder(package) / "application.json").read_bytes())
    file = receiver.folder(package) / PAPER
    named = receiver.index(package)["application"].get("pdf")
    assert (named == PAPER) is file.exists()
    return file.read_bytes() if file.exists() else None


async def test_the_application_is_put_on_paper(receiver: Running) -> None:
    package = make_package(application=APPLICATION)
    pdf = await handed_over(receiver, package)
    assert pdf is not None
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert APPLICATION["applicant"]["family_name"] in text.replace("\n", "")
    assert "22.11.2026, 13:00 Uhr" in text, "the time of receipt in Germany"
    assert str(package.manifest.submission_id) in text.replace("\n", "")


async def test_what_is_brought_later_is_put_on_paper_too(receiver: Running) -> None:
    first = make_package().manifest.submission_id
    supplement = households.supplement("Kanarie", "mein Antrag vom Montag")
    package = make_package(application=supplement, kind=Kind.SUPPLEMENT, follows=first)
    pdf = await handed_over(receiver, package)
    assert pdf is not None
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert "Nachreichung zum Antrag" in text
    assert str(first) in text.replace("\n", ""), "the submission it follows, whatever the sender calls it"
    assert "mein Antrag vom Montag" in text
    assert "Kanarie" in text


@pytest.mark.parametrize(
    "package",
    [
        make_package([Attachment(metadata={"purpose": "form"})], application=APPLICATION),
        make_package(application={"other": "form"}),
        make_package(application=APPLICATION, service="another-service"),
        make_package(application=APPLICATION, kind=Kind.WITHDRAWAL, follows=make_package().manifest.submission_id),
    ],
    ids=["given", "not-our-form", "another-service", "withdrawal"],
)
async def test_no_paper_where_none_is_needed_or_can_be_made(receiver: Running, package: Package) -> None:
    assert await handed_over(receiver, package) is None


async def test_a_jobcenter_may_do_without(tmp_path: Path) -> None:
    async with Running(make_settings(tmp_path, render_form=False)) as receiver:
        assert await handed_over(receiver, make_package(application=APPLICATION)) is None


@pytest.mark.parametrize("fault", [RuntimeError("Müller"), ImportError("typst"), MemoryError(), ValueError("Müller")])
async def test_a_fault_in_rendering_hinders_no_accept_and_tells_no_name(
    receiver: Running,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    fault: Exception,
) -> None:
    def broken(*_: object) -> bytes:
        raise fault

    monkeypatch.setattr(paper, "render", broken)
    assert await handed_over(receiver, make_package(application=APPLICATION)) is None
    assert any("PDF" in record.getMessage() for record in caplog.records)
    assert "Müller" not in caplog.text + "".join(capsys.readouterr())
