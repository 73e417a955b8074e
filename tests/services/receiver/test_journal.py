"""The journal's states, what it keeps, and that only one process uses it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.receiver.journal import Entry, Journal, SignedAnswer, State
from shared.errors import Misconfigured
from tests.services.receiver.support import NOW


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite3")
    yield journal
    journal.close()


def entry(submission_id: UUID | None = None, *, follows: UUID | None = None, destination: str = "jc") -> Entry:
    return Entry(destination, submission_id or uuid4(), State.WRITING, uuid4(), 0, "ab" * 32, follows, "x.part")


def answer(of: Entry, verdict: str = "accept") -> SignedAnswer:
    return SignedAnswer(uuid4(), of.destination, of.submission_id, of.delivery_id, verdict, "a.b.c")


def test_what_is_begun_is_writing(journal: Journal) -> None:
    item = entry()
    journal.begin(item, NOW)
    assert journal.find("jc", item.submission_id) == item
    assert journal.unfinished("jc") == [item]


def test_nothing_is_begun_twice(journal: Journal) -> None:
    item = entry()
    journal.begin(item, NOW)
    with pytest.raises(sqlite3.IntegrityError):
        journal.begin(item, NOW)
    journal.forget("jc", item.submission_id)
    journal.begin(item, NOW)
    assert journal.unfinished("jc") == [item]


def test_what_is_accepted_is_never_forgotten(journal: Journal) -> None:
    item = entry()
    journal.begin(item, NOW)
    journal.accept_and_answer(answer(item), NOW)
    journal.forget("jc", item.submission_id)
    found = journal.find("jc", item.submission_id)
    assert found is not None
    assert found.state is State.ACCEPTED
    assert journal.unfinished("jc") == []


def test_accept_and_answer_are_kept_together_or_not_at_all(journal: Journal) -> None:
    first, second = entry(), entry()
    journal.begin(first, NOW)
    journal.begin(second, NOW)
    said = answer(first)
    journal.accept_and_answer(said, NOW)
    same_jti = SignedAnswer(said.jti, "jc", second.submission_id, second.delivery_id, "accept", "d.e.f")
    with pytest.raises(sqlite3.IntegrityError):
        journal.accept_and_answer(same_jti, NOW)
    found = journal.find("jc", second.submission_id)
    assert found is not None
    assert found.state is State.WRITING
    journal.accept(second.destination, second.submission_id, NOW)


def test_a_reject_leaves_no_submission(journal: Journal) -> None:
    item = entry()
    journal.answer(answer(item, "reject"), NOW)
    assert journal.find("jc", item.submission_id) is None
    assert [kept.verdict for kept in journal.answers("jc", item.submission_id)] == ["reject"]


def test_followers_are_the_accepted_ones_of_the_same_destination_in_order(journal: Journal) -> None:
    first = uuid4()
    later, earlier = entry(follows=first), entry(follows=first)
    writing, elsewhere = entry(follows=first), entry(follows=first, destination="other")
    for item in (later, earlier, writing, elsewhere):
        journal.begin(item, NOW)
    journal.accept("jc", earlier.submission_id, NOW)
    journal.accept("jc", later.submission_id, NOW + timedelta(seconds=1))
    journal.accept("other", elsewhere.submission_id, NOW)
    assert journal.followers("jc", first) == [earlier.submission_id, later.submission_id]


def test_it_survives_being_closed(tmp_path: Path) -> None:
    item = entry()
    first = Journal(tmp_path / "journal.sqlite3")
    first.begin(item, NOW)
    first.set_fact("version", "1")
    first.set_fact("version", "2")
    first.close()
    second = Journal(tmp_path / "journal.sqlite3")
    try:
        assert second.unfinished("jc") == [item]
        assert (second.fact("version"), second.fact("other")) == ("2", None)
    finally:
        second.close()


def test_a_second_one_on_the_same_file_is_refused(journal: Journal, tmp_path: Path) -> None:
    assert journal.unfinished("jc") == []
    with pytest.raises(Misconfigured):
        Journal(tmp_path / "journal.sqlite3")


def test_every_write_waits_for_the_disk(journal: Journal) -> None:
    modes = [journal._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert modes == ["wal", 2]
