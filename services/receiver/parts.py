"""One part on its way in: hashed as it arrives, opened as far as it can be, believed only at its end.

What `PartOpener` yields before its tag is verified is unauthenticated: it goes to a file within `.incoming` that
nobody reads, or to bounded memory, and is erased when the end does not fit.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from services.receiver import disk
from services.receiver.checks import Opened, problem
from shared.contracts.answer import Problem
from shared.contracts.manifest import Part
from shared.contracts.reasons import Reason
from shared.errors import CannotOpen
from shared.form.media import SNIFF_BYTES, sniff
from shared.sealing.jwe import PartHeader, PartOpener
from shared.sealing.jwk import b64u


class IncomingPart:
    """Takes the exact bytes of one compact JWE, piece by piece, from a thread.

    `spool` is the file that takes the plaintext; without it the plaintext is dropped, or kept in memory when
    `keep` is set. Order of use: `feed` any number of times, `finish` once; `discard` at any time instead.
    """

    def __init__(
        self, part: Part, key_for: Callable[[str], Any | None], *, spool: Path | None = None, keep: bool = False
    ) -> None:
        self._part = part
        self._opener: PartOpener | None = PartOpener(key_for)
        self._sealed_hash = hashlib.sha256()
        self._sealed_size = 0
        self._tail = b""
        self._plain_hash = hashlib.sha512()
        self._plain_size = 0
        self._head = b""
        self._kept: list[bytes] | None = [] if keep else None
        self._file: BinaryIO | None = disk.create(spool) if spool is not None else None

    def feed(self, piece: bytes) -> None:
        """Take the next bytes. Raises OSError when the disk fails: the receiver's fault, not the part's."""
        self._sealed_size += len(piece)
        if self._sealed_size > self._part.size:
            self._opener = None
            return
        self._sealed_hash.update(piece)
        self._tail = (self._tail + piece)[-len(self._part.tag) - 1 :]
        if self._opener is None:
            return
        try:
            plaintext = self._opener.update(piece)
        except CannotOpen:
            # Read on: only the whole part's hash tells an altered part from one that was never sealed for us.
            self._opener = None
            return
        self._take(plaintext)

    def _take(self, plaintext: bytes) -> None:
        self._plain_hash.update(plaintext)
        self._plain_size += len(plaintext)
        if len(self._head) < SNIFF_BYTES:
            self._head += plaintext[: SNIFF_BYTES - len(self._head)]
        if self._kept is not None:
            self._kept.append(plaintext)
        if self._file is not None:
            disk.write_all(self._file, plaintext)

    def finish(self) -> Opened | Problem:
        """Verify size, hash, tag and key; wait for the disk. Raises OSError when the disk fails."""
        try:
            return self._verify()
        finally:
            self.discard()

    def _verify(self) -> Opened | Problem:
        altered = self._altered()
        if altered is not None:
            return problem(Reason.PART_ALTERED, self._part.id, f"{altered} differs from the manifest")
        try:
            header = self._proven_header()
        except CannotOpen:
            return problem(Reason.PART_UNOPENABLE, self._part.id)
        if header.kid != self._part.kid:
            return problem(Reason.PART_ALTERED, self._part.id, "kid differs from the manifest")
        if self._file is not None:
            os.fsync(self._file.fileno())
        return Opened(
            part_id=self._part.id,
            media_type=header.cty,
            sniffed=sniff(self._head),
            size=self._plain_size,
            sha512=self._plain_hash.hexdigest(),
            plaintext=b"".join(self._kept) if self._kept is not None else None,
        )

    def _proven_header(self) -> PartHeader:
        """Verify the tag over everything that was opened. Raises `CannotOpen`."""
        if self._opener is None:
            raise CannotOpen("part-unopenable")
        self._opener.finish()
        return self._opener.header

    def _altered(self) -> str | None:
        """What of the exact bytes is not as the manifest says."""
        if self._sealed_size != self._part.size:
            return "size"
        if b64u(self._sealed_hash.digest()) != self._part.sha256:
            return "SHA-256"
        return None if self._tail == f".{self._part.tag}".encode() else "tag"

    def discard(self) -> None:
        """Close the file; whoever made the folder erases it."""
        if self._file is not None:
            self._file.close()
            self._file = None
