"""Check digits: computed by hand from the published rules; a failed one is said and never blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.form.doubts import insured_number_fails, is_doubtful, pension_number_fails, tax_id_fails
from shared.form.model import Doubt


@pytest.mark.parametrize(
    "number",
    [
        # Places 6 5 1 7 0 8 3 9 1 0 0 0, weighted 12 5 2 35 0 8 6 9 2 0 0 0, digits 3+5+2+8+0+8+6+9+2 = 43.
        "65170839J003",
        # Places 1 5 0 7 0 6 4 9 0 3 1 0, weighted 2 5 0 35 0 6 8 9 0 3 2 0, digits 2+5+0+8+0+6+8+9+0+3+2+0 = 43.
        "15070649C103",
        # Places 1 2 0 1 0 1 8 0 2 6 5 0, weighted 2 2 0 5 0 1 16 0 4 6 10 0, digits 2+2+5+1+7+4+6+1 = 28.
        "12010180Z508",
    ],
)
def test_pension_numbers_with_the_right_digit(number: str) -> None:
    assert not pension_number_fails(number)
    assert all(pension_number_fails(f"{number[:11]}{digit}") for digit in "0123456789" if digit != number[11])


@pytest.mark.parametrize(
    "number",
    [
        # Places 0 1 1 2 3 4 5 6 7 8, weighted 0 2 1 4 3 8 5 12 7 16, digits 0+2+1+4+3+8+5+3+7+7 = 40.
        "A123456780",
        # Places 2 6 and zeros, weighted 2 12, digits 2+3 = 5.
        "Z000000005",
    ],
)
def test_insured_numbers_with_the_right_digit(number: str) -> None:
    assert not insured_number_fails(number)
    assert all(insured_number_fails(f"{number[:9]}{digit}") for digit in "0123456789" if digit != number[9])


def test_tax_ids_with_the_right_digit() -> None:
    # Rests 10 → 5 2 4 6 2 7 2 8 10 2, check digit 11 - 2 = 9.
    assert not tax_id_fails("86095742719")
    assert all(tax_id_fails(f"8609574271{digit}") for digit in "012345678")
    assert tax_id_fails("06095742719"), "no identification number begins with 0"


@given(st.sampled_from(list(Doubt)), st.text() | st.none() | st.integers() | st.lists(st.text()))
def test_what_does_not_have_the_form_is_not_judged(doubt: Doubt, answer: object) -> None:
    assert is_doubtful(doubt, answer) is False


@given(st.from_regex("[0-9]{8}[A-Z][0-9]{3}", fullmatch=True))
def test_one_wrong_digit_of_the_serial_number_is_found(number: str) -> None:
    right = next(f"{number[:11]}{digit}" for digit in "0123456789" if not pension_number_fails(f"{number[:11]}{digit}"))
    wrong = f"{right[:9]}{(int(right[9]) + 1) % 10}{right[10:]}"
    assert pension_number_fails(wrong)
