"""What was typed, turned into answers, or a German message that says what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.form.model import Question

Form = Mapping[str, Sequence[str]]
"""A posted form: name → values."""


@dataclass(frozen=True)
class FieldProblem:
    """Why an answer was not taken. `key` is the draft key, `name` the input to lead to; `message` German."""

    key: str
    name: str
    message: str


def raw_names(question: Question, key: str) -> tuple[str, ...]:
    """Names of the question's inputs: `key` alone; for dates `key--day`, `key--month`, `key--year`; for addresses
    `key--street`, `--house_number`, `--addition`, `--care_of`, `--postcode`, `--city`."""
    raise NotImplementedError


def raw_values(question: Question, key: str, value: Any) -> dict[str, list[str]]:
    """The answer as its inputs show it (inverse of `parse`); empty strings for None."""
    raise NotImplementedError


def parse(question: Question, key: str, form: Form, today: date) -> Any | FieldProblem | None:
    """The answer in its JSON type; None if nothing was entered.

    Dates `--day/--month/--year`, or `key` as "3.7.1984" or "1984-07-03"; money "1.234,56", "1234.56", "1 234"; yes/no
    "yes"/"no"; several boxes as several values of `key`; blanks in IBAN, postcode and numbers do not matter.
    """
    raise NotImplementedError
