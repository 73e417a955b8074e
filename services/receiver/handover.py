"""The hand-over folder: one folder per submission appears in it, whole or not at all.

    <handover>/.incoming/<delivery id>.<random>.part/            one delivery's workshop
        spool/<part id>                                          plaintext as it arrives, believed by nobody
        folder/                                                  what will be handed over, complete and fsynced
    <handover>/<submission id>/                                  `folder`, after one rename

The rename is the hand-over. Because the workshop stays behind when `folder` leaves it, a crash shows on which side of
the rename it was even if the specialist system has taken the submission's folder away since. Specialist systems must
leave names that begin with a dot alone.

All functions block on the disk: call them from a thread. OSError means that the disk failed: the receiver's fault.
"""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from services.receiver import disk
from services.receiver.checks import Contents
from services.receiver.index import APPLICATION, DOCUMENTS, INDEX, MANIFEST, file_names
from services.receiver.journal import Entry
from services.receiver.paper import PAPER
from shared.errors import OurError

INCOMING = ".incoming"
PART = ".part"


class FolderOccupied(OurError):
    """A folder of this name stands there with something else in it, and the journal knows nothing of it."""


@dataclass(frozen=True)
class Workshop:
    """Where one delivery is put together. `name` is unique for every attempt."""

    handover: Path
    name: str

    @property
    def path(self) -> Path:
        return self.handover / INCOMING / self.name

    @property
    def spool(self) -> Path:
        return self.path / "spool"

    @property
    def folder(self) -> Path:
        return self.path / "folder"

    def spooled(self, part_id: UUID) -> Path:
        return self.spool / str(part_id)


def prepare(handover: Path) -> None:
    """Make the folders at start. Does not touch what is there."""
    handover.mkdir(mode=disk.FOLDER_MODE, parents=True, exist_ok=True)
    (handover / INCOMING).mkdir(mode=disk.FOLDER_MODE, exist_ok=True)
    disk.fsync_directory(handover)


def open_workshop(handover: Path, delivery_id: UUID) -> Workshop:
    """A workshop for one attempt of one delivery."""
    workshop = Workshop(handover, f"{delivery_id}.{secrets.token_hex(8)}{PART}")
    disk.make_folder(workshop.path)
    disk.make_folder(workshop.spool)
    return workshop


def close_workshop(workshop: Workshop) -> None:
    """Erase the workshop and whatever is still in it."""
    if workshop.path.exists():
        shutil.rmtree(workshop.path)


def purge(handover: Path) -> int:
    """Erase what a crash left behind; the number of workshops erased. Only when no delivery is under way."""
    leftovers = [path for path in (handover / INCOMING).iterdir() if path.name.endswith(PART)]
    for path in leftovers:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return len(leftovers)


def free_bytes(handover: Path) -> int:
    """What the hand-over disk still takes from an unprivileged process."""
    return shutil.disk_usage(handover).free


def stage(workshop: Workshop, contents: Contents, index: bytes, manifest_token: str, paper: bytes | None) -> None:
    """Put the folder together and wait until all of it is on the disk."""
    disk.make_folder(workshop.folder)
    disk.write_durably(workshop.folder / APPLICATION, contents.data)
    disk.write_durably(workshop.folder / MANIFEST, manifest_token.encode("ascii"))
    disk.write_durably(workshop.folder / INDEX, index)
    if paper is not None:
        disk.write_durably(workshop.folder / PAPER, paper)
    documents = workshop.folder / DOCUMENTS
    disk.make_folder(documents)
    for document, name in zip(contents.documents, file_names(contents.documents), strict=True):
        workshop.spooled(document.part_id).rename(documents / name)
    for folder in (documents, workshop.folder, workshop.path, workshop.path.parent):
        disk.fsync_directory(folder)


def hand_over(workshop: Workshop, submission_id: UUID) -> None:
    """The one rename. Raises `FolderOccupied` when something else bears the submission's name.

    Equal content under that name is a hand-over whose journal was lost: it is left as it is, and counts.
    """
    target = workshop.handover / str(submission_id)
    if target.exists():
        if not _same_content(workshop.folder, target):
            raise FolderOccupied("the submission's folder is occupied")
        shutil.rmtree(workshop.folder)
    else:
        os.rename(workshop.folder, target)  # noqa: PTH104 - the system call is what matters here
    disk.fsync_directory(workshop.path)
    disk.fsync_directory(workshop.handover)


def was_handed_over(handover: Path, entry: Entry) -> bool:
    """On which side of the rename was the crash that left this `writing` row behind?

    The workshop without its folder: after it. With it, or without any workshop (someone emptied `.incoming`): nothing
    proves a hand-over, so the delivery is to come again; twice is better than never.
    """
    workshop = Workshop(handover, entry.staged)
    return workshop.path.is_dir() and not workshop.folder.exists()


def _same_content(staged: Path, present: Path) -> bool:
    """Application and documents, byte for byte; index and manifest may differ between generations."""
    names = [APPLICATION, *(f"{DOCUMENTS}/{path.name}" for path in (staged / DOCUMENTS).iterdir())]
    there = {f"{DOCUMENTS}/{path.name}" for path in present.glob(f"{DOCUMENTS}/*")} | {APPLICATION}
    if set(names) != there or not (present / APPLICATION).is_file():
        return False
    return all(filecmp.cmp(staged / name, present / name, shallow=False) for name in names)
