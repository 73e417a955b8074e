"""The one byte form of JSON in this project: what is hashed, sealed and compared is always written by this."""

from __future__ import annotations

import json
from typing import Final

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> bytes:
    """UTF-8, members sorted by name, no white space, no escapes beyond what JSON demands; NaN and infinity refused.

    It is not RFC 8785 (numbers are written as Python writes them); both ends of every comparison use this function.
    Raises `ValueError` for what JSON cannot hold and for lone surrogates.
    """
    return _ENCODER.encode(value).encode()


def strict_json(data: bytes) -> object:
    """Read JSON that two parsers cannot understand differently: no duplicate members, no NaN, valid UTF-8.

    Raises `ValueError` without quoting the data.
    """
    try:
        return _DECODER.decode(data.decode())
    except (ValueError, RecursionError):
        # The original error quotes the document; nothing of it may reach a log.
        raise ValueError("not strict JSON") from None


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _no_constant(_name: str) -> object:
    raise ValueError("not a JSON number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
