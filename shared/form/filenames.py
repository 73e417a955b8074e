"""Names under which receivers store documents: whatever a sender wrote, the result is safe on every file system.

Guarantees (property-tested): one path segment, NFC, at most `MAX_FILENAME_BYTES` bytes of UTF-8, never empty, never
hidden, no control, format, surrogate or private-use characters, none of `<>:"/\\|?*%`, no trailing dot or blank, no
reserved Windows device name, ending with the extension of the media type that the content proved. Different indexes
never yield equal names, also not on file systems that ignore case.
"""

from __future__ import annotations

import re
import unicodedata

from shared.form.limits import MAX_FILENAME_BYTES
from shared.form.media import EXTENSIONS

_FORBIDDEN = frozenset('<>:"/\\|?*%')
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANKS = re.compile(r"[\s_]+")
_KNOWN_EXTENSION = re.compile(r"\.(?:pdf|jpe?g|jpe|jfif|png|hei[cf])$", re.IGNORECASE)


def safe_name(original: str, media_type: str, index: int) -> str:
    """`original` made safe, as `<index, three digits>_<stem><extension>`; `index` counts from 1 in the sender's order.

    The index keeps the sender's order visible, makes names unique and, standing first, rules out hidden files, options
    (`-rf`) and reserved device names. Raises ValueError for a media type that is not allowed or a negative index.
    """
    extension = EXTENSIONS.get(media_type)
    if extension is None or index < 0:
        raise ValueError("media type or index not allowed")
    prefix = f"{index:03d}_"
    room = MAX_FILENAME_BYTES - len(prefix) - len(extension)
    return f"{prefix}{_stem(original, room)}{extension}"


def _stem(original: str, room: int) -> str:
    text = unicodedata.normalize("NFC", original)
    text = re.split(r"[/\\]", text)[-1] or text
    kept = "".join("_" if _unsafe(character) else character for character in text)
    stem = _KNOWN_EXTENSION.sub("", _BLANKS.sub("_", kept)).strip("._- ")
    # Cutting may split a sequence that NFC had composed, or leave a mark alone at the end: normalise once more.
    cut = unicodedata.normalize("NFC", stem.encode()[:room].decode(errors="ignore")).strip("._- ")
    return cut or "dokument"


def _unsafe(character: str) -> bool:
    return character in _FORBIDDEN or character.isspace() or unicodedata.category(character) in _UNSAFE_CATEGORIES
