"""Lists of uploaded files: which one is meant, and what is left after a change. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.portal.records import StoredFile


def numbered(files: Sequence[StoredFile], number: str) -> StoredFile | None:
    """The file with this number on the page, counted from 1; None for what is no such number."""
    return files[int(number) - 1] if number.isdecimal() and 0 < int(number) <= len(files) else None


def changed(
    files: tuple[StoredFile, ...],
    new: Sequence[StoredFile],
    removed: Sequence[StoredFile],
    replaced: StoredFile | None,
) -> tuple[StoredFile, ...]:
    """All files afterwards: new ones in the place of the one that they replace, else at the end."""
    at = files.index(replaced) if replaced in files else len(files)
    before, after = files[:at], files[at:]
    return tuple(file for file in (*before, *new, *after) if file not in removed)
