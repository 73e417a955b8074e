"""Which documents are accepted, told by their first bytes and never by name or declared type alone.

Strict on purpose: a PDF must begin with its header. (PDF readers also find it within the first 1,024 bytes, but such
files are polyglots more often than scans.)
Hints here are for developers; portals have their own words.
"""

from __future__ import annotations

PDF = "application/pdf"
JPEG = "image/jpeg"
PNG = "image/png"

ALLOWED: frozenset[str] = frozenset({PDF, JPEG, PNG})
"""Media types a document may have."""
EXTENSIONS: dict[str, str] = {PDF: ".pdf", JPEG: ".jpg", PNG: ".png"}
"""The one file extension each allowed type gets."""
SNIFF_BYTES = 32
"""How many first bytes `sniff` and `is_heic` need at most; fewer are fine for a shorter file."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"})


def sniff(head: bytes) -> str | None:
    """The media type that a file's first bytes prove, or None if it is not an accepted one.

    PDF: `%PDF-` and a digit at the very beginning (ISO 32000-2, 7.5.2). JPEG: SOI and another marker
    (ITU-T T.81, B.1.1). PNG: signature and the IHDR chunk (RFC 2083, 3.1).
    """
    if head[:5] == b"%PDF-" and head[5:6].isdigit():
        return PDF
    if head[:3] == b"\xff\xd8\xff" and len(head) > 3 and head[3] not in (0x00, 0xFF, 0xD8, 0xD9):
        return JPEG
    if head[:8] == _PNG_SIGNATURE and head[8:16] == b"\x00\x00\x00\rIHDR":
        return PNG
    return None


def is_heic(head: bytes) -> bool:
    """True for HEIC/HEIF photos (ISO 23008-12 brands), which phones make: worth a message of its own."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def hint(head: bytes) -> str:
    """What the sender can do about a document that `sniff` does not accept. Holds nothing of the document."""
    if is_heic(head):
        return "HEIC photos are not accepted: send the photo as JPEG (phones convert it when asked for image/jpeg)."
    if head[:2] == b"PK":
        return "Office and ZIP files are not accepted: send the document as PDF."
    return "Only PDF, JPEG and PNG files are accepted, recognised by their content."
