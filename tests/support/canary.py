"""Searches bytes at rest for words that must never stand there in clear."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

CHUNK = 1 << 20


def encodings(word: str) -> Iterator[bytes]:
    """The forms in which a word could leak: UTF-8/16, Latin-1, hex, percent, JSON escapes, base64 at each alignment."""
    raw = word.encode()
    yield raw
    yield word.encode("utf-16-le")
    yield word.encode("latin-1", "replace")
    yield raw.hex().encode()
    yield urllib.parse.quote(word).encode()
    yield json.dumps(word)[1:-1].encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        skip = (0, 2, 3)[shift]
        body = encoded.rstrip(b"=")[skip:-1]
        if len(body) >= 8:
            yield body
            yield body.translate(bytes.maketrans(b"+/", b"-_"))


def find(words: Iterable[str], folders: Iterable[Path]) -> list[tuple[str, str]]:
    """Every (word, file) found below the folders; names of files count as content."""
    needles = [(word, needle) for word in words for needle in set(encodings(word))]
    longest = max(len(needle) for _, needle in needles)
    hits: set[tuple[str, str]] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder)).encode()
            hits.update((word, f"name of {path}") for word, needle in needles if needle in name)
            if path.is_file():
                hits.update((word, str(path)) for word in _in_file(path, needles, longest))
    return sorted(hits)


def _in_file(path: Path, needles: list[tuple[str, bytes]], longest: int) -> set[str]:
    found: set[str] = set()
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if not chunk.strip(b"\0"):
                tail = b""  # Kafka's preallocated index files are gigabytes of zeros
                continue
            window = tail + chunk
            found.update(word for word, needle in needles if needle in window)
            tail = window[-longest:]
    return found
