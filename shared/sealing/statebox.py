"""What intake keeps between requests, sealed with a key that only intake's replicas have (AES-256-GCM).

    0x01 | length of kid | kid | iv (12 bytes) | ciphertext and tag

The associated data is everything before the IV and the context, so that a sealed object moved to another place does
not open there. IVs are random: one key is good for 2^32 objects (NIST SP 800-38D); rotate by adding a key, making it
`active` and keeping the old one as long as objects sealed with it exist.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.contracts.canonical import strict_json
from shared.errors import CannotOpen, Misconfigured
from shared.sealing.jwk import b64u, unb64u

_VERSION: Final = b"\x01"
_IV: Final = 12
_TAG: Final = 16


class StateBox:
    """Seals and opens with a set of keys, each 32 bytes; `active` is the kid of the one that seals.

    The context names the place (for example the object's key in the store): opening needs the same one.
    """

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        if active not in keys:
            raise Misconfigured("the active state key is not among the keys")
        if not all(len(key) == 32 and 0 < len(kid.encode()) < 256 for kid, key in keys.items()):
            raise Misconfigured("state keys are 32 bytes with a kid of 1 to 255 bytes")
        self._keys = {kid: AESGCM(key) for kid, key in keys.items()}
        self._active = active

    @classmethod
    def from_file(cls, path: Path) -> StateBox:
        """From `{"active": kid, "keys": {kid: base64url}}`. Raises `Misconfigured`."""
        try:
            document = strict_json(path.read_bytes())
            if not isinstance(document, dict):
                raise TypeError("not an object")  # noqa: TRY301 - one refusal for every error of form
            keys = {str(kid): unb64u(key) for kid, key in document["keys"].items()}
            active = str(document["active"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Misconfigured(f"no readable state keys in {path}") from None
        return cls(keys, active)

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """The sealed object; 29 bytes and the kid longer than the plaintext."""
        kid = self._active.encode()
        head = _VERSION + bytes([len(kid)]) + kid
        iv = os.urandom(_IV)
        return head + iv + self._keys[self._active].encrypt(iv, plaintext, head + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plaintext. Raises `CannotOpen` for another context, an unknown key or a changed byte."""
        if len(sealed) < 2 or sealed[:1] != _VERSION:
            raise CannotOpen("state-form")
        body = 2 + sealed[1]
        head, iv, ciphertext = sealed[:body], sealed[body : body + _IV], sealed[body + _IV :]
        key = self._keys.get(head[2:].decode("utf-8", "replace"))
        if key is None:
            raise CannotOpen("state-kid")
        if len(iv) != _IV or len(ciphertext) < _TAG:
            raise CannotOpen("state-form")
        try:
            return key.decrypt(iv, ciphertext, head + context.encode())
        except InvalidTag:
            raise CannotOpen("state-unopenable") from None


def generate_state_keys() -> dict[str, Any]:
    """A new key file's content with one key."""
    kid = b64u(os.urandom(6))
    return {"active": kid, "keys": {kid: b64u(os.urandom(32))}}
