"""Keys inside signed entries: each must be what its record says, and none may serve two purposes."""

from __future__ import annotations

from typing import Final

from shared.contracts.directory import (
    Destination,
    DestinationKey,
    JobcenterEntry,
    KeyState,
    KeyUse,
    PlatformEntry,
    PlatformKey,
    PlatformKeyUse,
)
from shared.errors import InvalidSignature
from shared.sealing.jwk import Alg, PublicKey, load_public, thumbprint

_DESTINATION_ALG: Final = {KeyUse.ENCRYPT: Alg.SEAL, KeyUse.VERIFY: Alg.PS512}
_PLATFORM_ALG: Final = {
    PlatformKeyUse.RECEIPT: Alg.ES256,
    PlatformKeyUse.PUSH: Alg.ES256,
    PlatformKeyUse.TRANSIT: Alg.SEAL,
}


def load_destination_key(record: DestinationKey) -> PublicKey:
    """The public key of a record. Raises `InvalidSignature` unless `kid` and kind of key are the record's."""
    if thumbprint(record.jwk) != record.kid:
        raise InvalidSignature("key-id")
    return load_public(record.jwk, alg=_DESTINATION_ALG[record.use])


def load_platform_key(record: PlatformKey) -> PublicKey:
    """Like `load_destination_key`, for the platform's own keys."""
    if thumbprint(record.jwk) != record.kid:
        raise InvalidSignature("key-id")
    return load_public(record.jwk, alg=_PLATFORM_ALG[record.use])


def answer_key(destination: Destination, kid: str) -> PublicKey | None:
    """The key that may sign answers of this destination under `kid`; None when there is none that is not revoked."""
    for record in destination.keys:
        if record.kid == kid and record.use is KeyUse.VERIFY and record.state is not KeyState.REVOKED:
            return load_destination_key(record)
    return None


def check_jobcenter_keys(entry: JobcenterEntry) -> None:
    """Raises `InvalidSignature` when an entry's keys are not what they are said to be."""
    for destination in entry.destinations:
        for record in destination.keys:
            load_destination_key(record)
        _distinct([record.kid for record in destination.keys])


def check_platform_keys(entry: PlatformEntry) -> None:
    """Raises `InvalidSignature` when the platform's keys are not what they are said to be."""
    for record in entry.keys:
        load_platform_key(record)
    _distinct([record.kid for record in entry.keys])


def _distinct(kids: list[str]) -> None:
    if len(set(kids)) != len(kids):
        raise InvalidSignature("key-twice")
