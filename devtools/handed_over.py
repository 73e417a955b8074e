"""Is what a Jobcenter was handed over, byte for byte, what was sent?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devtools.documents import SampleDocument
from shared.contracts.canonical import canonical_json


def differences(folder: Path, application: dict[str, Any], documents: Sequence[SampleDocument]) -> list[str]:
    """What is not as it was sent; empty when all is well. Names are ours, never the sender's."""
    if not folder.is_dir():
        return ["no folder was handed over"]
    found = []
    if (folder / "application.json").read_bytes() != canonical_json(application):
        found.append("the application differs")
    listed = json.loads((folder / "index.json").read_text())["documents"]
    if len(listed) != len(documents):
        return [*found, f"{len(listed)} documents instead of {len(documents)}"]
    for number, (entry, document) in enumerate(zip(listed, documents, strict=True), start=1):
        size, sha512 = document.measure()
        file = folder / entry["file"]
        if file.stat().st_size != size or _sha512(file) != sha512:
            found.append(f"document {number} differs")
        if entry["original_name"] != document.name or entry["media_type"] != document.media_type:
            found.append(f"document {number} is not described as it was sent")
    on_disk = sum(1 for path in folder.rglob("*") if path.is_file() and path.parent.name == "documents")
    if on_disk != len(documents):
        found.append(f"{on_disk} files instead of {len(documents)}")
    return found


def _sha512(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha512").hexdigest()
