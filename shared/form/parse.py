"""What was typed, turned into answers, or a German message that says what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import jsonschema_rs

from shared.form.answers import ADDRESS, answer_schema
from shared.form.iban import is_iban
from shared.form.limits import EARLIEST_YEAR, MAX_LONG, MAX_MONEY_CENTS, MAX_TEXT
from shared.form.model import Answer, Question

Form = Mapping[str, Sequence[str]]
"""A posted form: name → values."""

DATE_PARTS = ("day", "month", "year")
ADDRESS_PARTS = ("street", "house_number", "addition", "care_of", "postcode", "city")
_MONTHS = (
    [
        "januar",
        "februar",
        "märz",
        "april",
        "mai",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "dezember",
    ],
    ["jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"],
)


@dataclass(frozen=True)
class FieldProblem:
    """Why an answer was not taken. `key` is the draft key, `name` the input to lead to; `message` German."""

    key: str
    name: str
    message: str


class _Wrong(Exception):
    """Carries the message and, if not the first input is meant, its part."""

    def __init__(self, message: str, part: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.part = part


def raw_names(question: Question, key: str) -> tuple[str, ...]:
    """Names of the question's inputs: `key` alone; for dates `key--day`, `key--month`, `key--year`; for addresses
    `key--street`, `--house_number`, `--addition`, `--care_of`, `--postcode`, `--city`."""
    parts = {Answer.DATE: DATE_PARTS, Answer.ADDRESS: ADDRESS_PARTS}.get(question.type)
    return (key,) if parts is None else tuple(f"{key}--{part}" for part in parts)


def raw_values(question: Question, key: str, value: Any) -> dict[str, list[str]]:  # noqa: PLR0911 one for each type
    """The answer as its inputs show it (inverse of `parse`); empty strings for None."""
    names = raw_names(question, key)
    if value is None:
        return {name: [""] for name in names}
    match question.type:
        case Answer.DATE:
            year, month, day = value.split("-")
            return dict(zip(names, ([str(int(day))], [str(int(month))], [year]), strict=True))
        case Answer.ADDRESS:
            return {name: [str(value.get(part, ""))] for name, part in zip(names, ADDRESS_PARTS, strict=True)}
        case Answer.YES_NO:
            return {key: ["yes" if value else "no"]}
        case Answer.MANY | Answer.COUNTRIES:
            return {key: [str(entry) for entry in value]}
        case Answer.MONEY:
            return {key: [typed_money(value)]}
        case Answer.IBAN:
            return {key: [" ".join(value[start : start + 4] for start in range(0, len(value), 4))]}
        case _:
            return {key: [str(value)]}


def typed_money(cents: int) -> str:
    """`-1234567` → "-12345,67"."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100},{abs(cents) % 100:02d}"


def parse(question: Question, key: str, form: Form, today: date) -> Any | FieldProblem | None:
    """The answer in its JSON type; None if nothing was entered.

    Dates `--day/--month/--year`, or `key` as "3.7.1984" or "1984-07-03"; money "1.234,56", "1234.56", "1 234"; yes/no
    "yes"/"no"; several boxes as several values of `key`; blanks in IBAN, postcode and numbers do not matter.
    """
    try:
        answer = _PARSERS[question.type](question, key, form)
        if answer is not None:
            _bounds(question, answer, today)
            _fits(question, answer)
    except _Wrong as wrong:
        names = raw_names(question, key)
        name = f"{key}--{wrong.part}" if wrong.part else names[0]
        return FieldProblem(key, name, wrong.message)
    return answer


def _one(form: Form, name: str) -> str:
    values = form.get(name, ())
    # Browsers send what was typed; blanks at the ends are never meant.
    return values[0].replace("\r\n", "\n").strip() if values else ""


def _line(question: Question, key: str, form: Form) -> str | None:
    text = " ".join(_one(form, key).split())
    limit = question.max_length or MAX_TEXT
    if len(text) > limit:
        raise _Wrong(f"Bitte höchstens {limit} Zeichen.")
    if question.id in ("insured_number", "pension_insurance_number", "tax_id"):
        text = text.replace(" ", "").upper()
    return text or None


def _lines(question: Question, key: str, form: Form) -> str | None:
    text = _one(form, key)
    limit = question.max_length or MAX_LONG
    if len(text) > limit:
        raise _Wrong(f"Bitte höchstens {limit} Zeichen. Es sind jetzt {len(text)}.")
    return text or None


