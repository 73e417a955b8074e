"""What is sent, as a PDF: the same bytes for the citizen and, as a document of purpose `form`, for the Jobcenter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.portal.plans import names_in
from services.portal.records import Record
from services.portal.times import berlin_today
from shared import form
from shared.contracts.manifest import Kind
from shared.form.pdf import Facts
from shared.form.pdf import render as render_pdf
from shared.form.wording import wording_for


def render(content: Mapping[str, Any], record: Record, now: datetime, kind: Kind) -> bytes:
    """CPU-bound, about 0.1 s: call it in a thread. Raises `shared.form.pdf.CannotRender`."""
    place, today = record.place, berlin_today(now)
    target = place.target if place is not None else record.target
    names = {place.municipality_key: place.municipality} if place is not None else {}
    facts = Facts(jobcenter=target.name or "", wording=wording_for(target.id))
    if kind is Kind.SUPPLEMENT:
        # The portal's reference is the id of the submission that it follows.
        facts = replace(facts, follows=str(content["reference"]), people=names_in(record, today))
    return render_pdf(content, form.SERVICE, today, facts, names.get, kind=kind)
