"""The signed directory as one reader sees it: the last good entry of each id.

Guarantees: only what the pinned anchor signed is ever visible; an entry is replaced only by a higher version of itself.
Everything else (unsigned, foreign, older, under a wrong key, contradictory, deleted) is ignored, the last good entry is
kept, and the caller is told by the result of `apply`, so that it can alarm.

A tombstone never removes anything. The one way to take a Jobcenter out is a signed entry with `deleted: true` and a
higher version: it is kept, so that no older entry comes back, but `entry` and `destination` no longer show it.

Not thread-safe; no I/O; each `apply` costs one P-256 verification (0.1 ms) and the loading of the entry's public keys.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Protocol

from shared.contracts.directory import Destination, JobcenterEntry, PlatformEntry
from shared.directory.entry import InvalidEntry, check_entry
from shared.errors import InvalidSignature
from shared.trust.platform import PlatformKeys


class Applied(StrEnum):
    """What became of a record."""

    OK = "ok"
    """New or higher version: now visible."""
    UNCHANGED = "unchanged"
    """The very entry that is visible already."""
    IGNORED_UNSIGNED = "ignored-unsigned"
    """No valid signed entry: not a JWS, wrong header, wrong signature or wrong form."""
    IGNORED_FOREIGN = "ignored-foreign"
    """Signed by another key than the pinned anchor's."""
    IGNORED_OLDER = "ignored-older"
    """A lower version than the visible one."""
    IGNORED_CONFLICT = "ignored-conflict"
    """The visible version with another content, or a destination that belongs to another Jobcenter."""
    IGNORED_MISPLACED = "ignored-misplaced"
    """The record's key is not the entry's id; also the platform's keys anywhere but under `_platform`."""
    IGNORED_CONTRADICTORY = "ignored-contradictory"
    """Signed, but it cannot be used (see `shared.directory.entry.check_entry`)."""
    IGNORED_TOMBSTONE = "ignored-tombstone"
    """A deletion without a signature."""

    @property
    def is_alarm(self) -> bool:
        """Somebody should look: the topic holds something that is not the directory."""
        return self not in (Applied.OK, Applied.UNCHANGED)


class EntryVerifier(Protocol):
    """The pinned anchor (`shared.trust.anchor.Anchor`)."""

    def verify_entry(self, token: str | bytes) -> JobcenterEntry | PlatformEntry:
        """Raises `InvalidSignature`, with the code `jws-kid` for another signer."""
        ...


class Directory:
    """See the module. `alarms` counts what was ignored, by kind."""

    def __init__(self, anchor: EntryVerifier) -> None:
        self._anchor = anchor
        self._entries: dict[str, JobcenterEntry | PlatformEntry] = {}
        self._tokens: dict[str, str] = {}
        self._owners: dict[str, tuple[JobcenterEntry, Destination]] = {}
        self._platform: PlatformKeys | None = None
        self.alarms: Counter[Applied] = Counter()

    def apply(self, key: str | None, token: str | bytes | None) -> Applied:
        """Take a record of the topic in: its key and its value. Never raises for anything that a topic may hold."""
        applied = self._apply(key, token)
        if applied.is_alarm:
            self.alarms[applied] += 1
        return applied

    def _apply(self, key: str | None, token: str | bytes | None) -> Applied:
        if token is None:
            return Applied.IGNORED_TOMBSTONE
        try:
            entry = self._anchor.verify_entry(token)
        except InvalidSignature as error:
            return Applied.IGNORED_FOREIGN if str(error) == "jws-kid" else Applied.IGNORED_UNSIGNED
        if entry.id != key:
            return Applied.IGNORED_MISPLACED
        applied = self._compare(entry)
        if applied is not Applied.OK:
            return applied
        try:
            self._take(entry)
        except (InvalidEntry, InvalidSignature):
            return Applied.IGNORED_CONTRADICTORY
        self._entries[entry.id] = entry
        self._tokens[entry.id] = token if isinstance(token, str) else token.decode("ascii")
        return Applied.OK

    def _compare(self, entry: JobcenterEntry | PlatformEntry) -> Applied:
        old = self._entries.get(entry.id)
        if old is not None and entry.version < old.version:
            return Applied.IGNORED_OLDER
        if old is not None and entry.version == old.version:
            return Applied.UNCHANGED if entry == old else Applied.IGNORED_CONFLICT
        if isinstance(entry, JobcenterEntry):
            owners = (self._owners.get(destination.id) for destination in entry.destinations)
            if any(owner is not None and owner[0].id != entry.id for owner in owners):
                return Applied.IGNORED_CONFLICT
        return Applied.OK

    def _take(self, entry: JobcenterEntry | PlatformEntry) -> None:
        if isinstance(entry, PlatformEntry):
            self._platform = PlatformKeys(entry)
            return
        check_entry(entry)
        self._owners = {name: owner for name, owner in self._owners.items() if owner[0].id != entry.id}
        if not entry.deleted:
            self._owners |= {destination.id: (entry, destination) for destination in entry.destinations}

    @property
    def platform(self) -> PlatformKeys | None:
        """The platform's own keys; `None` until they were read."""
        return self._platform

    def entry(self, jobcenter_id: str) -> JobcenterEntry | None:
        """A Jobcenter's entry; `None` when there is none or it was taken out."""
        found = self._entries.get(jobcenter_id)
        return found if isinstance(found, JobcenterEntry) and not found.deleted else None

    def entries(self) -> tuple[JobcenterEntry, ...]:
        """All visible Jobcenters, by id."""
        visible = (self.entry(jobcenter_id) for jobcenter_id in sorted(self._entries))
        return tuple(entry for entry in visible if entry is not None)

    def destination(self, destination_id: str) -> tuple[JobcenterEntry, Destination] | None:
        """A destination and the Jobcenter that owns it."""
        return self._owners.get(destination_id)

    def destinations(self) -> tuple[str, ...]:
        """Ids of all destinations, sorted."""
        return tuple(sorted(self._owners))

    def get(self, entry_id: str) -> JobcenterEntry | PlatformEntry | None:
        """The last good entry under an id, also one that was taken out."""
        return self._entries.get(entry_id)

    def ids(self) -> tuple[str, ...]:
        """Ids of all entries that were ever good, sorted; `_platform` and those taken out included."""
        return tuple(sorted(self._entries))

    def token(self, entry_id: str) -> str | None:
        """The visible entry as it was signed; `_platform` for the platform's keys."""
        return self._tokens.get(entry_id)

    def version(self, entry_id: str) -> int:
        """The visible version, also of an entry that was taken out; 0 without one."""
        found = self._entries.get(entry_id)
        return found.version if found is not None else 0
