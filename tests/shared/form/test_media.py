"""Types by content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.documents import SampleDocument
from shared.form.media import ALLOWED, EXTENSIONS, SNIFF_BYTES, hint, is_heic, sniff

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"


@pytest.mark.parametrize("media_type", sorted(ALLOWED))
def test_real_files_are_recognised_by_their_first_bytes(media_type: str) -> None:
    content = SampleDocument("a", media_type, 1, "Kanarie", "E-ID", "applicant.family_name").content()
    assert sniff(content) == media_type
    assert sniff(content[:SNIFF_BYTES]) == media_type
    assert media_type in EXTENSIONS


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"%PDF",
        b"%PDF-",
        b"%PDF-x",
        b"\n%PDF-1.7",
        b"MZ%PDF-1.7",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xff",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIDAT",
        b"GIF89a",
        b"PK\x03\x04",
        b"<svg xmlns",
        b"<!doctype html>",
        HEIC,
    ],
)
def test_others_are_not(head: bytes) -> None:
    assert sniff(head) is None


@given(st.binary(max_size=SNIFF_BYTES))
def test_any_bytes_get_an_allowed_type_or_none(head: bytes) -> None:
    found = sniff(head)
    assert found is None or found in ALLOWED
    assert hint(head)


@given(st.binary(max_size=200), st.sampled_from(sorted(ALLOWED)))
def test_only_the_beginning_counts(tail: bytes, media_type: str) -> None:
    head = SampleDocument("a", media_type, 1, "Kanarie", "E-ID", "applicant.family_name").content()[:SNIFF_BYTES]
    assert sniff(head + tail) == media_type


def test_heic_gets_a_message_of_its_own() -> None:
    assert is_heic(HEIC)
    assert "HEIC" in hint(HEIC)
    assert "Office" in hint(b"PK\x03\x04")
    assert "PDF, JPEG and PNG" in hint(b"GIF89a")
    assert not is_heic(b"\x00\x00\x00\x18ftypmp42")
