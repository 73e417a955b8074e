"""Files that are there after a power cut, and readable by the owner and group alone. All functions block."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

FILE_MODE = 0o640
FOLDER_MODE = 0o750


def fsync_directory(folder: Path) -> None:
    """Make the folder's entries durable (POSIX: a rename is durable only after this)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """A new folder whose mode does not depend on the process's umask. Fails if it exists."""
    folder.mkdir()
    folder.chmod(FOLDER_MODE)


def create(path: Path) -> BinaryIO:
    """A new file for writing; never follows or replaces anything that exists."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    os.fchmod(handle, FILE_MODE)
    return os.fdopen(handle, "wb", buffering=0)


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file as a whole and wait for the disk."""
    with create(path) as file:
        write_all(file, content)
        os.fsync(file.fileno())


def write_all(file: BinaryIO, content: bytes) -> None:
    """An unbuffered file may take less than it is given."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
