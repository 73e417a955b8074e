"""What can be found after a campaign, read as an outsider would: store, topics, journals, hand-over folders.

Every signature is verified here, with the directory's keys; nothing that a service says about itself is believed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from pydantic import ValidationError

from cli.topic_reader import read_topic
from devtools.chaos.checker import Ended, Ending, Folder, History, Receipt
from shared.contracts import ids, topics
from shared.contracts.answer import Verdict
from shared.contracts.manifest import Manifest
from shared.contracts.messages import NeedsHuman
from shared.contracts.reasons import Reason
from shared.contracts.stored import ClearingMark, Settled, Settlement
from shared.directory.snapshot import Directory
from shared.errors import InvalidSignature
from shared.store import keys
from shared.trust.answers import verify_answer
from shared.trust.manifests import manifest_digest, verify_manifest


class Held(Protocol):
    """What a sender holds: see `devtools.chaos.load.Sent`."""

    @property
    def submission_id(self) -> str: ...
    @property
    def destination(self) -> str: ...
    @property
    def content(self) -> str: ...
    @property
    def receipt(self) -> str: ...


def content_digest(application: bytes, documents: Iterable[tuple[str, str, str]]) -> str:
    """Digest of an application's bytes and of its documents in order: (name, media type, SHA-512 hex)."""
    parts = [hashlib.sha512(application).hexdigest(), *(part for document in documents for part in document)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Places:
    """Where to look. `bucket` is the store's folder of the bucket on disk."""

    bucket: Path
    handovers: Mapping[str, Path]
    journals: Sequence[Path]
    bootstrap: str
    directory: Directory


async def gather(places: Places, sent: Sequence[Held], refused: Sequence[str]) -> History:
    """Everything there is about what was sent, and about anything else that was found."""
    receipts = [_receipt(places.directory, held) for held in sent]
    tokens = {held.submission_id: held.receipt for held in sent}
    endings = [*_settlements(places, tokens)]
    endings += await _queue(places, topics.CLEARING, Ending.CLEARING)
    endings += await _queue(places, topics.DEAD_LETTER, Ending.DEAD_LETTER)
    folders = [folder for name, path in places.handovers.items() for folder in _folders(name, path)]
    return History(receipts, endings, folders, _accepts(places.journals), refused)


def is_settled(bucket: Path, submission_id: str) -> bool:
    """Whether the store has an ending of it, or a person's mark. Cheap: two look-ups of a file."""
    key = UUID(submission_id)
    return (bucket / keys.settled(key, 0)).exists() or (bucket / keys.clearing(key, 0)).exists()


async def dead_letters(bootstrap: str) -> set[str]:
    """Ids that stand on the dead letter now."""
    return set(await _standing(bootstrap, topics.DEAD_LETTER))


def _receipt(directory: Directory, held: Held) -> Receipt:
    manifest = _manifest(directory, held.receipt)
    valid = manifest is not None and str(manifest.submission_id) == held.submission_id
    valid = valid and manifest is not None and manifest.destination == held.destination
    return Receipt(held.submission_id, held.destination, held.content, manifest_digest(held.receipt), valid)


def _manifest(directory: Directory, token: str) -> Manifest | None:
    if directory.platform is None:
        return None
    try:
        return verify_manifest(token, directory.platform)
    except InvalidSignature:
        return None


def _settlements(places: Places, tokens: Mapping[str, str]) -> Iterator[Ended]:
    for path in sorted(places.bucket.glob("*/*/settled")):
        submission_id = path.parent.parent.name
        token = tokens.get(submission_id, "")
        try:
            settled = Settled.model_validate_json(path.read_bytes())
        except ValidationError:
            yield Ended(submission_id, Ending.ACKNOWLEDGED, "unreadable", proven=False)
            continue
        verdict, digest = _verdict(places.directory, settled.answer, settled.destination, token)
        accepted = settled.settlement is Settlement.ACKNOWLEDGED
        wanted = Verdict.ACCEPT if accepted else Verdict.REJECT
        ending = Ending.ACKNOWLEDGED if accepted else Ending.REJECTED
        yield Ended(submission_id, ending, digest, proven=verdict is wanted)


def _verdict(directory: Directory, answer: str | None, destination_id: str, token: str) -> tuple[Verdict | None, str]:
    """The verdict of a signed answer to exactly this manifest, and the digest that it names; None when it is not."""
    manifest, found = _manifest(directory, token), directory.destination(destination_id)
    if answer is None or manifest is None or found is None:
        return None, "none"
    try:
        verified = verify_answer(
            answer,
            destination=found[1],
            delivery_id=ids.delivery_id(manifest.submission_id, destination_id, manifest.generation),
            manifest=manifest,
            manifest_token=token,
            handed_over_at=manifest.received_at,
        )
    except InvalidSignature:
        return None, "invalid"
    return verified.verdict, verified.manifest


async def _standing(bootstrap: str, topic: str) -> dict[str, NeedsHuman]:
    """The last record of each key, without those that a tombstone took away."""
    standing: dict[str, NeedsHuman] = {}
    async with read_topic(bootstrap, topic, from_beginning=True) as reader:
        async for record in reader.records(follow=False):
            key = record.key.decode()
            if record.value is None:
                standing.pop(key, None)
            else:
                standing[key] = NeedsHuman.model_validate_json(record.value)
    return standing


async def _queue(places: Places, topic: str, ending: Ending) -> list[Ended]:
    endings = []
    for key, item in (await _standing(places.bootstrap, topic)).items():
        manifest = None if item.manifest is None else _manifest(places.directory, item.manifest)
        proven = manifest is not None and str(manifest.submission_id) == key
        if ending is Ending.CLEARING and item.reason == Reason.NOT_RESPONSIBLE:
            proven = proven and _marked(places, key, item)
        digest = "none" if item.manifest is None else manifest_digest(item.manifest)
        endings.append(Ended(key, ending, digest, proven))
    return endings


def _marked(places: Places, submission_id: str, item: NeedsHuman) -> bool:
    """Whether the store's mark bears the Jobcenter's signed reject of this manifest."""
    path = places.bucket / keys.clearing(UUID(submission_id), item.generation)
    if not path.exists() or item.manifest is None or item.destination is None:
        return False
    mark = ClearingMark.model_validate_json(path.read_bytes())
    return _verdict(places.directory, mark.answer, item.destination, item.manifest)[0] is Verdict.REJECT


def _folders(destination: str, handover: Path) -> Iterator[Folder]:
    for folder in sorted(handover.iterdir()):
        if not folder.name.startswith("."):
            yield Folder(destination, folder.name, _folder_content(folder))


def _folder_content(folder: Path) -> str:
    """The digest of what lies there; a file that no index names, or a missing one, makes it another."""
    try:
        listed = json.loads((folder / "index.json").read_bytes())["documents"]
        described = [(one["original_name"], one["media_type"], _sha512(folder / one["file"])) for one in listed]
        on_disk = sum(1 for _ in (folder / "documents").iterdir())
        if on_disk != len(listed):
            return f"{on_disk} files, {len(listed)} listed"
        return content_digest((folder / "application.json").read_bytes(), described)
    except (OSError, ValueError, KeyError) as error:
        return f"unreadable: {type(error).__name__}"


def _sha512(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha512").hexdigest()


def _accepts(journals: Sequence[Path]) -> Counter[str]:
    """Signed accepts by submission, from the receivers' journals."""
    accepts: Counter[str] = Counter()
    for journal in journals:
        database = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
        try:
            rows = database.execute(
                "SELECT submission_id, count(*) FROM answers WHERE verdict = 'accept' GROUP BY submission_id"
            )
            accepts.update(dict(rows))
        finally:
            database.close()
    return accepts


def waiting_ms(bucket: Path, submission_id: str, receipt_at: datetime) -> float | None:
    """Milliseconds from a moment to the settlement, not less than 0; None when it is not settled."""
    path = bucket / keys.settled(UUID(submission_id), 0)
    if not path.exists():
        return None
    settled = Settled.model_validate_json(path.read_bytes())
    return max(0.0, (settled.at - receipt_at).total_seconds() * 1000)
