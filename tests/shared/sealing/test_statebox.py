from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import CannotOpen, Misconfigured
from shared.sealing.statebox import StateBox, generate_state_keys

OLD, NEW = b"o" * 32, b"n" * 32
BOX = StateBox({"old": OLD, "new": NEW}, "new")


@given(st.binary(max_size=200), st.text(max_size=40))
def test_round_trip(plaintext: bytes, context: str) -> None:
    sealed = BOX.seal(plaintext, context)
    assert BOX.open(sealed, context) == plaintext
    assert len(sealed) == len(plaintext) + 2 + 3 + 12 + 16


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_sealed_object_opens_only_in_its_place(context: str, other: str) -> None:
    sealed = BOX.seal(b"secret", context)
    if context != other:
        with pytest.raises(CannotOpen, match="state-unopenable"):
            BOX.open(sealed, other)


@given(st.data())
def test_any_change_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(BOX.seal(b"some state", "open/1"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    if data.draw(st.booleans()):
        sealed[place] ^= data.draw(st.integers(1, 255))
    else:
        del sealed[place:]
    with pytest.raises(CannotOpen):
        BOX.open(bytes(sealed), "open/1")


def test_rotation_keeps_the_old_key_readable() -> None:
    sealed = StateBox({"old": OLD}, "old").seal(b"state", "c")
    assert BOX.open(sealed, "c") == b"state"
    with pytest.raises(CannotOpen, match="state-kid"):
        StateBox({"new": NEW}, "new").open(sealed, "c")


def test_from_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(generate_state_keys()))
    assert StateBox.from_file(path).open(StateBox.from_file(path).seal(b"x", "c"), "c") == b"x"


@pytest.mark.parametrize(
    "document",
    [
        "no json",
        [],
        {},
        {"active": "a", "keys": {}},
        {"active": "a", "keys": {"a": "AAAA"}},
        {"active": "a", "keys": {"a": 5}},
        {"active": "a", "keys": ["a"]},
        {"active": "", "keys": {"": "A" * 43}},
    ],
)
def test_bad_files_are_refused_by_name(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "state.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    with pytest.raises(Misconfigured):
        StateBox.from_file(path)
    with pytest.raises(Misconfigured):
        StateBox.from_file(tmp_path / "missing")
