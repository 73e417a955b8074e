"""The manifest's `content` claim: binds the receipt to what was sent, without telling anyone what that was.

HMAC-SHA-256 under the receipt secret, which the sender alone gets: who has the secret and the plaintext can prove what
was sent; who has only the manifest cannot even guess and compare.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from shared.contracts.canonical import canonical_json
from shared.sealing.jwk import b64u

SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class SentDocument:
    """A document as the sender sent it; `sha512` of the plaintext in lower-case hex."""

    id: str
    sha512: str
    filename: str
    purpose: str
    media_type: str


def content_plaintext(data_sha512: str, documents: Iterable[SentDocument]) -> bytes:
    """The canonical JSON that stands for the whole content; `data_sha512` of the data part's plaintext, hex."""
    return canonical_json({"data": data_sha512, "attachments": [asdict(document) for document in documents]})


def content_claim(secret: bytes, plaintext: bytes) -> str:
    """`b64u(HMAC-SHA-256(secret, SHA-512(plaintext)))`; the secret is 32 random bytes."""
    if len(secret) != SECRET_BYTES:
        raise ValueError("a receipt secret has 32 bytes")
    return b64u(hmac.digest(secret, hashlib.sha512(plaintext).digest(), "sha256"))
