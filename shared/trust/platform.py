"""The platform's own key set, as the directory's signed `_platform` entry gives it."""

from __future__ import annotations

from typing import Any, Final

from shared.contracts.directory import KeyState, PlatformEntry, PlatformKeyUse
from shared.errors import Misconfigured
from shared.sealing.jwe import Recipient
from shared.sealing.jwk import PublicKey, public_jwk
from shared.trust.keys import check_platform_keys, load_platform_key

_TRUSTED: Final = frozenset({KeyState.ACTIVE, KeyState.ACCEPT})


class PlatformKeys:
    """Loaded once for each version of the entry; lookups cost nothing.

    Keys in state `accept` still verify what they signed; `revoked` ones do nothing any more.
    """

    def __init__(self, entry: PlatformEntry) -> None:
        """Raises `InvalidSignature` when a key is not what the entry says."""
        check_platform_keys(entry)
        self.entry: Final = entry
        self.version: Final = entry.version
        self._keys: dict[tuple[PlatformKeyUse, str], PublicKey] = {
            (record.use, record.kid): load_platform_key(record) for record in entry.keys if record.state in _TRUSTED
        }

    def receipt_key_for(self, kid: str) -> PublicKey | None:
        """The key that verifies manifests under `kid`, old ones included; None for an unknown or revoked one."""
        return self._keys.get((PlatformKeyUse.RECEIPT, kid))

    def push_key_for(self, kid: str) -> PublicKey | None:
        """The key that verifies pushes under `kid`."""
        return self._keys.get((PlatformKeyUse.PUSH, kid))

    def transit(self) -> Recipient:
        """The active transit key. Raises `Misconfigured` when the key set has none."""
        kid = self._active(PlatformKeyUse.TRANSIT)
        return next(Recipient.from_jwk(record.jwk) for record in self.entry.keys if record.kid == kid)

    def is_transit(self, kid: str) -> bool:
        """Whether `kid` is a transit key, active or old."""
        return (PlatformKeyUse.TRANSIT, kid) in self._keys

    @property
    def receipt_kid(self) -> str:
        """The active receipt key's. Raises `Misconfigured` when there is none."""
        return self._active(PlatformKeyUse.RECEIPT)

    @property
    def push_kid(self) -> str:
        """The active push key's. Raises `Misconfigured` when there is none."""
        return self._active(PlatformKeyUse.PUSH)

    def receipt_jwks(self) -> dict[str, Any]:
        """A JWK set (RFC 7517) of all receipt keys that still verify, the active one first."""
        records = [
            record for record in self.entry.keys if record.use is PlatformKeyUse.RECEIPT and record.state in _TRUSTED
        ]
        records.sort(key=lambda record: record.state is not KeyState.ACTIVE)
        return {"keys": [{**public_jwk(record.jwk), "alg": "ES256", "key_ops": ["verify"]} for record in records]}

    def _active(self, use: PlatformKeyUse) -> str:
        for record in self.entry.keys:
            if record.use is use and record.state is KeyState.ACTIVE:
                return record.kid
        raise Misconfigured(f"the platform's key set has no active {use} key")
