"""Where an application goes, decided alike at intake (before sealing) and at the router (before the lane). Pure.

`responsible` is the one function underneath: postcode and municipality → the Jobcenter's entry and its destination,
with the same `Kind`s as `resolve`. It knows one case more: a Jobcenter with several destinations is `ambiguous` for a
postcode whose municipalities have different ones.

Rollout states at the door:

| state | decision |
|---|---|
| `live`, `available` | sealed for the destination when it has keys, else for clearing (`no-destination-key`) |
| `paused` | like `live`: sealed for the destination; it waits on its lane, nothing is lost |
| `in-preparation` | like `live`: with keys sealed for the destination, whose lane waits or uses its fallback |
| `test` | like `live` for test clients, for clearing (`no-destination-key`) for everybody else |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from shared.contracts.directory import Destination, DestinationKey, JobcenterEntry, KeyState, KeyUse, Rollout
from shared.contracts.manifest import CLEARING, Manifest
from shared.contracts.manifest import Kind as SubmissionKind
from shared.contracts.reasons import Reason
from shared.directory.resolve import Kind, Resolution, destination_for, resolve
from shared.directory.tables import Tables


class Entries(Protocol):
    """What is needed of the directory (`shared.directory.snapshot.Directory`)."""

    def entry(self, jobcenter_id: str) -> JobcenterEntry | None: ...

    def destination(self, destination_id: str) -> tuple[JobcenterEntry, Destination] | None: ...


class Responsible(NamedTuple):
    """`entry` and `destination` only where `resolution.kind` is municipal and the directory has them."""

    resolution: Resolution
    entry: JobcenterEntry | None = None
    destination: Destination | None = None


class RefusalCode(StrEnum):
    """Why the sender must answer differently, and which way out there is."""

    AMBIGUOUS = "municipality-ambiguous"
    """409: choose one of the candidates, or open it `unresolved`."""
    MUNICIPALITY_NEEDED = "municipality-needed"
    """422: the postcode is unknown or a PO box; name the municipality, or open it `unresolved`."""
    MUNICIPALITY_MISMATCH = "municipality-mismatch"
    """422: the municipality is unknown or does not belong to the postcode; or open it `unresolved`."""
    JOINT = "joint-jobcenter"
    """422: see the candidates' referral; or open it with `send_anyway`."""


@dataclass(frozen=True)
class Refusal:
    """Nothing is accepted yet."""

    code: RefusalCode
    resolution: Resolution


@dataclass(frozen=True)
class Decision:
    """For whom to seal: `destination` with its `key`, or `clearing` (the transit key) with a `reason`."""

    destination: str
    """The destination's id, or `clearing`."""
    resolution: Resolution
    jobcenter: str | None = None
    """The responsible municipal Jobcenter, also when clearing must help."""
    directory_version: int = 0
    """Version of that Jobcenter's signed entry."""
    key: DestinationKey | None = None
    """The key to seal with; `None` exactly for clearing."""
    reason: Reason | None = None
    """Why clearing; `None` exactly for a real destination."""
    target: Destination | None = None
    """The destination that is meant, also when it has no key yet."""


@dataclass(frozen=True)
class Route:
    """The manifest's destination stands."""

    entry: JobcenterEntry
    destination: Destination


@dataclass(frozen=True)
class NeedsClearing:
    """A human decides. `candidates`: ids of the municipal Jobcenters that come into question."""

    reason: str
    candidates: tuple[str, ...] = ()


def responsible(tables: Tables, directory: Entries, postcode: str, municipality_key: str | None) -> Responsible:
    """Resolve down to the destination. Assumes nothing about the arguments; never raises."""
    resolution = resolve(tables, postcode, municipality_key)
    if resolution.jobcenter_id is None:
        return Responsible(resolution)
    entry = directory.entry(resolution.jobcenter_id)
    if entry is None:
        return Responsible(resolution)
    targets = [destination_for(entry, candidate.municipality_key) for candidate in resolution.candidates]
    if any(target is not targets[0] and target != targets[0] for target in targets):
        return Responsible(Resolution(Kind.AMBIGUOUS, resolution.candidates))
    return Responsible(resolution, entry, targets[0])


