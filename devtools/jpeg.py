"""A tiny baseline JPEG encoder (ITU-T T.81): grey blocks of 8x8 pixels, DC coefficients only, yet a real file."""

from __future__ import annotations

import random
import struct

SIDE_BLOCKS = 16
_QUANTISER = 16
# One Huffman table for DC differences: categories 0 to 11, each with a code of four bits (Annex C).
_CATEGORIES = bytes(range(12))
_DC_COUNTS = bytes([0, 0, 0, 12] + [0] * 12)
# One AC code only: end of block, a single bit 0.
_AC_COUNTS = bytes([1] + [0] * 15)
_AC_VALUES = b"\x00"


def jpeg(canary: str, seed: int) -> bytes:
    """A 128x128 grey JPEG mosaic with the canary in a comment segment."""
    side = SIDE_BLOCKS * 8
    frame = struct.pack(">BHHBBBB", 8, side, side, 1, 1, 0x11, 0)
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            _segment(0xFE, canary.encode("latin-1")),
            _segment(0xDB, b"\x00" + bytes([_QUANTISER]) * 64),
            _segment(0xC0, frame),
            _segment(0xC4, b"\x00" + _DC_COUNTS + _CATEGORIES),
            _segment(0xC4, b"\x10" + _AC_COUNTS + _AC_VALUES),
            _segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
            _scan(random.Random(seed)),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _scan(noise: random.Random) -> bytes:
    """Entropy-coded blocks: difference to the block before, then end of block; padded with ones, 0xFF stuffed."""
    bits = ""
    before = 0
    for _ in range(SIDE_BLOCKS * SIDE_BLOCKS):
        level = noise.randint(-60, 60)
        difference, before = level - before, level
        category = abs(difference).bit_length()
        bits += f"{category:04b}"
        if category:
            # Negative differences are coded as their ones' complement (F.1.2.1.1).
            value = difference if difference > 0 else difference + (1 << category) - 1
            bits += f"{value:0{category}b}"
        bits += "0"
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return data.replace(b"\xff", b"\xff\x00")
