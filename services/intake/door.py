"""Everything the door's operations need, wired once by the composition root; and how they read what is stored."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from services.intake.limits import Admission, ClientLimits
from services.intake.ports import DirectoryView, Sender
from services.intake.records import Document, Opening, unseal
from services.intake.sealing import Recipients
from services.intake.settings import IntakeSettings
from shared.contracts.canonical import strict_json
from shared.contracts.manifest import Manifest
from shared.contracts.stored import Outcome, OutcomeKind
from shared.directory.tables import Tables
from shared.errors import DirectoryUnavailable, Misconfigured, SenderError
from shared.sealing.jwk import unb64u
from shared.sealing.statebox import StateBox
from shared.store import keys
from shared.store.port import Store
from shared.trust.manifests import verify_manifest
from shared.trust.platform import PlatformKeys

READS_AT_ONCE: Final = 16
SOURCE: Final = "/antragsweiche/intake"


class OpeningIds:
    """Submission ids from idempotency keys: the same key of the same client always gives the same id.

    Keyed with the state keys, so that nobody can tell from an id which key a portal chose. After a rotation the older
    keys' ids are looked for first (`candidates`), so that a replay still finds its submission.
    """

    def __init__(self, state_keys: Mapping[str, bytes], active: str) -> None:
        self._keys = [key for kid, key in sorted(state_keys.items()) if kid != active] + [state_keys[active]]

    @classmethod
    def from_file(cls, path: Path) -> OpeningIds:
        """From the state keys' file (`shared.sealing.statebox`). Raises `Misconfigured`."""
        try:
            document: Any = strict_json(path.read_bytes())
            return cls({kid: unb64u(key) for kid, key in document["keys"].items()}, document["active"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Misconfigured(f"no readable state keys in {path}") from None

    def candidates(self, client_id: str, idempotency_key: str) -> list[UUID]:
        """One id for each state key, the active one's last."""
        return [self._id(key, client_id, idempotency_key) for key in self._keys]

    @staticmethod
    def _id(key: bytes, client_id: str, idempotency_key: str) -> UUID:
        text = f"idempotency\0{len(client_id)}\0{client_id}\0{idempotency_key}".encode()
        digest = bytearray(hmac.digest(key, text, hashlib.sha256)[:16])
        digest[6] = digest[6] & 0x0F | 0x80  # version 8 of RFC 9562: made by ourselves
        digest[8] = digest[8] & 0x3F | 0x80
        return UUID(bytes=bytes(digest))


@dataclass(frozen=True)
class Door:
    """The parts. `clock` gives UTC; `monotonic` seconds that never jump back."""

    settings: IntakeSettings
    store: Store
    kafka: Sender
    view: DirectoryView
    tables: Tables
    box: StateBox
    ids: OpeningIds
    receipt_key: EllipticCurvePrivateKey
    receipt_kid: str
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    client_limits: ClientLimits
    admission: Admission
    recipients: Recipients

    @property
    def platform(self) -> PlatformKeys:
        """The platform's keys. Raises `DirectoryUnavailable` before the directory has them."""
        platform = self.view.directory.platform
        if platform is None:
            raise DirectoryUnavailable("no platform key set")
        return platform

    def verified(self, outcome: Outcome) -> Manifest:
        """The manifest of an accepted outcome, its signature checked: the store is not trusted."""
        assert outcome.manifest is not None, "an accepted outcome has a manifest"
        return verify_manifest(outcome.manifest, self.platform)

    async def outcome(self, submission_id: UUID) -> Outcome | None:
        """How the submission ended at the door, or None."""
        body = await self.store.get(keys.outcome(submission_id))
        return None if body is None else Outcome.model_validate_json(body)

    async def opening(self, submission_id: UUID) -> Opening | None:
        key = keys.opening(submission_id)
        body = await self.store.get(key)
        return None if body is None else unseal(self.box, Opening, body, key)

    async def documents(self, submission_id: UUID) -> list[Document]:
        """All descriptors, in no particular order. For a submission whose opening exists: see `shared.store.keys`."""
        listing = await self.store.list(keys.open_prefix(submission_id))
        prefix = keys.documents_prefix(submission_id)
        return await self.read_documents(key for key in listing if key.startswith(prefix))

    async def read_documents(self, listing: Iterable[str]) -> list[Document]:
        """The descriptors under these keys; those that vanished meanwhile are left out."""
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def read(key: str) -> Document | None:
            async with gate:
                body = await self.store.get(key)
            return None if body is None else unseal(self.box, Document, body, key)

        found = await asyncio.gather(*(read(key) for key in listing))
        return [document for document in found if document is not None]

    async def open_for(self, client_id: str, submission_id: UUID) -> Opening:
        """The client's own submission that is still open.

        Raises 404 for another's or an unknown one, 410 for an expired one, 409 for one that ended already.
        """
        opening, outcome = await asyncio.gather(self.opening(submission_id), self.outcome(submission_id))
        if outcome is not None:
            raise ended(outcome, client_id)
        if opening is None or opening.client_id != client_id:
            raise not_found()
        if opening.expired(self.clock()):
            raise gone()
        return opening


def not_found() -> SenderError:
    """Also for another client's: that it exists is nobody else's business."""
    return SenderError("submission-not-found", "There is no such submission.")


def gone() -> SenderError:
    return SenderError("submission-expired", "It was not completed in time and has been erased. Open a new one.")


def ended(outcome: Outcome, client_id: str) -> SenderError:
    """The refusal to change a submission that has an outcome."""
    if outcome.client_id != client_id:
        return not_found()
    if outcome.kind is OutcomeKind.EXPIRED:
        return gone()
    if outcome.kind is OutcomeKind.WITHDRAWN:
        return SenderError("submission-withdrawn", "It was withdrawn before it was completed.")
    return SenderError("submission-completed", "It has been completed; nothing of it can be changed any more.")
