"""The operator's folder of signed entries, `<id>.jws`: the source of truth from which Kafka can be filled again.

Writing is atomic and durable: a file is either the old or the new entry, also after a crash.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from shared.contracts.directory import JobcenterEntry, PlatformEntry
from shared.directory.snapshot import Directory, EntryVerifier
from shared.errors import Misconfigured

SUFFIX = ".jws"


def write_token(folder: Path, entry_id: str, token: str) -> Path:
    """Replace one entry's file. The folder is created when it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{entry_id}{SUFFIX}"
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{entry_id}.")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(folder)
    return target


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_tokens(folder: Path) -> dict[str, str]:
    """Id → signed entry, unverified, sorted by id."""
    return {path.stem: path.read_text(encoding="utf-8").strip() for path in sorted(folder.glob(f"*{SUFFIX}"))}


def read_folder(folder: Path, anchor: EntryVerifier) -> Directory:
    """All entries, verified. Raises `Misconfigured` naming the first file that is not good."""
    directory = Directory(anchor)
    for entry_id, token in read_tokens(folder).items():
        applied = directory.apply(entry_id, token)
        if applied.is_alarm:
            raise Misconfigured(f"{folder / entry_id}{SUFFIX}: {applied}")
    return directory


def read_entry(folder: Path, entry_id: str, anchor: EntryVerifier) -> JobcenterEntry | PlatformEntry:
    """One entry, verified. Raises `Misconfigured` when there is none, `InvalidSignature` when it is not good."""
    try:
        token = (folder / f"{entry_id}{SUFFIX}").read_text(encoding="utf-8").strip()
    except OSError:
        raise Misconfigured(f"no entry {entry_id} in {folder}") from None
    entry = anchor.verify_entry(token)
    if entry.id != entry_id:
        raise Misconfigured(f"{folder / entry_id}{SUFFIX} is the entry of {entry.id}")
    return entry
