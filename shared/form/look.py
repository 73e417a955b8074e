"""Look at a draft. Pure."""

from __future__ import annotations

from datetime import date

from shared.form.definition import DEFINITION
from shared.form.draft import Draft
from shared.form.model import Definition
from shared.form.view import View


def look(draft: Draft, today: date, definition: Definition = DEFINITION) -> View:
    """Everything that can be said about a draft. Ages count on `today`."""
    raise NotImplementedError
