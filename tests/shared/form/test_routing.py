"""Which place decides (§ 36 SGB II)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.form import routing_answers

HOME = {"residence_postcode": "63303", "residence_municipality": "06438002"}
STAY = {"actual_stay_postcode": "49124", "actual_stay_municipality": "03459019"}
DUTY = {"obligation_postcode": "27283", "obligation_municipality": "03361012"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"residence_situation": "rented_home", **HOME}, ("63303", "06438002")),
        ({"residence_situation": "rented_home", "residence_postcode": "63303"}, ("63303", None)),
        ({"residence_situation": "womens_shelter", **HOME}, ("63303", "06438002")),
        ({"residence_situation": "prison", **HOME}, ("63303", "06438002")),
        ({"residence_situation": "no_fixed_home", **STAY}, ("49124", "03459019")),
        ({"residence_situation": "no_fixed_home", "actual_stay_postcode": "49124"}, ("49124", None)),
        (
            {"residence_situation": "refugee_accommodation", **HOME, "residence_obligation": "yes", **DUTY},
            ("27283", "03361012"),
        ),
        (
            {"residence_situation": "no_fixed_home", **STAY, "residence_obligation": "yes", **DUTY},
            ("27283", "03361012"),
        ),
        (
            {
                "residence_situation": "rented_home",
                **HOME,
                "residence_obligation": "yes",
                "obligation_postcode": "27283",
            },
            ("27283", None),
        ),
        ({"residence_situation": "refugee_accommodation", **HOME, "residence_obligation": "no"}, ("63303", "06438002")),
        (
            {"residence_situation": "refugee_accommodation", **HOME, "residence_obligation": "unknown"},
            ("63303", "06438002"),
        ),
    ],
)
def test_the_deciding_place(answers: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert routing_answers({"responsibility": answers}) == expected


def test_an_obligation_that_came_up_with_the_residence_title_decides_too() -> None:
    application = {
        "responsibility": {"residence_situation": "rented_home", "residence_postcode": "63303"},
        "applicant": {
            "residence_obligation": "yes",
            "obligation_postcode": "27283",
            "obligation_municipality": "03361012",
        },
    }
    assert routing_answers(application) == ("27283", "03361012")
    application["applicant"]["residence_obligation"] = "unknown"
    assert routing_answers(application) == ("63303", None)
