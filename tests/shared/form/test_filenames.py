"""Whatever a sender calls a file, the receiver's name is safe."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.form.filenames import safe_name
from shared.form.limits import MAX_FILENAME_BYTES
from shared.form.media import ALLOWED, EXTENSIONS, PDF, PNG

NAMES = st.text(st.characters(), max_size=300) | st.text("./\\ :aCON\u0000\u202e", max_size=40)


@given(NAMES, st.sampled_from(sorted(ALLOWED)), st.integers(0, 5000))
@example("../../etc/passwd", PDF, 1)
@example("..", PDF, 1)
@example("", PDF, 1)
@example("CON", PDF, 1)
@example("ä" * 200, PDF, 100)
@example("a\u0308" * 200, PDF, 1)
@example("rechnung\u202efdp.exe", PDF, 1)
@example("\ud800", PDF, 1)
def test_it_is_one_safe_segment(original: str, media_type: str, index: int) -> None:
    name = safe_name(original, media_type, index)
    assert name.endswith(EXTENSIONS[media_type])
    assert len(name.encode()) <= MAX_FILENAME_BYTES
    assert name[0] not in ".-~ "
    assert name not in ("", ".", "..")
    assert PurePosixPath(name).name == name == PureWindowsPath(name).name
    stem = PureWindowsPath(name).stem
    assert stem.upper() not in {"CON", "PRN", "AUX", "NUL"}
    assert not stem.endswith((".", " "))
    assert not set(name) & set('<>:"/\\|?*%')
    assert not any(unicodedata.category(character)[0] in "CZ" for character in name)
    assert unicodedata.is_normalized("NFC", name)


@given(NAMES, NAMES, st.integers(0, 5000), st.integers(0, 5000))
def test_different_indexes_never_collide(first: str, second: str, one: int, other: int) -> None:
    names = safe_name(first, PDF, one).casefold(), safe_name(second, PDF, other).casefold()
    assert one == other or names[0] != names[1]


@given(NAMES, st.integers(0, 5000))
def test_the_same_input_gives_the_same_name(original: str, index: int) -> None:
    assert safe_name(original, PNG, index) == safe_name(original, PNG, index)


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("Mietvertrag.pdf", "001_Mietvertrag.pdf"),
        ("Mietvertrag 2024 (Kopie).PDF", "001_Mietvertrag_2024_(Kopie).pdf"),
        ("Kontoauszüge Größe.pdf", "001_Kontoauszüge_Größe.pdf"),
        ("foto.jpeg", "001_foto.pdf"),
        ("rechnung.pdf.exe", "001_rechnung.pdf.exe.pdf"),
        (".htaccess", "001_htaccess.pdf"),
        ("C:\\Users\\ich\\Ausweis.pdf", "001_Ausweis.pdf"),
        ("../../Kontoauszug: November?.png", "001_Kontoauszug_November.pdf"),
        ("///", "001_dokument.pdf"),
        ("", "001_dokument.pdf"),
    ],
)
def test_it_stays_readable(original: str, expected: str) -> None:
    assert safe_name(original, PDF, 1) == expected


def test_only_allowed_types_and_indexes() -> None:
    with pytest.raises(ValueError, match="not allowed"):
        safe_name("a", "text/html", 1)
    with pytest.raises(ValueError, match="not allowed"):
        safe_name("a", PDF, -1)
