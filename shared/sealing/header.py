"""Protected headers of JWS and JWE, read as strictly as both profiles of the design demand."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from shared.contracts.canonical import strict_json
from shared.sealing.jwk import unb64u

MAX_HEADER_BYTES: Final = 4096


def read_header(segment: bytes, members: Set[str]) -> dict[str, str]:
    """The header of a compact JWS or JWE: a JSON object with exactly `members`, each a string.

    So `crit`, `jwk`, `jku`, `x5u`, `x5c`, `zip`, `b64` and whatever is invented next are refused by being unknown.
    Raises `ValueError`.
    """
    if len(segment) > -(-MAX_HEADER_BYTES * 4 // 3):
        raise ValueError("header-size")
    header = strict_json(unb64u(segment))
    if not isinstance(header, dict) or header.keys() != members:
        raise ValueError("header-members")
    if not all(isinstance(value, str) for value in header.values()):
        raise ValueError("header-members")
    return header
