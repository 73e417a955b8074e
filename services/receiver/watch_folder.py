"""A hot folder as inbox: `<folder>/<delivery id>/` with the files of `shared.trust.drops`."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from services.receiver.refusals import NotNow
from shared.trust import drops

_PIECE_BYTES = 256 * 1024


class FolderInbox:
    """See `services.receiver.watch.Inbox`. Links are not followed; names that are no delivery ids are left alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def complete(self) -> list[UUID]:
        try:
            return await asyncio.to_thread(self._complete)
        except OSError:
            raise NotNow("inbox-unreadable") from None

    def _complete(self) -> list[UUID]:
        found = []
        for path in sorted(self._folder.iterdir()):
            delivery_id = _delivery_id(path.name)
            if delivery_id is not None and not path.is_symlink() and (path / drops.MANIFEST).is_file():
                found.append(delivery_id)
        return found

    @asynccontextmanager
    async def open(self, delivery_id: UUID, name: str) -> AsyncIterator[AsyncIterator[bytes] | None]:
        path = self._folder / str(delivery_id) / name
        try:
            file = await asyncio.to_thread(_open, path)
        except FileNotFoundError:
            yield None
            return
        except OSError:
            raise NotNow("inbox-unreadable") from None
        try:
            yield _pieces(file)
        finally:
            file.close()

    async def erase(self, delivery_id: UUID) -> None:
        try:
            await asyncio.to_thread(self._erase, self._folder / str(delivery_id))
        except OSError:
            raise NotNow("inbox-not-writable") from None

    @staticmethod
    def _erase(folder: Path) -> None:
        (folder / drops.MANIFEST).unlink(missing_ok=True)
        if folder.is_dir():
            shutil.rmtree(folder)


def _delivery_id(name: str) -> UUID | None:
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if str(found) == name else None


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while True:
        try:
            piece = await asyncio.to_thread(file.read, _PIECE_BYTES)
        except OSError:
            raise NotNow("inbox-unreadable") from None
        if not piece:
            return
        yield piece
