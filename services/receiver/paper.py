"""What was sent, on paper: `application.pdf` for a case worker without an interface, where the sender sent none.

A help, never a condition: whatever goes wrong here is logged and the hand-over goes on without it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from services.receiver.checks import Contents
from shared import form
from shared.contracts.manifest import Kind, Manifest
from shared.form.metadata import Purpose
from shared.form.pdf import CannotRender, Facts, render
from shared.form.wording import wording_for
from shared.telemetry.logs import emit

PAPER = "application.pdf"
log = logging.getLogger(__name__)
_BERLIN = ZoneInfo("Europe/Berlin")


def application_pdf(manifest: Manifest, contents: Contents, application: Mapping[str, Any]) -> bytes | None:
    """The PDF, or None where the sender gave one, the form is not ours, or it could not be made. Never raises."""
    given = any(document.purpose == Purpose.FORM.value for document in contents.documents)
    if given or manifest.kind is Kind.WITHDRAWAL or manifest.service not in form.services():
        return None
    try:
        if form.validate(application, manifest.service, manifest.kind):
            return None
        received = manifest.received_at.astimezone(_BERLIN)
        facts = Facts(
            submission_id=str(manifest.submission_id),
            follows=str(manifest.follows or ""),
            received_at=f"{received:%d.%m.%Y, %H:%M} Uhr",
            wording=wording_for(manifest.jobcenter),
        )
        return render(application, manifest.service, received.date(), facts, kind=manifest.kind)
    except (CannotRender, ImportError) as error:
        emit(log, logging.WARNING, "the application was not rendered as a PDF", error=error)
    except Exception as error:  # noqa: BLE001 - a fault in a help must not keep an application from being accepted
        emit(log, logging.ERROR, "rendering the application as a PDF failed", error=error)
    return None
