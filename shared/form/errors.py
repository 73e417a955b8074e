"""What is wrong with an application, told without a word of what the citizen answered.

A `FieldError` is made of schema names, positions in lists, and texts of this module only: it may stand in
problems, logs and tickets. Property names that the form does not know are the sender's text too and never repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HINTS: dict[str, str] = {
    "type": "Wrong JSON type.",
    "required": "Required and missing; a whole section may be announced in `to_follow` instead.",
    "hidden": "Must not be here: earlier answers say that this is not asked. Remove it.",
    "unknown-property": "Holds a property that the form does not know. Compare with the schema's properties.",
    "option": "Not one of the schema's values.",
    "constant": "Must have exactly the schema's value.",
    "too-long": "Longer than the schema allows.",
    "too-short": "Shorter than the schema allows.",
    "too-many": "More entries than the schema allows.",
    "too-few": "Fewer entries than the schema allows.",
    "repeated": "Entries must differ.",
    "too-large": "Above the schema's maximum.",
    "too-small": "Below the schema's minimum.",
    "pattern": "Does not have the form that the schema demands.",
    "format": "Not a valid date or id.",
    "applicant-missing": "Needs an entry with `person_ref` `applicant`.",
    "iban": "The check digits or the length of the IBAN are wrong.",
    "date": "Not a date that can be: dates are YYYY-MM-DD, from 1900 on.",
    "date-order": "Ends before it begins.",
    "person-unknown": "Names a person that the household does not list.",
    "person-repeated": "This person has an entry already.",
    "evidence-repeated": "This document is listed for the same question and person already.",
    "question-without-evidence": "This question does not ask for this evidence.",
    "flag-missing": "The answers call for a flag that is not raised. Compare `flags` with the form's definition.",
    "contradiction": "`none` excludes the other values.",
    "not-json": "Only objects, lists, texts, booleans, whole numbers; money in cents, empty answers are left out.",
    "not-unicode": "Holds text that is not valid Unicode.",
    "too-deep": "Nested too deeply or too large.",
    "invalid": "Does not fulfil the schema.",
}
"""code → hint. The complete list of codes."""


@dataclass(frozen=True, order=True)
class FieldError:
    """`path` is a JSON pointer (RFC 6901) into the application; `code` a key of `HINTS`; `hint` for developers."""

    path: str
    code: str
    hint: str = ""


def field_error(path: Iterable[str | int], code: str) -> FieldError:
    """Make one; the hint belongs to the code."""
    return FieldError("".join(f"/{part}" for part in path), code, HINTS[code])
