"""Compares, id by id, receipts given with verified endings and with folders that Jobcenters hold. Pure.

Assumes a history at rest: nothing is under way any more. For every receipt exactly one of these is true, so that
`accepted = acknowledged + rejected + clearing + dead_letter + lost + unexplained`:

| counted as | when |
|---|---|
| acknowledged | a verified accept of exactly this manifest, one folder, at its Jobcenter, byte for byte as sent |
| rejected | a verified final reject of exactly this manifest, and no folder |
| clearing, dead letter | a person's queue names it, with exactly this receipt's manifest |
| lost | no ending at all |
| unexplained | anything else: an ending that proves nothing, two endings, altered or missing content … |

What is wrong beyond the receipts (a folder or an ending that no receipt covers) is a violation too. Several signed
accepts of one delivery are no violation: delivery is at least once, and the receiver hands over only once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Ending(StrEnum):
    """How a submission can end. The values are the counts' names."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    CLEARING = "clearing"
    DEAD_LETTER = "dead_letter"


class Fault(StrEnum):
    """What the checker can find."""

    LOST = "lost"
    RECEIPT_INVALID = "receipt-invalid"
    TWO_ENDINGS = "two-endings"
    NOT_PROVEN = "ending-not-proven"
    """Its signature, or what it says, is not that of this receipt's manifest."""
    NO_FOLDER = "acknowledged-without-folder"
    CONTENT_DIFFERS = "content-differs"
    WRONG_DESTINATION = "folder-at-another-jobcenter"
    TWO_FOLDERS = "two-folders"
    UNEXPECTED_FOLDER = "folder-of-what-was-not-taken"
    FOLDER_WITHOUT_RECEIPT = "folder-without-receipt"
    ENDING_WITHOUT_RECEIPT = "ending-without-receipt"
    REFUSED = "sender-refused"
    """A correct submission was turned away with an error that says not to come again."""


@dataclass(frozen=True)
class Receipt:
    """What a sender holds, beside what it sent. `content` is any digest that differs when the content does."""

    submission_id: str
    destination: str
    content: str
    manifest: str
    """Digest of the manifest that the receipt is."""
    valid: bool = True
    """Whether the platform's signature over the manifest holds and it names this submission."""


@dataclass(frozen=True)
class Ended:
    """One ending that was found. `manifest` is the digest that the evidence itself names."""

    submission_id: str
    ending: Ending
    manifest: str
    proven: bool
    """Whether the evidence's own signature holds (for a person's queue: whether the store agrees)."""


@dataclass(frozen=True)
class Folder:
    """A hand-over folder."""

    destination: str
    submission_id: str
    content: str


@dataclass(frozen=True)
class History:
    """Everything that was found. `accepts`: signed accepts by submission, as the receivers' journals hold them."""

    receipts: Sequence[Receipt]
    endings: Sequence[Ended]
    folders: Sequence[Folder]
    accepts: Mapping[str, int] = field(default_factory=dict)
    refused: Sequence[str] = ()


@dataclass(frozen=True)
class Violation:
    submission_id: str
    fault: Fault


@dataclass(frozen=True)
class Verdict:
    """`counts` has the members of `build/chaos.json`."""

    counts: Mapping[str, int]
    violations: tuple[Violation, ...]

    @property
    def good(self) -> bool:
        return not self.violations


def check(history: History) -> Verdict:
    """The verdict over a history at rest."""
    endings: dict[str, list[Ended]] = defaultdict(list)
    for ended in history.endings:
        endings[ended.submission_id].append(ended)
    folders: dict[str, list[Folder]] = defaultdict(list)
    for folder in history.folders:
        folders[folder.submission_id].append(folder)
    counts: Counter[str] = Counter()
    violations: list[Violation] = []
    for receipt in history.receipts:
        name, faults = _judge(receipt, endings[receipt.submission_id], folders[receipt.submission_id])
        counts[name] += 1
        violations += [Violation(receipt.submission_id, fault) for fault in faults]
    known = {receipt.submission_id for receipt in history.receipts}
    violations += _without_receipt(
        known, (each.submission_id for each in history.folders), Fault.FOLDER_WITHOUT_RECEIPT
    )
    violations += _without_receipt(
        known, (each.submission_id for each in history.endings), Fault.ENDING_WITHOUT_RECEIPT
    )
    violations += [Violation(key, Fault.REFUSED) for key in history.refused]
    names = (*(ending.value for ending in Ending), "lost", "unexplained")
    result = {"accepted": len(history.receipts), **{name: counts[name] for name in names}}
    result["duplicates_in_transport"] = sum(max(0, number - 1) for number in history.accepts.values())
    return Verdict(result, tuple(violations))


def _judge(receipt: Receipt, endings: Sequence[Ended], folders: Sequence[Folder]) -> tuple[str, list[Fault]]:
    """What a receipt counts as, and what is wrong with it; nothing wrong unless it is lost or unexplained."""
    faults = [] if receipt.valid else [Fault.RECEIPT_INVALID]
    faults += _about_folders(receipt, folders)
    kinds = {ended.ending for ended in endings}
    if not kinds:
        return "lost", [Fault.LOST, *faults]
    if len(kinds) > 1:
        faults.append(Fault.TWO_ENDINGS)
    if not all(ended.proven and ended.manifest == receipt.manifest for ended in endings):
        faults.append(Fault.NOT_PROVEN)
    if Ending.ACKNOWLEDGED in kinds and not folders:
        faults.append(Fault.NO_FOLDER)
    if kinds & {Ending.REJECTED, Ending.CLEARING} and folders:
        faults.append(Fault.UNEXPECTED_FOLDER)
    return ("unexplained", faults) if faults else (kinds.pop().value, [])


def _about_folders(receipt: Receipt, folders: Sequence[Folder]) -> list[Fault]:
    faults = []
    if len(folders) > 1:
        faults.append(Fault.TWO_FOLDERS)
    if any(folder.destination != receipt.destination for folder in folders):
        faults.append(Fault.WRONG_DESTINATION)
    if any(folder.content != receipt.content for folder in folders):
        faults.append(Fault.CONTENT_DIFFERS)
    return faults


def _without_receipt(known: set[str], found: Iterable[str], fault: Fault) -> list[Violation]:
    return [Violation(submission_id, fault) for submission_id in sorted(set(found) - known)]
