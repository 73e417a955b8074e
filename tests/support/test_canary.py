"""The search for canaries must itself be able to find."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.support.canary import CHUNK, find

WORD = "Kanarienvögelchen-4711"


@pytest.mark.parametrize(
    "content",
    [
        WORD.encode(),
        WORD.encode("utf-16-le"),
        WORD.encode("latin-1"),
        base64.b64encode(b"x" + WORD.encode() + b"yz"),
        base64.urlsafe_b64encode(b"xx" + WORD.encode()),
        WORD.encode().hex().encode(),
        b"." * (CHUNK - 5) + WORD.encode(),
    ],
)
def test_finds_every_form(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(b"head" + content + b"tail")
    assert [word for word, _ in find([WORD], [tmp_path])] == [WORD]


def test_finds_names_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "clean").write_bytes(b"nothing here" * 1000)
    assert find([WORD], [tmp_path]) == []
    (tmp_path / f"{WORD}.pdf").write_bytes(b"")
    assert len(find([WORD], [tmp_path])) == 1
