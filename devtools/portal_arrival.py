"""Does the Jobcenter hold what a household typed and uploaded? Looked up answer by answer in the handed-over files.

Nothing of the portal's or the form's building of applications is used here: a second opinion.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from devtools.portal_households import Household
from shared.form.flow import Draft

WAIT_S = 90.0
_FRAME = ("form", "evidence", "annex_codes", "flags", "to_follow", "remarks", "reference")
_ABSENT = object()


@dataclass(frozen=True)
class Arrival:
    """`whole`: handed over and answered; `faults`: what is not as it was typed or sent."""

    whole: bool
    annexes: tuple[str, ...]
    faults: tuple[str, ...]


def arrived(folders: Sequence[Path], household: Household, wanted: Draft, today: date) -> Arrival:
    """Waits for the folders; the answers and evidence of all of them together must be the household's."""
    deadline = time.monotonic() + WAIT_S
    missing = [folder for folder in folders if not _appears(folder, deadline)]
    if missing:
        return Arrival(False, (), tuple(f"not handed over: {folder.name}" for folder in missing))
    whole: dict[str, Any] = {}
    for folder in folders:
        whole |= json.loads((folder / "application.json").read_bytes())
    faults = [*different(whole, wanted), *_evidence(folders, household)]
    annexes = tuple(whole.get("annex_codes", ()))
    if annexes != household.annexes:
        faults.append(f"annexes {annexes} instead of {household.annexes}")
    return Arrival(True, annexes, tuple(faults))


def _appears(folder: Path, deadline: float) -> bool:
    """A folder appears whole by one rename."""
    while not folder.is_dir():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def different(application: Mapping[str, Any], typed: Draft) -> Iterator[str]:
    """Answers that are not in the application as typed, and answers in it that nobody typed."""
    lists = {key: value for key, value in typed.items() if _is_list(key, value, typed)}
    answers = {key: value for key, value in typed.items() if key not in lists and not key.startswith("_")}
    for key, value in answers.items():
        if key == "to_follow" or key.startswith("evidence."):
            continue
        found = _find(application, key.split("."), "", lists)
        if found is _ABSENT:
            yield f"{key} is not there"
        elif found != value:
            yield f"{key} differs"
    held = sum(_count(content) for name, content in application.items() if name not in _FRAME)
    if held != len(answers):
        yield f"{held} answers arrived, {len(answers)} were typed"


def _is_list(key: str, value: Any, typed: Draft) -> bool:
    return isinstance(value, list) and any(other.startswith(f"{key}.{value[0]}.") for other in typed if value)


def _find(node: Any, parts: Sequence[str], key: str, lists: Mapping[str, list[str]]) -> Any:
    for part in parts:
        if isinstance(node, list):
            if key in lists and not any(entry.get("id") == part for entry in node):
                number = lists[key].index(part)
                node = node[number] if number < len(node) else _ABSENT
            else:
                node = next((each for each in node if part in (each.get("person_ref"), each.get("id"))), _ABSENT)
        elif isinstance(node, dict):
            node = node.get(part, _ABSENT)
        else:
            return _ABSENT
        key = f"{key}.{part}" if key else part
    return node


def _count(content: Any) -> int:
    """Answers in a section: an address or a set of values is one."""
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return sum(_count(entry) for entry in content)
    if isinstance(content, dict) and "postcode" not in content:
        return sum(_count(value) for name, value in content.items() if name not in ("person_ref", "id"))
    return 1


def _evidence(folders: Sequence[Path], household: Household) -> Iterator[str]:
    """The bytes under the names they had, and a PDF of the application in front."""
    sent = {file.name: file.content for files in household.files.values() for file in files}
    sent |= {file.name: file.content for file in household.late}
    forms = 0
    for folder in folders:
        for entry in json.loads((folder / "index.json").read_bytes())["documents"]:
            content = (folder / entry["file"]).read_bytes()
            if entry["purpose"] == "form":
                forms += content.startswith(b"%PDF-")
            elif sent.pop(entry["original_name"], None) != content:
                yield f"{entry['original_name']} did not arrive as it was sent"
    yield from (f"{name} did not arrive" for name in sent)
    if forms != len(folders):
        yield f"{forms} PDFs arrived with {len(folders)} submissions"