def _date(question: Question, key: str, form: Form) -> str | None:
    parts = [_one(form, f"{key}--{part}") for part in DATE_PARTS]
    whole = _one(form, key)
    if whole and not any(parts):
        if found := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", whole):
            parts = [found[3], found[2], found[1]]
        elif found := re.fullmatch(r"(\d{1,2})\s*[./ ]\s*(\d{1,2}|[A-Za-zä]+)\.?\s*[./ ]\s*(\d{4})", whole):
            parts = [found[1], found[2], found[3]]
        else:
            raise _Wrong("Bitte das Datum mit Tag, Monat und Jahr, zum Beispiel 3.7.1984.")
    if not any(parts):
        return None
    for part, typed, word in zip(DATE_PARTS, parts, ("den Tag", "den Monat", "das Jahr"), strict=True):
        if not typed:
            raise _Wrong(f"Bitte auch {word} angeben.", part)
    day, month, year = parts[0].rstrip("."), _month(parts[1]), parts[2]
    if not (day.isdecimal() and 1 <= int(day) <= 31):
        raise _Wrong("Der Tag ist eine Zahl von 1 bis 31.", "day")
    if not (year.isdecimal() and len(year) == 4 and int(year) >= EARLIEST_YEAR):
        raise _Wrong("Bitte das Jahr mit vier Ziffern, zum Beispiel 1984.", "year")
    try:
        return date(int(year), month, int(day)).isoformat()
    except ValueError as error:
        raise _Wrong("Diesen Tag gibt es in diesem Monat nicht.", "day") from error


def _month(typed: str) -> int:
    text = typed.rstrip(".").lower()
    for names in _MONTHS:
        if text in names:
            return names.index(text) + 1
    if not (text.isdecimal() and 1 <= int(text) <= 12):
        raise _Wrong("Der Monat ist eine Zahl von 1 bis 12.", "month")
    return int(text)


def _yes_no(question: Question, key: str, form: Form) -> bool | None:
    text = _one(form, key)
    if question.must_be is not None:
        # A declaration is a box: not ticked is not answered.
        return question.must_be if text in ("yes", "on", "true") else None
    return {"yes": True, "no": False}.get(_known(text, ("yes", "no"))) if text else None


def _known(text: str, values: Sequence[str]) -> str:
    if text not in values:
        raise _Wrong("Bitte wählen Sie eine der Möglichkeiten.")
    return text


def _yes_no_unknown(question: Question, key: str, form: Form) -> str | None:
    text = _one(form, key)
    return _known(text, ("yes", "no", "unknown")) if text else None


def _option(question: Question, key: str, form: Form) -> str | None:
    text = _one(form, key)
    return _known(text, [option.value for option in question.options]) if text else None


def _options(question: Question, key: str, form: Form) -> list[str] | None:
    typed = {value for value in form.get(key, ()) if value}
    known = [option.value for option in question.options]
    for value in typed:
        _known(value, known)
    if "none" in typed and len(typed) > 1:
        label = next(option.label for option in question.options if option.value == "none")
        raise _Wrong(f"„{label}“ passt nicht zu den anderen Antworten. Bitte wählen Sie nur das eine oder das andere.")
    return [value for value in known if value in typed] or None


def _money(question: Question, key: str, form: Form) -> int | None:
    text = _one(form, key)
    if not text:
        return None
    amount = re.sub(r"[\s']|€|euro?$", "", text.replace("−", "-"), flags=re.IGNORECASE)
    amount = re.sub(r",(?:-{1,2}|–|—)$", "", amount)
    found = re.fullmatch(r"([+-]?)(\d{1,3}(?:\.\d{3})+|\d{1,12})(?:,(\d{1,2}))?", amount) or re.fullmatch(
        r"([+-]?)(\d{1,3}(?:,\d{3})+(?=\.)|\d{1,12})(?:\.(\d{1,2}))?", amount
    )
    if found is None:
        raise _Wrong("Bitte einen Betrag in Euro, zum Beispiel 480 oder 480,50.")
    euros = int(re.sub(r"\D", "", found[2]))
    cents = euros * 100 + int((found[3] or "0").ljust(2, "0"))
    cents = -cents if found[1] == "-" else cents
    low, high = question.minimum or 0, question.maximum or MAX_MONEY_CENTS
    if cents < low:
        raise _Wrong("Der Betrag kann nicht negativ sein." if low == 0 else "Der Betrag ist zu klein.")
    if cents > high:
        raise _Wrong("Der Betrag ist zu groß. Bitte prüfen Sie ihn.")
    return cents


def _integer(question: Question, key: str, form: Form) -> int | None:
    text = re.sub(r"\s|m²|qm|km|cm$", "", _one(form, key))
    if not text:
        return None
    low, high = question.minimum or 0, question.maximum or 1_000_000
    if re.fullmatch(r"\d{1,3}(\.\d{3})+", text) and high >= 1000:
        text = text.replace(".", "")
    if found := re.fullmatch(r"(\d{1,9})(?:[.,](\d{1,2}))?", text):
        number = int(found[1])
        if low <= number <= high:
            return number
    raise _Wrong(f"Bitte eine Zahl von {low} bis {high}.")


def _iban(question: Question, key: str, form: Form) -> str | None:
    text = re.sub(r"[\s.-]", "", _one(form, key)).upper()
    if not text:
        return None
    if text.startswith("DE") and len(text) != 22:
        raise _Wrong(f"Eine deutsche IBAN hat 22 Zeichen. Es sind jetzt {len(text)}.")
    if not is_iban(text):
        raise _Wrong("Diese IBAN stimmt nicht. Bitte vergleichen Sie sie mit Ihrer Bankkarte.")
    return text


