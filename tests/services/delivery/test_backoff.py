from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.backoff import Backoff

chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10_000), chances)
def test_delays_stay_within_the_jitter_of_their_step(failures: int, chance: float) -> None:
    step = min(2.0 ** min(failures - 1, 64), 60.0)
    assert 0.8 * step <= Backoff().delay_s(failures, chance) <= 1.2 * step


@given(st.integers(1, 100), chances, st.floats(0, 1e12))
def test_what_was_asked_for_is_honoured_up_to_a_limit(failures: int, chance: float, asked_s: float) -> None:
    backoff = Backoff()
    delay_s = backoff.delay_s(failures, chance, asked_s)
    assert delay_s >= min(asked_s, backoff.most_asked_s)
    assert delay_s <= max(backoff.most_asked_s, 72)


def test_nonsense_is_refused() -> None:
    for wrong in ({"first_s": 0}, {"first_s": 2, "most_s": 1}, {"jitter": 1}, {"most_asked_s": -1}):
        with pytest.raises(ValueError, match="need"):
            Backoff(**wrong)  # type: ignore[arg-type]
