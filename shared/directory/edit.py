"""Changes to an entry. Pure: each returns the next version, checked; signing and storing are the caller's.

Raises `InvalidEntry` with a code; see also `shared.directory.entry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from shared.contracts.directory import (
    AnyAdapter,
    Destination,
    DestinationKey,
    HttpsAdapter,
    JobcenterEntry,
    KeyState,
    KeyUse,
    PlatformEntry,
    PlatformKey,
)
from shared.directory.entry import InvalidEntry, check_entry
from shared.directory.tables import Tables


def change(entry: JobcenterEntry, now: datetime, **fields: Any) -> JobcenterEntry:
    """The next version with some fields replaced. `now` must carry a time zone."""
    if not fields.keys() <= set(JobcenterEntry.model_fields) - {"id", "type", "version", "issued_at"}:
        raise InvalidEntry("field-unknown")
    merged = {**dict(entry), **fields, "version": entry.version + 1, "issued_at": now}
    try:
        changed = JobcenterEntry.model_validate(merged)
    except ValidationError:
        raise InvalidEntry("field-invalid") from None
    check_entry(changed)
    return changed


def change_contact(entry: JobcenterEntry, now: datetime, **details: str | None) -> JobcenterEntry:
    """Replace contact details; an empty text empties one."""
    contact = entry.contact.model_copy(update={name: text or None for name, text in details.items()})
    return change(entry, now, contact=contact)


def set_endpoint(entry: JobcenterEntry, now: datetime, destination_id: str, url: str | None) -> JobcenterEntry:
    """Where the receiver of a destination listens; `None` takes the address away."""
    try:
        adapter = None if url is None else HttpsAdapter(url=url.rstrip("/"))
    except ValidationError:
        raise InvalidEntry("endpoint-url") from None
    return set_adapter(entry, now, destination_id, adapter)


def set_adapter(
    entry: JobcenterEntry, now: datetime, destination_id: str, adapter: AnyAdapter | None, *, fallback: bool = False
) -> JobcenterEntry:
    """How a destination is reached, or with `fallback` how it is while its Jobcenter is in preparation."""
    field = "fallback" if fallback else "adapter"
    return _replace(entry, now, _find(entry, destination_id).model_copy(update={field: adapter}))


def add_destination(
    entry: JobcenterEntry, now: datetime, destination_id: str, municipality_keys: Iterable[str], tables: Tables
) -> JobcenterEntry:
    """One more destination for some of the Jobcenter's municipalities (§ 6 (2) SGB II), without keys yet.

    From then on new applications from there wait in clearing until it has keys.
    """
    keys = tuple(sorted(set(municipality_keys)))
    for key in keys:
        candidate = tables.municipalities.get(key)
        if candidate is None or candidate.jobcenter_id != entry.id:
            raise InvalidEntry("municipality-elsewhere")
    try:
        destination = Destination(id=destination_id, municipality_keys=keys)
    except ValidationError:
        raise InvalidEntry("destination-id") from None
    return change(entry, now, destinations=(*entry.destinations, destination))


def add_keys(
    entry: JobcenterEntry, now: datetime, destination_id: str, keys: Sequence[DestinationKey]
) -> JobcenterEntry:
    """New active keys (already proven); older active ones of the same use go on as `accept`, for what is in flight."""
    destination = _find(entry, destination_id)
    known = {key.kid for key in destination.keys}
    if any(key.kid in known for key in keys):
        raise InvalidEntry("key-twice")
    uses = {key.use for key in keys if key.state is KeyState.ACTIVE}
    older = tuple(_retire(key) if key.use in uses else key for key in destination.keys)
    return _replace(entry, now, destination.model_copy(update={"keys": (*keys, *older)}))


def set_key_state(entry: JobcenterEntry, now: datetime, kid: str, state: KeyState) -> JobcenterEntry:
    """Change a destination key's state. A revoked key stays revoked; a new active sealing key retires the older one."""
    owner = next((each for each in entry.destinations if any(key.kid == kid for key in each.keys)), None)
    if owner is None:
        raise InvalidEntry("key-unknown")
    keys = []
    for key in owner.keys:
        if key.kid == kid:
            keys.append(key.model_copy(update={"state": _next_state(key.state, state)}))
        elif state is KeyState.ACTIVE and key.use is KeyUse.ENCRYPT and _use_of(owner, kid) is KeyUse.ENCRYPT:
            keys.append(_retire(key))
        else:
            keys.append(key)
    return _replace(entry, now, owner.model_copy(update={"keys": tuple(keys)}))


def add_platform_key(entry: PlatformEntry, now: datetime, key: PlatformKey) -> PlatformEntry:
    """A new active key of the platform; the older active one of its use goes on as `accept`."""
    if any(old.kid == key.kid for old in entry.keys):
        raise InvalidEntry("key-twice")
    older = [
        old.model_copy(update={"state": KeyState.ACCEPT})
        if old.use is key.use and old.state is KeyState.ACTIVE
        else old
        for old in entry.keys
    ]
    return _next_platform(entry, now, (key, *older))


def set_platform_key_state(entry: PlatformEntry, now: datetime, kid: str, state: KeyState) -> PlatformEntry:
    """Change a platform key's state. There is always one active key of each use: put the next one in first."""
    if all(key.kid != kid for key in entry.keys):
        raise InvalidEntry("key-unknown")
    keys = [
        key.model_copy(update={"state": _next_state(key.state, state)}) if key.kid == kid else key for key in entry.keys
    ]
    return _next_platform(entry, now, keys)


def _next_platform(entry: PlatformEntry, now: datetime, keys: Iterable[PlatformKey]) -> PlatformEntry:
    kept = tuple(keys)
    for use in {key.use for key in kept}:
        if sum(key.use is use and key.state is KeyState.ACTIVE for key in kept) != 1:
            raise InvalidEntry("not-one-active-key")
    return PlatformEntry(version=entry.version + 1, issued_at=now, issuer=entry.issuer, keys=kept)


def _find(entry: JobcenterEntry, destination_id: str) -> Destination:
    for destination in entry.destinations:
        if destination.id == destination_id:
            return destination
    raise InvalidEntry("destination-unknown")


def _replace(entry: JobcenterEntry, now: datetime, new: Destination) -> JobcenterEntry:
    return change(entry, now, destinations=tuple(new if old.id == new.id else old for old in entry.destinations))


def _retire(key: DestinationKey) -> DestinationKey:
    return key.model_copy(update={"state": KeyState.ACCEPT}) if key.state is KeyState.ACTIVE else key


def _use_of(destination: Destination, kid: str) -> KeyUse:
    return next(key.use for key in destination.keys if key.kid == kid)


def _next_state(old: KeyState, new: KeyState) -> KeyState:
    if old is KeyState.REVOKED and new is not KeyState.REVOKED:
        raise InvalidEntry("key-revoked")
    return new
