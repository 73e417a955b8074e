"""The cast: twelve real Jobcenters, and applications for each that the door takes."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest

from devtools.chaos.cast import CAST, places
from devtools.chaos.load import letter
from devtools.chaos.receiver import Manner
from shared import form
from shared.directory.resolve import resolve
from shared.directory.tables import Tables

JOBCENTERS = tuple(role.jobcenter for role in CAST)


def test_twelve_of_every_kind() -> None:
    assert len(set(JOBCENTERS)) == 12
    assert {role.manner for role in CAST} == set(Manner)
    assert sum(role.starts_dead for role in CAST) == 1
    assert sum(role.clock_ahead_s > 60 for role in CAST) == 1


def test_every_letter_is_valid_and_for_its_jobcenter() -> None:
    found, source = places(JOBCENTERS), random.Random(1)
    for number, jobcenter in enumerate(JOBCENTERS * 3):
        sent = letter(number, jobcenter, found[jobcenter], source)
        uploaded = [uuid4() for _ in sent.sample.documents]
        assert form.validate(sent.sample.completed_with(uploaded)) == []
        place = found[jobcenter]
        assert resolve(Tables.load(), place.postcode, place.municipality_key).jobcenter_id == jobcenter
        assert sent.jobcenter == jobcenter


def test_no_two_letters_are_alike() -> None:
    place, source = places(JOBCENTERS)["kreis-offenbach"], random.Random(1)
    letters = [letter(number, "kreis-offenbach", place, source).sample for number in range(200)]
    assert len({each.canary for each in letters}) == 200
    assert all(1 <= len(each.documents) <= 3 for each in letters)


def test_a_joint_jobcenter_is_refused() -> None:
    with pytest.raises(ValueError, match="kreis-soest"):
        places(("kreis-soest",))
