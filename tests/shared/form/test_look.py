"""A draft's household is made anew only where an answer tells something about it: nobody must see the difference."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.form import DEFINITION
from shared.form.annexes import household_in
from shared.form.draft import PERSONS, Draft
from shared.form.flow import look
from shared.form.household import Household
from shared.form.look import _Walk, household_of
from shared.form.view import View
from tests.shared.form.drafts import TODAY, acted, completed
from tests.shared.form.single import CHILD, SINGLE, WIFE, household


class _AlwaysAnew(_Walk):
    @property
    def household(self) -> Household:
        return household_of(self.kept, self.today)


def anew(draft: Draft) -> View:
    return _AlwaysAnew(draft, TODAY, DEFINITION).view()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(10, 40))
def test_a_household_kept_is_the_household_made_anew(seed: int, acts: int) -> None:
    citizen, chance = acted(seed, acts), Random(seed)
    completed(citizen)
    for left in (1.0, 0.9, 0.7, 0.5, 0.3, 0.2, 0.1):
        # With gaps, so that a stale household is not made anew by an answer that comes later.
        draft = {key: value for key, value in citizen.draft.items() if key == PERSONS or chance.random() < left}
        assert look(draft, TODAY) == anew(draft)


GROWN = {"relation": "partner", "birth_date": "1990-01-01", "together_since": "2026-10-01"}


@pytest.mark.parametrize(
    ("persons", "more"),
    [
        ([WIFE], {"household.speaks_for": "only_self"}),
        ([WIFE], {"housing.move_in_date": "2026-10-01"}),
        ([GROWN | {"joint_household": ["common_child"]}], {}),
        ([GROWN, CHILD | {"other_parent_in_household": False}], {}),
        ([CHILD | {"own_family": True}], {}),
        ([CHILD | {"birth_date": "2004-01-01", "child_school": "school"}], {}),
    ],
)
def test_the_last_answer_that_tells_something_counts(persons: list[dict[str, Any]], more: Draft) -> None:
    later = ("housing.", "conditions.", "additional_needs.")
    draft = {key: value for key, value in household(SINGLE, *persons).items() if not key.startswith(later)} | more
    assert look(draft, TODAY) == anew(draft)
    assert set(more) <= look(draft, TODAY).answers.keys(), "it was asked"


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(0, 30))
def test_a_draft_tells_of_the_same_household_as_what_is_sent(seed: int, acts: int) -> None:
    citizen = acted(seed, acts)
    application = completed(citizen).application
    sent, drafted = household_in(application, TODAY), household_of(citizen.view().answers, TODAY)
    assert [member.relation for member in sent.members] == [member.relation for member in drafted.members]
    for ours, theirs in zip(drafted.members, sent.members, strict=True):
        assert {**vars(ours), "id": theirs.id} == vars(theirs)
