"""What an entry must be beyond form, keys and signature, which the anchor checks. Pure.

Checked by whoever signs an entry (`cli.directory`) and by whoever reads one (`shared.directory.snapshot`).
"""

from __future__ import annotations

from shared.contracts.directory import JobcenterEntry, KeyState, KeyUse
from shared.contracts.manifest import CLEARING
from shared.errors import AntragsweicheError


class InvalidEntry(AntragsweicheError):
    """A directory entry contradicts itself. The message is a code."""


def check_entry(entry: JobcenterEntry) -> None:
    """Raise `InvalidEntry` unless every question that the entry must answer has exactly one answer.

    - `destination-id`: destination ids are not repeated, and none is the reserved `clearing`;
    - `two-default-destinations`: at most one destination names no municipality;
    - `municipality-twice`: no municipality belongs to two destinations;
    - `two-active-keys`: at most one key of a destination seals.
    """
    ids = [destination.id for destination in entry.destinations]
    if len(set(ids)) != len(ids) or CLEARING in ids:
        raise InvalidEntry("destination-id")
    if sum(not destination.municipality_keys for destination in entry.destinations) > 1:
        raise InvalidEntry("two-default-destinations")
    municipalities = [key for destination in entry.destinations for key in destination.municipality_keys]
    if len(set(municipalities)) != len(municipalities):
        raise InvalidEntry("municipality-twice")
    for destination in entry.destinations:
        seals = [key for key in destination.keys if key.use is KeyUse.ENCRYPT and key.state is KeyState.ACTIVE]
        if len(seals) > 1:
            raise InvalidEntry("two-active-keys")
