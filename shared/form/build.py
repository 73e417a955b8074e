"""From a draft to an application that the schema accepts, or a named list of what is missing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.form.view import View


@dataclass(frozen=True)
class Upload:
    """A document of the submission (intake's document id) that belongs to a slot (`Slot.key`)."""

    slot: str
    document: str


@dataclass(frozen=True)
class Missing:
    """A required answer that is not there, and the page that asks for it."""

    key: str
    label: str
    where: str
    step: str


@dataclass(frozen=True)
class NotYet:
    """Cannot be sent yet."""

    missing: tuple[Missing, ...]


@dataclass(frozen=True)
class Built:
    """`application` is valid; `to_follow` names its sections that will be brought later."""

    application: dict[str, Any]
    to_follow: tuple[str, ...]


def build_application(view: View, uploads: Sequence[Upload] = (), *, early: bool = False) -> Built | NotYet:
    """The application with evidence list and annex codes.

    `early`: secure the date: only what `Asked.early` marks is needed, incomplete sections are announced in `to_follow`.
    """
    raise NotImplementedError


def build_supplement(view: View, sections: Sequence[str], reference: str, remarks: str = "") -> dict[str, Any]:
    """Later data for an earlier application: the sections named, as far as answered (kind `supplement`)."""
    raise NotImplementedError
