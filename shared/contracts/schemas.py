"""Names of all contract models: `<name>/v<major>`, the file `docs/schemas/<name>.v<major>.json`.

A new major version is a new model beside the old one; both stay readable while messages of the old one are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.contracts.answer import Answer
from shared.contracts.base import Contract
from shared.contracts.control import Control, LaneState
from shared.contracts.directory import JobcenterEntry, PlatformEntry
from shared.contracts.events import SubmissionEvent
from shared.contracts.manifest import Manifest
from shared.contracts.messages import Delivery, NeedsHuman, Received
from shared.contracts.stored import Claim, ClearingMark, HandedOver, Outcome, Settled

MESSAGE_SCHEMAS: Final[Mapping[str, type[Contract]]] = {
    "received/v1": Received,
    "delivery/v1": Delivery,
    "needs-human/v1": NeedsHuman,
    "submission-event/v1": SubmissionEvent,
    "control/v1": Control,
    "lane-state/v1": LaneState,
}
"""Bodies of CloudEvents: the value of `ce_dataschema` → the model."""

SIGNED_SCHEMAS: Final[Mapping[str, type[Contract]]] = {
    "manifest/v1": Manifest,
    "answer/v1": Answer,
    "jobcenter-entry/v1": JobcenterEntry,
    "platform-entry/v1": PlatformEntry,
}
"""Claims of compact JWS."""

STORED_SCHEMAS: Final[Mapping[str, type[Contract]]] = {
    "outcome/v1": Outcome,
    "claim/v1": Claim,
    "clearing-mark/v1": ClearingMark,
    "settled/v1": Settled,
    "handed-over/v1": HandedOver,
}
"""Objects in the store."""

ALL_SCHEMAS: Final[Mapping[str, type[Contract]]] = {**MESSAGE_SCHEMAS, **SIGNED_SCHEMAS, **STORED_SCHEMAS}

_NAMES: Final = {model: name for name, model in ALL_SCHEMAS.items()}


def dataschema_of(model: type[Contract]) -> str:
    """`received/v1` and so on; KeyError for a model without a name."""
    return _NAMES[model]
