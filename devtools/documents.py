"""Small but real PDF, JPEG and PNG files, made from a seed with the standard library alone: always the same bytes.

They stand for what citizens upload: scans and photos. Large ones are made chunk by chunk, so a test can send 40 MB
without holding them. All contents are invented; each file carries a canary in clear, see `devtools.samples`.
"""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from devtools.jpeg import jpeg
from shared.form.media import JPEG, PDF, PNG

CHUNK_BYTES = 65_536
_PAGE = "/Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>"


@dataclass(frozen=True)
class SampleDocument:
    """A document to upload. `size` is exact; `seed` makes the content differ; `canary` stands inside, in clear."""

    name: str
    media_type: str
    seed: int
    canary: str
    evidence_code: str
    question_id: str
    person_ref: str = "applicant"
    purpose: str = "attachment"
    target_bytes: int = 0

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces of at most `CHUNK_BYTES`."""
        if self.media_type == PDF and self.target_bytes:
            yield from large_pdf(self.canary, self.seed, self.target_bytes)
            return
        content = _MAKERS[self.media_type](self.canary, self.seed)
        for start in range(0, len(content), CHUNK_BYTES):
            yield content[start : start + CHUNK_BYTES]

    def content(self) -> bytes:
        """All bytes at once; for small documents."""
        return b"".join(self.chunks())

    def measure(self) -> tuple[int, str]:
        """Size in bytes and SHA-512 (hex), read in constant memory."""
        size, digest = 0, hashlib.sha512()
        for chunk in self.chunks():
            size += len(chunk)
            digest.update(chunk)
        return size, digest.hexdigest()


def pdf(canary: str, seed: int) -> bytes:
    """A one-page PDF 1.7 with a line of text."""
    return b"".join(_pdf(canary, seed, 0))


def large_pdf(canary: str, seed: int, size: int) -> Iterator[bytes]:
    """A PDF of exactly `size` bytes: one page, and a stream of noise like a scan that does not compress."""
    return _rechunk(_pdf(canary, seed, size))


def png(canary: str, seed: int) -> bytes:
    """A 64x64 PNG photo-like pattern with the canary in a tEXt chunk."""
    noise = random.Random(seed)
    side = 64
    rows = b"".join(b"\x00" + noise.randbytes(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"tEXt", b"Title\x00" + canary.encode("latin-1")),
        (b"IDAT", zlib.compress(rows, 6)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_MAKERS: dict[str, Callable[[str, int], bytes]] = {PDF: pdf, JPEG: jpeg, PNG: png}


def _pdf(canary: str, seed: int, size: int) -> Iterator[bytes]:
    """Objects 1 to 5 are the page, 6 is noise that fills up to `size` (none if 0); then table and trailer."""
    text = f"BT /F1 14 Tf 72 760 Td ({canary} {seed}) Tj ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< {_PAGE} >>".encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    head = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(head))
        head += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    if not size:
        yield head + _tail(offsets, len(head))
        return
    offsets.append(len(head))
    opening, closing = b"6 0 obj\n<< /Length %010d >>\nstream\n", b"\nendstream\nendobj\n"
    frame = len(head) + len(opening % 0) + len(closing)
    # The trailer's length depends on the digits of the table's offset only: settle it first.
    room = size - frame - len(_tail(offsets, size))
    room += size - (frame + room + len(_tail(offsets, frame + room)))
    if room < 0:
        raise ValueError("size is smaller than the smallest PDF")
    yield head + opening % room
    yield from _noise(seed, room)
    yield closing
    yield _tail(offsets, frame + room)


def _tail(offsets: list[int], start: int) -> bytes:
    """Cross-reference table, trailer and end of a PDF (ISO 32000-2, 7.5.4)."""
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(offsets) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, rows)
    return table + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, start)


def _noise(seed: int, length: int) -> Iterator[bytes]:
    source = random.Random(seed)
    while length > 0:
        piece = source.randbytes(min(CHUNK_BYTES, length))
        length -= len(piece)
        yield piece


def _rechunk(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), CHUNK_BYTES):
            yield piece[start : start + CHUNK_BYTES]
