"""Computed ids are what everyone else's uuid5 makes of the same names."""

from __future__ import annotations

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.ids import NAMESPACE, delivery_id, event_id


@given(st.uuids(), st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True), st.integers(0, 16))
def test_ids_are_uuid5(submission: UUID, name: str, number: int) -> None:
    assert delivery_id(submission, name, number) == uuid5(NAMESPACE, f"delivery:{submission}:{name}:{number}")
    assert event_id(submission, number, name, 3) == uuid5(NAMESPACE, f"event:{submission}:{number}:{name}:3")
    assert delivery_id(submission, name, number).version == 5