def _postcode(question: Question, key: str, form: Form) -> str | None:
    text = re.sub(r"^D-|\s", "", _one(form, key))
    if text and not re.fullmatch("[0-9]{5}", text):
        raise _Wrong("Eine Postleitzahl hat fünf Ziffern, zum Beispiel 63303.")
    return text or None


def _municipality(question: Question, key: str, form: Form) -> str | None:
    text = _one(form, key)
    if text and not re.fullmatch("[0-9]{8}", text):
        raise _Wrong("Bitte wählen Sie Ihre Stadt oder Gemeinde aus.")
    return text or None


def _country(question: Question, key: str, form: Form) -> str | None:
    text = _one(form, key)
    if text and not re.fullmatch("[A-Z]{2}", text):
        raise _Wrong("Bitte wählen Sie ein Land aus.")
    return text or None


def _countries(question: Question, key: str, form: Form) -> list[str] | None:
    typed = list(dict.fromkeys(value.strip() for value in form.get(key, ()) if value.strip()))
    if any(not re.fullmatch("[A-Z]{2}", value) for value in typed):
        raise _Wrong("Bitte wählen Sie ein Land aus.")
    if len(typed) > 5:
        raise _Wrong("Bitte höchstens fünf.")
    return typed or None


def _address(question: Question, key: str, form: Form) -> dict[str, str] | None:
    found = {part: " ".join(_one(form, f"{key}--{part}").split()) for part in ADDRESS_PARTS}
    filled = {part: text for part, text in found.items() if text}
    if not filled:
        return None
    for part, message in (("postcode", "Bitte die Postleitzahl angeben."), ("city", "Bitte den Ort angeben.")):
        if part not in filled:
            raise _Wrong(message, part)
    filled["postcode"] = filled["postcode"].upper()
    for part, text in filled.items():
        limit = ADDRESS["properties"][part].get("maxLength", 12)
        if len(text) > limit:
            raise _Wrong(f"Bitte höchstens {limit} Zeichen.", part)
        if not re.search(ADDRESS["properties"][part]["pattern"], text):
            raise _Wrong("Bitte prüfen Sie diese Angabe.", part)
    return filled


def _person(question: Question, key: str, form: Form) -> str | None:
    text = _one(form, key)
    if text and not re.fullmatch("applicant|outside|person-[1-9][0-9]?", text):
        raise _Wrong("Bitte wählen Sie eine der Personen.")
    return text or None


def _nothing(question: Question, key: str, form: Form) -> None:
    """Lists and evidence are not typed in."""


_PARSERS: dict[Answer, Callable[[Question, str, Form], Any]] = {
    Answer.TEXT: _line,
    Answer.LONG: _lines,
    Answer.DATE: _date,
    Answer.YES_NO: _yes_no,
    Answer.YES_NO_UNKNOWN: _yes_no_unknown,
    Answer.ONE: _option,
    Answer.MANY: _options,
    Answer.MONEY: _money,
    Answer.INTEGER: _integer,
    Answer.IBAN: _iban,
    Answer.POSTCODE: _postcode,
    Answer.MUNICIPALITY: _municipality,
    Answer.COUNTRY: _country,
    Answer.COUNTRIES: _countries,
    Answer.ADDRESS: _address,
    Answer.PERSON: _person,
    Answer.PERSON_ID: _nothing,
    Answer.GROUP: _nothing,
    Answer.EVIDENCE: _nothing,
}


def _bounds(question: Question, answer: Any, today: date) -> None:
    """A date against the day of answering: typing mistakes, not law. Never checked again later."""
    if question.type is not Answer.DATE:
        return
    day = date.fromisoformat(answer)
    if question.latest_days is not None and day > today + timedelta(days=question.latest_days):
        if question.latest_days == 0:
            raise _Wrong("Dieser Tag liegt in der Zukunft. Bitte prüfen Sie das Datum.")
        raise _Wrong("Dieser Tag liegt zu weit in der Zukunft. Bitte prüfen Sie das Datum.")
    if question.earliest_days is not None and day < today + timedelta(days=question.earliest_days):
        raise _Wrong("Dieser Tag liegt zu weit zurück. Bitte prüfen Sie das Datum.")


def _fits(question: Question, answer: Any) -> None:
    """What the schema would refuse is refused here first, whatever the parser let through."""
    if question.type is Answer.ADDRESS:
        return
    if not _validator(question).is_valid(answer):
        example = f" {question.help}" if question.pattern and question.help else ""
        raise _Wrong(f"Bitte prüfen Sie diese Angabe.{example}")


_VALIDATORS: dict[int, tuple[Question, Any]] = {}


def _validator(question: Question) -> Any:
    """Compiled once for each question of a definition; kept with it, so that its identity stays its own."""
    known = _VALIDATORS.get(id(question))
    if known is None:
        compiled = jsonschema_rs.Draft202012Validator(answer_schema(question), validate_formats=True)
        known = _VALIDATORS[id(question)] = (question, compiled)
    return known[1]
