"""Where a received submission goes. Pure: bytes, keys, directory and tables in; one decision out; no I/O, no clock.

Assumption: whoever calls carries the decision out and repeats it after a crash; equal input gives an equal decision.
Guarantee: every input has a decision, none raises. A message goes to the lane that its *signed* manifest pins, or to
people; never to another Jobcenter's lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.contracts.manifest import Manifest
from shared.contracts.messages import Received
from shared.contracts.reasons import Reason
from shared.directory.decide import Entries, NeedsClearing, check_route
from shared.directory.tables import Tables
from shared.errors import InvalidSignature, MessageError
from shared.kafka.cloudevents import AnyHeaders, read
from shared.trust.manifests import verify_manifest
from shared.trust.platform import PlatformKeys
from shared.web.trace import Trace, parse


@dataclass(frozen=True)
class Signed:
    """A message whose manifest the platform signed."""

    manifest: Manifest
    token: str
    traceparent: str


@dataclass(frozen=True)
class Lane:
    """The pinned destination stands."""

    manifest: Manifest
    token: str
    traceparent: str


@dataclass(frozen=True)
class Clearing:
    """A human decides; `candidates` are ids of municipal Jobcenters."""

    manifest: Manifest
    token: str
    traceparent: str
    reason: str
    candidates: tuple[str, ...]
    may_heal: bool = False
    """The door knew a newer entry of this Jobcenter than we do: it is on its way, and may settle the matter."""


@dataclass(frozen=True)
class DeadLetter:
    """The message proves nothing about itself. `may_heal`: signed under a key that the directory may yet bring."""

    reason: str
    may_heal: bool = False


Decision = Lane | Clearing | DeadLetter


class Known(Entries, Protocol):
    """What is needed of the directory."""

    def version(self, entry_id: str) -> int:
        """Also of an entry that was taken out; 0 without one."""
        ...


def route(
    value: bytes | None, headers: AnyHeaders, platform: PlatformKeys, directory: Known, tables: Tables
) -> Decision:
    """Decide about one message of `submissions.received`: `read_signed`, then `place`."""
    found = read_signed(value, headers, platform)
    return found if isinstance(found, DeadLetter) else place(found, directory, tables)


def read_signed(value: bytes | None, headers: AnyHeaders, platform: PlatformKeys) -> Signed | DeadLetter:
    """What the message proves about itself: the dear half, which needs nothing that changes."""
    try:
        envelope, received = read(Received, headers, value)
    except MessageError as error:
        return DeadLetter(error.reason)
    try:
        manifest = verify_manifest(received.manifest, platform)
    except InvalidSignature as error:
        return DeadLetter(Reason.MANIFEST_INVALID, may_heal=str(error) == "jws-kid")
    if received.submission_id != manifest.submission_id:
        return DeadLetter(Reason.MANIFEST_INVALID)
    return Signed(manifest, received.manifest, str(parse(envelope.traceparent) or Trace.new()))


def place(signed: Signed, directory: Known, tables: Tables) -> Lane | Clearing:
    """Whether the destination that the manifest pins stands in the directory as it is now."""
    manifest, token, traceparent = signed.manifest, signed.token, signed.traceparent
    found = check_route(manifest, tables, directory)
    if isinstance(found, NeedsClearing):
        behind = manifest.jobcenter is not None and manifest.directory_version > directory.version(manifest.jobcenter)
        return Clearing(manifest, token, traceparent, str(found.reason), found.candidates, behind)
    return Lane(manifest, token, traceparent)
