"""Check digits of numbers that citizens copy from papers. A wrong digit is most often a typing mistake, but old papers
hold wrong numbers too: so the citizen gets a warning, and the answer is taken. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from shared.form.model import Doubt

_PENSION_WEIGHTS = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)


def is_doubtful(doubt: Doubt, answer: object) -> bool:
    """Does the answer fail the check? What does not even have the number's form is not judged: `pattern` has."""
    return isinstance(answer, str) and _CHECKS[doubt](answer)


def pension_number_fails(number: str) -> bool:
    """Versicherungsnummer (§ 2 VKVV): the letter counts as its two-digit place in the alphabet; the check digit is the
    last digit of the sum of the digits of the weighted places."""
    if not re.fullmatch("[0-9]{8}[A-Z][0-9]{3}", number):
        return False
    places = f"{number[:8]}{_place(number[8])}{number[9:11]}"
    products = (int(digit) * weight for digit, weight in zip(places, _PENSION_WEIGHTS, strict=True))
    return sum(map(_digits, products)) % 10 != int(number[11])


def insured_number_fails(number: str) -> bool:
    """Krankenversichertennummer (§ 290 SGB V): like the above with the weights 1 and 2 in turn."""
    if not re.fullmatch("[A-Z][0-9]{9}", number):
        return False
    places = f"{_place(number[0])}{number[1:9]}"
    products = (int(digit) * (1 + index % 2) for index, digit in enumerate(places))
    return sum(map(_digits, products)) % 10 != int(number[9])


def tax_id_fails(number: str) -> bool:
    """Identifikationsnummer (§ 139b AO): ISO 7064, MOD 11,10; the first digit is never 0."""
    if not re.fullmatch("[0-9]{11}", number):
        return False
    rest = 10
    for digit in number[:10]:
        rest = ((int(digit) + rest) % 10 or 10) * 2 % 11
    return number[0] == "0" or (11 - rest) % 10 != int(number[10])


def _place(letter: str) -> str:
    return f"{ord(letter) - ord('A') + 1:02d}"


def _digits(number: int) -> int:
    return number // 10 + number % 10


_CHECKS: dict[Doubt, Callable[[str], bool]] = {
    Doubt.PENSION_NUMBER: pension_number_fails,
    Doubt.INSURED_NUMBER: insured_number_fails,
    Doubt.TAX_ID: tax_id_fails,
}
