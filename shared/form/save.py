"""Taking a posted page into the draft, and taking out what is not asked any more. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shared.form.draft import Draft
from shared.form.parse import FieldProblem, Form
from shared.form.view import Step


@dataclass(frozen=True)
class Lost:
    """An answer that would be lost: `label` as it was asked, `where` the section's title, `person` the name."""

    key: str
    label: str
    where: str


@dataclass(frozen=True)
class Saved:
    """`draft` holds the good answers of the page even if there are `problems`, and still the hidden answers; if `lost`
    is not empty, warn, then `prune` (or go back)."""

    draft: Draft
    problems: tuple[FieldProblem, ...]
    lost: tuple[Lost, ...]


def save(draft: Draft, step: Step, form: Form, today: date) -> Saved:
    """The draft with the posted page's answers. An emptied answer is removed. A required answer left empty is a problem
    ("Bitte …"): the portal may let citizens go on all the same (`missing` will name it)."""
    raise NotImplementedError


def prune(draft: Draft, today: date) -> tuple[Draft, tuple[Lost, ...]]:
    """The draft without hidden answers, and what was taken out."""
    raise NotImplementedError
