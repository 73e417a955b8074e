"""What a citizen's cookie opens. Pure.

The cookie holds 128 random bits and nothing else holds them. Everything is derived from it (HKDF-SHA-256, RFC 5869):
the draft's id in the store, the key that seals its answers and files, the token against forged requests, the
Idempotency-Key towards intake, and the secret of the *case*: what stays after the draft is erased (see `records`).
No id stands in any address, and who holds the store without the cookie can open nothing.

    sealed object   iv (12 bytes) | ciphertext and tag            A256GCM, associated data = the context

The context names draft, object and revision: a sealed object moved to another place does not open there.
IVs are random, each draft has a key of its own: nowhere near the 2^32 objects that one key is good for.
"""

from __future__ import annotations

import hmac
import os
import secrets
from base64 import b32decode, b32encode
from binascii import Error as NotBase
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import CannotOpen
from shared.sealing.jwk import b64u, unb64u

SECRET_BYTES: Final = 16
_IV: Final = 12
_SALT: Final = b"antragsweiche portal v1"


@dataclass(frozen=True)
class Vault:
    """Everything that follows from one secret of 16 bytes. Never printed, compared or logged."""

    secret: bytes = field(repr=False)
    draft_id: str
    _box: AESGCM = field(repr=False, compare=False)

    @classmethod
    def of(cls, secret: bytes) -> Vault:
        if len(secret) != SECRET_BYTES:
            raise CannotOpen("cookie-form")
        return cls(secret, _derive(secret, b"id", 16).hex(), AESGCM(_derive(secret, b"key", 32)))

    @classmethod
    def new(cls) -> Vault:
        return cls.of(secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def from_cookie(cls, text: str) -> Vault | None:
        """None for whatever this portal did not write."""
        try:
            secret = unb64u(text)
        except ValueError:
            return None
        return cls.of(secret) if len(secret) == SECRET_BYTES else None

    def cookie(self) -> str:
        return b64u(self.secret)

    # -- sealing ----------------------------------------------------------------------------------------------------

    def seal(self, plaintext: bytes, context: str) -> bytes:
        iv = os.urandom(_IV)
        return iv + self._box.encrypt(iv, plaintext, self._context(context))

    def open(self, sealed: bytes, context: str) -> bytes:
        """Raises `CannotOpen` for another key, another context or a changed byte."""
        try:
            return self._box.decrypt(sealed[:_IV], sealed[_IV:], self._context(context))
        except (InvalidTag, ValueError):
            raise CannotOpen("draft-unopenable") from None

    def _context(self, context: str) -> bytes:
        return f"{self.draft_id}/{context}".encode()

    # -- derived ----------------------------------------------------------------------------------------------------

    def form_token(self) -> str:
        """Stands in every form; who can make a browser send the cookie still cannot read it."""
        return b64u(_derive(self.secret, b"form", 16))

    def is_form_token(self, text: str) -> bool:
        return hmac.compare_digest(self.form_token().encode(), text.encode())

    def idempotency_key(self, purpose: str, attempt: int) -> str:
        return b64u(_derive(self.secret, f"idempotency {purpose} {attempt}".encode(), 24))

    def case(self) -> Vault:
        """Of the case that follows when this draft is sent. The draft cannot be computed back from it."""
        return Vault.of(_derive(self.secret, b"case", SECRET_BYTES))

    def code(self) -> str:
        """The secret for eyes and paper: 26 letters and digits (RFC 4648 base32) in groups."""
        text = b32encode(self.secret).decode().rstrip("=")
        return "-".join(text[start : start + 5] for start in range(0, len(text), 5))

    @classmethod
    def from_code(cls, text: str) -> Vault | None:
        """Blanks, hyphens and case do not matter; 0, 1 and 8 are read as O, I and B (they are in no code)."""
        plain = "".join(character for character in text.upper() if character.isalnum())
        plain = plain.translate(str.maketrans("018", "OIB"))
        try:
            secret = b32decode(plain + "=" * (-len(plain) % 8))
        except (NotBase, ValueError):
            return None
        return cls.of(secret) if len(secret) == SECRET_BYTES else None


def _derive(secret: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=purpose).derive(secret)
