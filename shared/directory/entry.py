"""What an entry must be beyond form and signature; checked by whoever signs one and by whoever reads one. Pure."""

from __future__ import annotations

from shared.contracts.directory import Destination, JobcenterEntry, KeyState, KeyUse
from shared.contracts.manifest import CLEARING
from shared.errors import AntragsweicheError, InvalidSignature
from shared.sealing.jwk import Alg, load_public, thumbprint

_ALGORITHM = {KeyUse.ENCRYPT: Alg.SEAL, KeyUse.VERIFY: Alg.PS512}


class InvalidEntry(AntragsweicheError):
    """A directory entry contradicts itself. The message is a code."""


def check_entry(entry: JobcenterEntry) -> None:
    """Raise `InvalidEntry` unless the entry can be used.

    - At most one destination without municipality keys; no municipality in two destinations; ids are not repeated, and
      none is the reserved `clearing`.
    - Each key is a public RSA 4096 key of its use, its `kid` the recomputed thumbprint; no key stands twice, so none
      both seals and signs.
    - At most one key to seal with is active in a destination.
    """
    ids = [destination.id for destination in entry.destinations]
    if len(set(ids)) != len(ids) or CLEARING in ids:
        raise InvalidEntry("destination-id")
    if sum(not destination.municipality_keys for destination in entry.destinations) > 1:
        raise InvalidEntry("two-default-destinations")
    municipalities = [key for destination in entry.destinations for key in destination.municipality_keys]
    if len(set(municipalities)) != len(municipalities):
        raise InvalidEntry("municipality-twice")
    kids = [key.kid for destination in entry.destinations for key in destination.keys]
    if len(set(kids)) != len(kids):
        raise InvalidEntry("key-twice")
    for destination in entry.destinations:
        _check_keys(destination)


def _check_keys(destination: Destination) -> None:
    for key in destination.keys:
        try:
            load_public(key.jwk, alg=_ALGORITHM[key.use])
        except InvalidSignature as error:
            raise InvalidEntry(str(error)) from None
        if thumbprint(key.jwk) != key.kid:
            raise InvalidEntry("key-id")
    active = [key for key in destination.keys if key.use is KeyUse.ENCRYPT and key.state is KeyState.ACTIVE]
    if len(active) > 1:
        raise InvalidEntry("two-active-keys")
