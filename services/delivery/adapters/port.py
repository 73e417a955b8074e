"""The port to a Jobcenter's system. Adapters raise the three kinds of error and know nothing of lanes.

Assumptions
    - The consignment was verified: manifest signed, destination equal, not settled, claimed for delivery.
    - `open_part` may be called once or more for each part; it yields exactly the stored bytes. It raises `MessageError`
      when the stored part is proven absent, or is proven altered by having been read to its end, and
      `StoreUnavailable` (ours) when the store fails.
Guarantees of an adapter
    - It returns the Jobcenter's answer as received, unverified; who calls it verifies. Or `HandedOver`, when everything
      is with the Jobcenter and the signed answer will come later, to delivery's own endpoint (HTTP 202, hot folders,
      buckets, mail).
    - `probe` hands nothing over: it answers whether a delivery would be taken now, by returning or by `JobcenterError`.
    - Whatever the Jobcenter's system does wrong (connect, TLS, timeout, status, size or form of the answer) is
      `JobcenterError` with a code of `Reason`. An error of `open_part` is passed on unchanged: it is never the
      Jobcenter's.
    - It sees one adapter only, `destination.adapter`: choosing the fallback of a Jobcenter in preparation is the
      caller's.
    - Constant memory, whatever the parts' size. Cancelling it closes what it opened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol
from uuid import UUID

from shared.contracts.directory import Destination
from shared.contracts.manifest import Manifest, Part

PartOpener = Callable[[Part], AsyncIterator[bytes]]


@dataclass(frozen=True)
class Consignment:
    """One attempt's load."""

    delivery_id: UUID
    manifest: Manifest
    manifest_token: str
    destination: Destination
    traceparent: str
    open_part: PartOpener


class HandedOver(Enum):
    """An answer that is none yet."""

    ANSWER_LATER = "answer-later"
    """The Jobcenter has everything; it will post its signed answer."""


class Adapter(Protocol):
    """See the module."""

    async def deliver(self, consignment: Consignment) -> str | HandedOver:
        """Hands everything over and answers the Jobcenter's compact JWS, unverified, or that it comes later."""
        ...

    async def probe(self, destination: Destination) -> None:
        """The empty probe. Raises `JobcenterError` unless the Jobcenter's system would take a delivery now."""
        ...
