"""One part as it streams: any division into pieces gives the same result, and nothing altered is ever believed."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.receiver.checks import Opened
from services.receiver.parts import IncomingPart
from shared.contracts.answer import Problem
from shared.contracts.manifest import Part, Role
from shared.sealing.jwe import seal
from tests import keys
from tests.services.receiver.support import PDF

JWE, SEALED = seal(PDF, keys.recipient("a-encrypt"), "application/pdf")
PART = Part(role=Role.ATTACHMENT, id=uuid4(), kid=SEALED.kid, size=SEALED.size, sha256=SEALED.sha256, tag=SEALED.tag)
KEY_FOR = keys.key_for("a-encrypt")


def receive(jwe: bytes, cuts: list[int], spool: Path | None = None) -> Opened | Problem:
    incoming = IncomingPart(PART, KEY_FOR, spool=spool)
    edges = [0, *sorted(cut % (len(jwe) + 1) for cut in cuts), len(jwe)]
    for begin, end in pairwise(edges):
        incoming.feed(jwe[begin:end])
    return incoming.finish()


@given(st.lists(st.integers(0, 10**6), max_size=12))
@settings(max_examples=40, deadline=None)
def test_any_division_into_pieces_gives_the_same(cuts: list[int]) -> None:
    opened = receive(JWE, cuts)
    assert opened == Opened(
        PART.id, "application/pdf", "application/pdf", len(PDF), hashlib.sha512(PDF).hexdigest(), None
    )


@given(st.integers(0, len(JWE) - 1), st.sampled_from(b"AB.-_="), st.lists(st.integers(0, 10**6), max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_single_other_byte_is_found(place: int, byte: int, cuts: list[int]) -> None:
    altered = JWE[:place] + bytes([byte]) + JWE[place + 1 :]
    result = receive(altered, cuts)
    assert isinstance(result, Opened) if altered == JWE else isinstance(result, Problem)
    if isinstance(result, Problem):
        assert result.code == "part-altered"


@pytest.mark.parametrize("jwe", [b"", b".", JWE[:-1], JWE + b"A", JWE + JWE, JWE[: len(JWE) // 2]])
def test_another_length_is_found(jwe: bytes) -> None:
    result = receive(jwe, [])
    assert isinstance(result, Problem)
    assert result.code == "part-altered"


def test_plaintext_goes_to_the_file_alone(tmp_path: Path) -> None:
    opened = receive(JWE, [700, 2000], tmp_path / "part")
    assert isinstance(opened, Opened)
    assert opened.plaintext is None
    assert (tmp_path / "part").read_bytes() == PDF


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        receive(JWE, [], tmp_path / "part")
    assert not (tmp_path / "elsewhere").exists()
