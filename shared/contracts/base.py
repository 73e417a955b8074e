"""What all contract models share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, StringConstraints


class Contract(BaseModel):
    """A frozen model. Unknown fields are ignored when reading: newer writers may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_bytes(self) -> bytes:
        """Compact UTF-8 JSON, absent optional values left out."""
        return self.model_dump_json(exclude_none=True).encode()


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds and `Z` (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


Moment = Annotated[datetime, AfterValidator(_utc), PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""A point in time, UTC, milliseconds; RFC 3339 in JSON."""

Postcode = Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]
MunicipalityKey = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]
"""Amtlicher Gemeindeschlüssel (AGS), eight digits."""
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,98}[a-z0-9]$")]
"""Id of a Jobcenter, a destination or a service."""
