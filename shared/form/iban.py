"""IBAN check (ISO 13616, ISO 7064 MOD 97-10)."""

from __future__ import annotations

_LENGTHS = {"AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24}
_LENGTHS |= {"FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21}
_LENGTHS |= {"LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24}
_LENGTHS |= {"SE": 24, "SI": 19, "SK": 24, "SM": 27}


def is_iban(text: str) -> bool:
    """True if length (SEPA countries) and check digits are right. `text` without blanks, upper case."""
    if not (15 <= len(text) <= 34 and text.isascii() and text.isalnum() and text.upper() == text):
        return False
    if not (text[:2].isalpha() and text[2:4].isdigit()):
        return False
    if _LENGTHS.get(text[:2], len(text)) != len(text):
        return False
    return 2 <= int(text[2:4]) <= 98 and _remainder(text[4:] + text[:4]) == 1


def with_check_digits(country: str, account: str) -> str:
    """The IBAN of an account (BBAN); for synthetic data."""
    return f"{country}{98 - _remainder(f'{account}{country}00'):02d}{account}"


def _remainder(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97
