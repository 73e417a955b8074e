"""What a draft and a case hold, as sealed in the store. Data without I/O.

A *draft* holds answers and files until they are sent. A *case* is what stays afterwards, without any answer: which
submissions there are, with which receipt, and which evidence was announced. Both are a `Record` under a secret of
its own (`vault.Vault.case`).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def changed(self, **fields: Any) -> Self:
        """A copy with other fields."""
        return self.model_copy(update=fields)


class Stage(StrEnum):
    EDITING = "editing"
    SENDING = "sending"
    """It may have reached intake: nothing may be changed until that is known."""
    SENT = "sent"


class StoredFile(Frozen):
    """An uploaded file, sealed in `chunks` objects of the store."""

    id: str
    slot: str
    """The evidence slot's key."""
    name: str
    media_type: str
    size: int
    sha512: str
    chunks: int


class Target(Frozen):
    """The Jobcenter that gets the application, as intake told it. All None: a human looks for it."""

    id: str | None = None
    name: str | None = None
    rollout: str | None = None
    email: str | None = None
    telephone: str | None = None
    website: str | None = None
    address: str | None = None


class Place(Frozen):
    """Where the answers about the place lead. Valid only for `postcode` and `municipality_key`."""

    postcode: str
    municipality_key: str | None = None
    municipality: str | None = None
    target: Target = Target()
    unresolved: bool = False
    """The citizen cannot say the municipality."""
    send_anyway: bool = False
    """Although a joint Jobcenter is responsible (§ 16 SGB I)."""
    referral_area: str | None = None
    referral_url: str | None = None
    referral_text: str | None = None


class OpenEvidence(Frozen):
    """Evidence that was announced: what a later upload names."""

    key: str
    evidence_code: str
    label: str
    person: str
    person_name: str
    question_id: str
    protection: str = "normal"
    """The access class that an upload gets."""


class Sent(Frozen):
    """One submission that intake has given a receipt for."""

    submission_id: str
    received_at: datetime
    kind: str
    """`application`, `early` (a secured date), `supplement` or `withdrawal`."""
    receipt: str
    receipt_secret: str
    documents: int
    jobcenter: str | None


class Undo(Frozen):
    """What to put back when the citizen does not want to lose dependent answers after all."""

    step: str
    back: str
    answers: dict[str, Any]


class Record(Frozen):
    """A draft or a case.

    `attempt` counts openings that can never be completed any more, so that the next gets an Idempotency-Key of its
    own. `sending_since` is a lease: while it is young only its holder sends.
    """

    case: bool = False
    stage: Stage = Stage.EDITING
    answers: dict[str, Any] = Field(default_factory=dict)
    files: tuple[StoredFile, ...] = ()
    place: Place | None = None
    undo: Undo | None = None
    seen_result: bool = False
    postcode_hint: str | None = None
    """From the link or QR code that led here: shown in the empty field, an answer only when it is saved there."""

    attempt: int = 0
    sending_since: datetime | None = None
    sending_kind: str | None = None
    sent: tuple[Sent, ...] = ()
    copy_chunks: int = 0
    """Chunks of the PDF copy of the application; 0: there is none."""
    copy_size: int = 0
    later_chunks: int = 0
    """The same of what was sent after a secured date."""
    later_size: int = 0
    target: Target = Target()
    open_evidence: tuple[OpenEvidence, ...] = ()
    announced: tuple[str, ...] = ()
    """Sections that an early submission promised for later."""
    early: dict[str, Any] = Field(default_factory=dict)
    """The application of an early submission: what differs from it by now is brought later."""
    delivered: tuple[str, ...] = ()
    """Ids of files that intake has got."""
    flags: tuple[dict[str, str], ...] = ()
    """Flags of the application that protect: they go along with whatever is brought later."""
    erased_at: datetime | None = None
    """Shown to the citizen: when the draft behind a case goes."""

    def files_of(self, slot: str) -> tuple[StoredFile, ...]:
        return tuple(file for file in self.files if file.slot == slot)

    @property
    def pending(self) -> tuple[StoredFile, ...]:
        """Files that intake has not got yet."""
        return tuple(file for file in self.files if file.id not in self.delivered)

    @property
    def first(self) -> Sent | None:
        """The application itself, among what was sent."""
        return next((sent for sent in self.sent if sent.kind in ("application", "early")), None)
