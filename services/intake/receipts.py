"""What the sender gets for an accepted submission. A pure function of the outcome: the same bytes every time."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.intake.records import Completion
from shared.contracts.base import Moment, Slug
from shared.contracts.manifest import Manifest
from shared.contracts.stored import Outcome


class Receipt(BaseModel):
    """Proof of receipt. Keep both: the receipt proves when what arrived, the secret opens its claim `content`."""

    model_config = ConfigDict(frozen=True)

    submission_id: UUID
    received_at: Moment = Field(description="first durable storage; decides the month (§ 37 (2) SGB II)")
    jobcenter: Slug | None = Field(description="id of the responsible Jobcenter; null when a human looks for it")
    documents: int = Field(description="how many documents belong to it")
    receipt: str = Field(description="signed manifest: compact JWS, ES256, keys at /v1/receipt-keys")
    receipt_secret: str = Field(description="base64url; for the sender alone")


def receipt_of(outcome: Outcome, manifest: Manifest, completion: Completion) -> Receipt:
    assert outcome.manifest is not None, "an accepted outcome has a manifest"
    return Receipt(
        submission_id=manifest.submission_id,
        received_at=manifest.received_at,
        jobcenter=manifest.jobcenter,
        documents=len(manifest.parts) - 2,
        receipt=outcome.manifest,
        receipt_secret=completion.secret,
    )
