"""The PDF copy: the same bytes for the citizen and, as a document of purpose `form`, for the Jobcenter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.portal.records import Place, Target
from services.portal.times import berlin_today
from shared import form
from shared.form.pdf import Facts
from shared.form.pdf import render as render_pdf
from shared.form.wording import wording_for


def render(application: Mapping[str, Any], place: Place | None, now: datetime) -> bytes:
    """CPU-bound, about 0.1 s: call it in a thread. Raises `shared.form.pdf.CannotRender`."""
    target = place.target if place is not None else Target()
    names = {place.municipality_key: place.municipality} if place is not None else {}
    return render_pdf(
        application,
        form.SERVICE,
        berlin_today(now),
        Facts(jobcenter=target.name or "", wording=wording_for(target.id)),
        names.get,
    )
