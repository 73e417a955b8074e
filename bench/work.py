"""What the benchmarks send: samples of four Jobcenters, so that four lanes share the deliveries; of four more, whose
receiver sets the PDF."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from bench.client import Work
from devtools.documents import SampleDocument
from devtools.places import connected
from devtools.portal import announcement
from devtools.samples import Sample, sample
from shared.form.media import PDF

NAMES = ("dreieich", "verden", "stadthagen-large", "hallenberg")
PAPER_NAMES = ("bautzen", "freyburg", "heiligenstadt-twice", "no-fixed-home-biberach")
DOCUMENT_BYTES = 2_000_000


def jobcenters(names: Sequence[str] = NAMES) -> tuple[str, ...]:
    return connected([sample(name) for name in names])


def _documents(count: int) -> tuple[SampleDocument, ...]:
    return tuple(
        SampleDocument(
            name=f"Kontoauszug {number}.pdf",
            media_type=PDF,
            seed=number,
            canary="Messlauf",
            evidence_code="E-BANK",
            question_id="income.bank_statements",
            target_bytes=DOCUMENT_BYTES,
        )
        for number in range(count)
    )


def upload_headers(document: SampleDocument, size: int, sha512: str) -> str:
    _, headers = announcement(
        "-", filename=document.name, media_type=document.media_type, purpose="attachment", size=size, sha512_hex=sha512
    )
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name != "Content-Length")


def make_work(documents: int, names: Sequence[str] = NAMES) -> tuple[Work, ...]:
    """One for each Jobcenter, with this many documents of 2 MB."""
    wanted = _documents(documents)
    contents = tuple((upload_headers(each, *each.measure()), each.content()) for each in wanted)
    return tuple(_work(replace(sample(name), documents=wanted), contents) for name in names)


def _work(chosen: Sample, contents: tuple[tuple[str, bytes], ...]) -> Work:
    opening = {"service": chosen.service, "postcode": chosen.postcode}
    if chosen.municipality_key is not None:
        opening["municipality_key"] = chosen.municipality_key
    application = chosen.completed_with(["-"] * len(contents))
    evidence = tuple(
        {name: value for name, value in item.items() if name != "document"} for item in application.get("evidence", [])
    )[: len(contents)]
    return Work(
        opening=json.dumps(opening).encode(),
        application=application,
        documents=contents,
        evidence=evidence,
        fixed=json.dumps({"application": application, "documents": []}).encode(),
    )