def decide(
    tables: Tables,
    directory: Entries,
    postcode: str,
    municipality_key: str | None,
    *,
    unresolved: bool = False,
    send_anyway: bool = False,
    test_client: bool = False,
) -> Decision | Refusal:
    """For whom intake seals, or what the sender has to say first.

    `unresolved`: the sender cannot say more; where the responsibility is open, accepted for clearing, not refused.
    `send_anyway`: accepted for clearing although a joint Jobcenter is responsible (§ 16 SGB I).
    Neither changes anything where a municipal Jobcenter is found.
    """
    found = responsible(tables, directory, postcode, municipality_key)
    resolution = found.resolution
    if resolution.kind is Kind.MUNICIPAL:
        return _for_jobcenter(found, test_client=test_client)
    if resolution.kind is Kind.JOINT:
        if send_anyway:
            return Decision(CLEARING, resolution, reason=Reason.JOINT_JOBCENTER)
        return Refusal(RefusalCode.JOINT, resolution)
    if unresolved:
        return Decision(CLEARING, resolution, reason=Reason.UNRESOLVED)
    if resolution.kind is Kind.AMBIGUOUS:
        return Refusal(RefusalCode.AMBIGUOUS, resolution)
    needed = municipality_key is None
    return Refusal(RefusalCode.MUNICIPALITY_NEEDED if needed else RefusalCode.MUNICIPALITY_MISMATCH, resolution)


def decide_follow_up(tables: Tables, directory: Entries, original: Manifest) -> Decision:
    """A supplement or withdrawal goes where its original went, wherever that is; clearing gets what it cannot reach."""
    resolution = resolve(tables, original.postcode, original.municipality_key)
    owner = directory.destination(original.destination)
    if owner is None:
        known = {reason.value: reason for reason in Reason}
        reason = known.get(original.clearing_reason or "", Reason.UNRESOLVED)
        if original.destination != CLEARING:
            reason = Reason.DESTINATION_UNKNOWN
        return Decision(CLEARING, resolution, original.jobcenter, 0, reason=reason)
    entry, destination = owner
    return _seal_for(entry, destination, resolution)


def check_route(manifest: Manifest, tables: Tables, directory: Entries) -> Route | NeedsClearing:
    """Whether a verified manifest's destination stands today. Never yields another destination than the pinned one.

    A follow-up goes to its original's destination, and a later generation where clearing sent it: for both it suffices
    that the destination is still that Jobcenter's; the door and clearing signed for the choice.
    """
    found = responsible(tables, directory, manifest.postcode, manifest.municipality_key)
    candidates = _jobcenters(found.resolution)
    if manifest.destination == CLEARING:
        return NeedsClearing(manifest.clearing_reason or Reason.UNRESOLVED, candidates)
    owner = directory.destination(manifest.destination)
    if owner is None:
        return NeedsClearing(Reason.DESTINATION_UNKNOWN, candidates)
    entry, destination = owner
    if manifest.jobcenter != entry.id:
        return NeedsClearing(Reason.DIRECTORY_DISAGREES, candidates)
    chosen_elsewhere = manifest.kind is not SubmissionKind.APPLICATION or manifest.generation > 0
    if not chosen_elsewhere and found.destination is not destination and found.destination != destination:
        return NeedsClearing(Reason.DIRECTORY_DISAGREES, candidates)
    return Route(entry, destination)


def sealing_key(destination: Destination) -> DestinationKey | None:
    """The key to seal with; `None` unless the destination could also prove its answer (a `verify` key in use)."""
    seals = [key for key in destination.keys if key.use is KeyUse.ENCRYPT and key.state is KeyState.ACTIVE]
    answers = any(key.use is KeyUse.VERIFY and key.state is KeyState.ACTIVE for key in destination.keys)
    return seals[0] if seals and answers else None


def _for_jobcenter(found: Responsible, *, test_client: bool) -> Decision:
    resolution, entry, destination = found
    if entry is None or destination is None:
        # the Jobcenter is known from the law's own list; only its way is missing
        version = entry.version if entry is not None else 0
        reason = Reason.NO_DESTINATION_KEY
        return Decision(CLEARING, resolution, resolution.jobcenter_id, version, reason=reason)
    closed = entry.rollout is Rollout.TEST and not test_client
    return _seal_for(entry, destination, resolution, closed=closed)


def _seal_for(
    entry: JobcenterEntry, destination: Destination, resolution: Resolution, *, closed: bool = False
) -> Decision:
    key = None if closed else sealing_key(destination)
    return Decision(
        destination=CLEARING if key is None else destination.id,
        resolution=resolution,
        jobcenter=entry.id,
        directory_version=entry.version,
        key=key,
        reason=Reason.NO_DESTINATION_KEY if key is None else None,
        target=destination,
    )


def _jobcenters(resolution: Resolution) -> tuple[str, ...]:
    named = {candidate.jobcenter_id for candidate in resolution.candidates}
    return tuple(sorted(jobcenter_id for jobcenter_id in named if jobcenter_id is not None))
