"""CloudEvents 1.0 in the Kafka protocol binding's binary mode.

Attributes stand in headers `ce_<name>`, the media type in `content-type`, the body is the value (CloudEvents Kafka
Protocol Binding 1.0.2, section 3.2). `traceparent` (W3C Trace Context) stands in a header of its own name.
`ce_dataschema` is `<name>/v<major>`; names and models are declared once, in `shared.contracts.schemas`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID, uuid4

from pydantic import ValidationError

from shared.contracts.base import Contract, rfc3339
from shared.contracts.reasons import Reason
from shared.contracts.schemas import MESSAGE_SCHEMAS, dataschema_of
from shared.errors import MessageError

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
_FIXED: Final = (("ce_specversion", SPEC_VERSION.encode()), ("content-type", CONTENT_TYPE.encode()))
MAX_HEADER_BYTES: Final = 1024

Headers = list[tuple[str, bytes]]
AnyHeaders = Iterable[tuple[str, bytes | None]] | Mapping[str, bytes | None] | None
C = TypeVar("C", bound=Contract)


@dataclass(frozen=True)
class CloudMessage:
    """A message to be sent. `subject` is the submission id; `source` names the service, as a URI reference."""

    type: str
    subject: str
    data: Contract
    traceparent: str
    time: datetime
    source: str
    id: UUID = field(default_factory=uuid4)

    def to_kafka(self) -> tuple[bytes, Headers]:
        """Value and headers."""
        return self.data.to_bytes(), [
            *_FIXED,
            ("ce_id", str(self.id).encode()),
            ("ce_source", self.source.encode()),
            ("ce_type", self.type.encode()),
            ("ce_time", rfc3339(self.time).encode()),
            ("ce_subject", self.subject.encode()),
            ("ce_dataschema", dataschema_of(type(self.data)).encode()),
            ("traceparent", self.traceparent.encode()),
        ]


@dataclass(frozen=True)
class Envelope:
    """The attributes of a received message; `traceparent` is None when the header is missing."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    dataschema: str
    traceparent: str | None


def parse_headers(headers: AnyHeaders) -> Envelope:
    """Reads the attributes; raises `MessageError(message-unreadable)` when one is missing, doubled or malformed."""
    pairs = headers.items() if isinstance(headers, Mapping) else (headers or ())
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found or value is None or len(value) > MAX_HEADER_BYTES:
            raise _unreadable()
        try:
            found[name] = value.decode()
        except UnicodeDecodeError:
            raise _unreadable() from None
    try:
        if found["ce_specversion"] != SPEC_VERSION or found["content-type"] != CONTENT_TYPE:
            raise _unreadable()
        moment = datetime.fromisoformat(found["ce_time"])
        if moment.tzinfo is None:
            raise _unreadable()
        return Envelope(
            id=found["ce_id"],
            source=found["ce_source"],
            type=found["ce_type"],
            subject=found["ce_subject"],
            time=moment,
            dataschema=found["ce_dataschema"],
            traceparent=found.get("traceparent"),
        )
    except (KeyError, ValueError):
        raise _unreadable() from None


def read(model: type[C], headers: AnyHeaders, value: bytes | None) -> tuple[Envelope, C]:
    """A received message of the expected model.

    Raises `MessageError(message-unreadable)` for every other message; the error never shows what was in it.
    """
    envelope = parse_headers(headers)
    if MESSAGE_SCHEMAS.get(envelope.dataschema) is not model or value is None:
        raise _unreadable()
    try:
        return envelope, model.model_validate_json(value)
    except ValidationError:
        raise _unreadable() from None


def _unreadable() -> MessageError:
    return MessageError(Reason.MESSAGE_UNREADABLE)
