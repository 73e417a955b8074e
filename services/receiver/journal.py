"""The receiver's own memory: what was accepted, and every answer before it is sent.

An SQLite file (WAL, `synchronous=FULL`): a statement that returned is on the disk. It, and never the hand-over folder
(which the specialist system may empty at any time), decides whether a submission was accepted before.

States of one submission of one destination:

    (none) ──begin──▶ writing ──accept──▶ accepted        (for ever)
                         └──forget──▶ (none)

`begin` comes before the rename into the hand-over folder, `accept` after it; a `writing` row found after a crash is
settled by `services.receiver.handover.settle`, which knows on which side of the rename the crash was.

All methods block on the disk: call them from a thread. They may be called from any thread.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services.receiver.disk import fsync_directory
from shared.contracts.base import rfc3339
from shared.errors import Misconfigured

_SCHEMA = """
CREATE TABLE IF NOT EXISTS submissions (
    destination TEXT NOT NULL,
    submission_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('writing', 'accepted')),
    delivery_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    content TEXT NOT NULL,
    follows TEXT,
    staged TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    accepted_at TEXT,
    PRIMARY KEY (destination, submission_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS followers ON submissions (destination, follows) WHERE follows IS NOT NULL;
CREATE TABLE IF NOT EXISTS answers (
    jti TEXT PRIMARY KEY,
    destination TEXT NOT NULL,
    submission_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    verdict TEXT NOT NULL,
    at TEXT NOT NULL,
    answer TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_of ON answers (destination, submission_id);
CREATE TABLE IF NOT EXISTS outbox (
    key TEXT PRIMARY KEY,
    delivery_id TEXT NOT NULL,
    at TEXT NOT NULL,
    answer TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_COLUMNS = "destination, submission_id, state, delivery_id, generation, content, follows, staged"


class State(StrEnum):
    WRITING = "writing"
    """Staged and about to be renamed into the hand-over folder."""
    ACCEPTED = "accepted"
    """Handed over, or about to be answered so; never handed over again."""


@dataclass(frozen=True)
class Entry:
    """One submission of one destination. `content` is `checks.content_digest`, `staged` a name below `.incoming`."""

    destination: str
    submission_id: UUID
    state: State
    delivery_id: UUID
    generation: int
    content: str
    follows: UUID | None
    staged: str


@dataclass(frozen=True)
class SignedAnswer:
    """An answer as it will be sent: `token` is the compact JWS."""

    jti: UUID
    destination: str
    submission_id: UUID
    delivery_id: UUID
    verdict: str
    token: str


@dataclass(frozen=True)
class Waiting:
    """An answer that the platform does not have yet. `key` names it in the outbox."""

    key: str
    delivery_id: UUID
    at: datetime
    token: str


class Journal:
    """Opens the file, or makes it. One process at a time: a second one is refused with `Misconfigured`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._turn = threading.Lock()
        self._exclusive = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._exclusive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except OSError as error:
            os.close(self._exclusive)
            raise Misconfigured(f"the journal {path} cannot be used, or another receiver uses it") from error
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(_SCHEMA)
        fsync_directory(path.parent)

    def close(self) -> None:
        """Close the file and let another process open it."""
        with self._turn:
            self._database.close()
            os.close(self._exclusive)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._turn:
            return self._database.execute(statement, values).fetchall()

    def find(self, destination: str, submission_id: UUID) -> Entry | None:
        """What is known of this submission."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM submissions WHERE destination = ? AND submission_id = ?",  # noqa: S608
            destination,
            str(submission_id),
        )
        return _entry(rows[0]) if rows else None

    def unfinished(self, destination: str) -> list[Entry]:
        """Every `writing` row: traces of a crash when nothing is under way."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM submissions WHERE destination = ? AND state = 'writing'",  # noqa: S608
            destination,
        )
        return [_entry(row) for row in rows]

    def followers(self, destination: str, submission_id: UUID) -> list[UUID]:
        """Accepted submissions that follow this one, in the order of their acceptance."""
        rows = self._rows(
            "SELECT submission_id FROM submissions WHERE destination = ? AND follows = ? AND state = 'accepted'"
            " ORDER BY accepted_at, submission_id",
            destination,
            str(submission_id),
        )
        return [UUID(row[0]) for row in rows]

    def begin(self, entry: Entry, at: datetime) -> None:
        """Say that the rename comes next. There must be no row yet (`sqlite3.IntegrityError` otherwise)."""
        with self._transaction() as database:
            database.execute(
                f"INSERT INTO submissions ({_COLUMNS}, begun_at) VALUES (?, ?, 'writing', ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (
                    entry.destination,
                    str(entry.submission_id),
                    str(entry.delivery_id),
                    entry.generation,
                    entry.content,
                    str(entry.follows) if entry.follows else None,
                    entry.staged,
                    rfc3339(at),
                ),
            )

    def forget(self, destination: str, submission_id: UUID) -> None:
        """Drop a `writing` row whose rename never happened."""
        with self._transaction() as database:
            database.execute(
                "DELETE FROM submissions WHERE destination = ? AND submission_id = ? AND state = 'writing'",
                (destination, str(submission_id)),
            )

    def accept(self, destination: str, submission_id: UUID, at: datetime) -> None:
        """The rename happened: from here on the submission is accepted for ever."""
        with self._transaction() as database:
            self._accept(database, destination, submission_id, at)

    def accept_and_answer(self, answer: SignedAnswer, at: datetime) -> None:
        """The rename happened and this is what will be answered: both are kept, or neither."""
        with self._transaction() as database:
            self._accept(database, answer.destination, answer.submission_id, at)
            _insert_answer(database, answer, at)

    def answer(self, answer: SignedAnswer, at: datetime) -> None:
        """Keep an answer before it is sent. Kept as evidence only: no decision ever reads it."""
        with self._transaction() as database:
            _insert_answer(database, answer, at)

    @staticmethod
    def _accept(database: sqlite3.Connection, destination: str, submission_id: UUID, at: datetime) -> None:
        database.execute(
            "UPDATE submissions SET state = 'accepted', accepted_at = coalesce(accepted_at, ?)"
            " WHERE destination = ? AND submission_id = ?",
            (rfc3339(at), destination, str(submission_id)),
        )

    def answers(self, destination: str, submission_id: UUID) -> list[SignedAnswer]:
        """Everything that was ever answered about a submission, oldest first."""
        rows = self._rows(
            "SELECT jti, delivery_id, verdict, answer FROM answers WHERE destination = ? AND submission_id = ?"
            " ORDER BY at, jti",
            destination,
            str(submission_id),
        )
        return [SignedAnswer(UUID(r[0]), destination, submission_id, UUID(r[1]), r[2], r[3]) for r in rows]

    def enqueue(self, delivery_id: UUID, token: str, at: datetime) -> None:
        """Keep an answer that must be posted. A newer answer to the same delivery takes the older one's place."""
        with self._transaction() as database:
            database.execute("DELETE FROM outbox WHERE delivery_id = ?", (str(delivery_id),))
            database.execute(
                "INSERT INTO outbox VALUES (?, ?, ?, ?)", (str(uuid4()), str(delivery_id), rfc3339(at), token)
            )

    def outbox(self) -> list[Waiting]:
        """Everything that must be posted, oldest first."""
        rows = self._rows("SELECT key, delivery_id, at, answer FROM outbox ORDER BY at, key")
        return [Waiting(row[0], UUID(row[1]), datetime.fromisoformat(row[2]), row[3]) for row in rows]

    def dequeue(self, key: str) -> None:
        """The platform has it, or never will."""
        with self._transaction() as database:
            database.execute("DELETE FROM outbox WHERE key = ?", (key,))

    def fact(self, name: str) -> str | None:
        rows = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def set_fact(self, name: str, value: str) -> None:
        with self._transaction() as database:
            database.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
            )


def _insert_answer(database: sqlite3.Connection, answer: SignedAnswer, at: datetime) -> None:
    database.execute(
        "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            str(answer.jti),
            answer.destination,
            str(answer.submission_id),
            str(answer.delivery_id),
            answer.verdict,
            rfc3339(at),
            answer.token,
        ),
    )


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(
        destination=row[0],
        submission_id=UUID(row[1]),
        state=State(row[2]),
        delivery_id=UUID(row[3]),
        generation=row[4],
        content=row[5],
        follows=UUID(row[6]) if row[6] else None,
        staged=row[7],
    )
