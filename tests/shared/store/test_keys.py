from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.store import keys

ID = UUID("0a1b2c3d-0000-4000-8000-000000000001")
OTHER = UUID("0a1b2c3d-0000-4000-8000-000000000002")


def test_keys_are_where_the_design_says() -> None:
    assert keys.opening(ID) == f"open/{ID}/opening"
    assert keys.document(ID, OTHER) == f"open/{ID}/documents/{OTHER}"
    assert keys.part(ID, OTHER) == f"{ID}/parts/{OTHER}"
    assert keys.outcome(ID) == f"{ID}/outcome"
    assert keys.claim(ID, 0) == f"{ID}/0/claim"
    assert keys.clearing(ID, 3) == f"{ID}/3/clearing"
    assert keys.settled(ID, 12) == f"{ID}/12/settled"


def test_a_negative_generation_has_no_key() -> None:
    with pytest.raises(ValueError, match="generation"):
        keys.settled(ID, -1)


@given(st.lists(st.uuids(), max_size=5), st.lists(st.text(max_size=60), max_size=5))
def test_the_sweepers_list_has_each_submission_once_and_nothing_else(ids: list[UUID], noise: list[str]) -> None:
    listed = [key for id_ in ids for key in (keys.opening(id_), keys.document(id_, OTHER), keys.outcome(id_))]
    strays = [text for text in noise if not text.startswith("open/")] + [f"open/{OTHER}".upper(), "open/x/opening"]
    assert keys.open_submissions(sorted([*listed, *strays])) == sorted(set(ids), key=str)


@given(st.uuids(), st.uuids())
def test_a_documents_key_names_it(submission: UUID, document: UUID) -> None:
    assert keys.document_id(keys.document(submission, document)) == document
    assert keys.document(submission, document).startswith(keys.documents_prefix(submission))


@given(st.uuids(), st.uuids())
def test_no_key_is_a_folder_of_another(submission: UUID, part: UUID) -> None:
    """A store over a file system cannot hold `a` and `a/b`."""
    all_keys = [
        keys.opening(submission),
        keys.document(submission, part),
        keys.part(submission, part),
        keys.outcome(submission),
        keys.claim(submission, 0),
        keys.clearing(submission, 0),
        keys.settled(submission, 0),
    ]
    assert not [(a, b) for a in all_keys for b in all_keys if a != b and b.startswith(a + "/")]
