"""ISO 13616 check digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.form.iban import is_iban, with_check_digits

ACCOUNTS = st.integers(0, 10**18 - 1).map(lambda number: f"{number:018d}")


@pytest.mark.parametrize(
    "iban",
    [
        "DE89370400440532013000",
        "GB29NWBK60161331926819",
        "CH9300762011623852957",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ],
)
def test_published_examples_are_right(iban: str) -> None:
    assert is_iban(iban)


@pytest.mark.parametrize(
    "iban",
    [
        "",
        "DE",
        "DE89 3704 0044 0532 0130 00",
        "de89370400440532013000",
        "DE8937040044053201300",
        "DE893704004405320130000",
        "DE００370400440532013000",
        "1289370400440532013000",
        "DEX9370400440532013000",
    ],
)
def test_others_are_not(iban: str) -> None:
    assert not is_iban(iban)


@given(ACCOUNTS)
def test_computed_check_digits_are_right(account: str) -> None:
    assert is_iban(with_check_digits("DE", account))


@given(ACCOUNTS, st.integers(4, 21), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(account: str, position: int, shift: int) -> None:
    iban = with_check_digits("DE", account)
    wrong = str((int(iban[position]) + shift) % 10)
    assert not is_iban(iban[:position] + wrong + iban[position + 1 :])


@given(ACCOUNTS, st.integers(4, 20))
def test_swapped_neighbours_are_always_found(account: str, position: int) -> None:
    iban = with_check_digits("DE", account)
    swapped = iban[:position] + iban[position + 1] + iban[position] + iban[position + 2 :]
    assert swapped == iban or not is_iban(swapped)


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    assert is_iban(text) in (True, False)
