"""A folder whose files are on the disk before a write returns.

versitygw 1.8.0 never calls fsync: what it has answered lies in the operating system's memory for up to half a minute,
and a power cut would take applications with it whose receipts are given. The file system can do it in its place:
`chattr +S +D` (ioctl_iflags(2)) makes writes and directory changes synchronous, and ext4 hands the flags on to all that
is made below; whether another does is tried. Elsewhere a mount with `sync` does the same.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path

_GET_FLAGS = 0x80086601
"""`FS_IOC_GETFLAGS` and `FS_IOC_SETFLAGS` of <linux/fs.h>, where a long has 64 bits."""
_SET_FLAGS = 0x40086602
_SYNCHRONOUS = 0x00000008
_DIRECTORY_SYNCHRONOUS = 0x00010000
_BOTH = _SYNCHRONOUS | _DIRECTORY_SYNCHRONOUS


def make_synchronous(folder: Path) -> bool:
    """Sets the flags on it and every folder below; True when files and folders that are made there inherit them.

    False: this file system does not do it, and whoever runs it has to mount it with `sync`.
    """
    try:
        for path, _, _ in os.walk(folder):
            _set(path)
        return _inherited(folder)
    except OSError:
        # ENOTTY or EOPNOTSUPP by the file system's kind, EPERM in some sandboxes: the caller says what follows.
        return False


def _inherited(folder: Path) -> bool:
    """Tried as versitygw makes its files: without a name until they are whole."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".synchronous-") as inner:
        handle = os.open(inner, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            return bool(_read(handle) & _SYNCHRONOUS)
        finally:
            os.close(handle)


def _set(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(handle, _SET_FLAGS, array("l", [_read(handle) | _BOTH]))
    finally:
        os.close(handle)


def _read(handle: int) -> int:
    flags = array("l", [0])
    fcntl.ioctl(handle, _GET_FLAGS, flags)
    return flags[0]


def main(arguments: Sequence[str]) -> int:
    """`python -m devtools.synchronous FOLDER`: 0, or 1 where this file system does not do it."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m devtools.synchronous FOLDER", file=sys.stderr)
        return 64
    if make_synchronous(Path(arguments[0])):
        return 0
    print("this file system does not make new files synchronous (chattr +S +D): mount it with `sync`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
