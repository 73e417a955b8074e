from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.canonical import canonical_json, strict_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_canonical_form_is_a_fixed_point_of_reading_and_writing(value: Any) -> None:
    data = canonical_json(value)
    assert strict_json(data) == json.loads(data) == value
    assert canonical_json(strict_json(data)) == data


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=6))
def test_order_of_members_does_not_matter(value: dict[str, int]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_bytes_by_hand() -> None:
    assert canonical_json({"b": [1, None], "a": "Straße"}) == '{"a":"Straße","b":[1,null]}'.encode()
    value = {"é": 1.5, "a": {"z": [True, {}, [], -0.0, 1e22, 10**20], "b": 'q"\\\n\t\x1f/\u2028\U0001f600'}, "B": ""}
    text = '"q\\"\\\\\\n\\t\\u001f/\u2028\U0001f600"'
    golden = f'{{"B":"","a":{{"b":{text},"z":[true,{{}},[],-0.0,1e+22,100000000000000000000]}},"é":1.5}}'
    assert canonical_json(value) == golden.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_hold(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


@pytest.mark.parametrize(
    "data", [b'{"a":1,"a":1}', b'[{"a":{"b":1,"b":2}}]', b"NaN", b"[Infinity]", b"\xff", b"", b"{} x", b"[" * 100_000]
)
def test_ambiguous_json_is_refused_without_being_quoted(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not strict JSON$"):
        strict_json(data)


def test_a_byte_order_mark_is_no_json() -> None:
    with pytest.raises(ValueError, match="not strict JSON"):
        strict_json(b"\xef\xbb\xbf{}")
