"""Parts: compact JWE (RFC 7516), RSA-OAEP-256 with RSA 4096 and A256GCM, sealed and opened in constant memory.

    BASE64URL(header) . BASE64URL(encrypted key) . BASE64URL(iv) . BASE64URL(ciphertext) . BASE64URL(tag)

Sealing: `begin()`, `update()` any number of times with chunks of any size, `finish()`; the bytes they return, in order,
are the JWE; afterwards `result` describes it. Opening: `update()` with chunks of any size, then `finish()`. What an
opener's `update()` returns is UNAUTHENTICATED until `finish()` has returned: keep it where nobody acts on it.

Both hold one chunk at a time, nothing more. The opener takes exactly this profile: five segments, header of at most
4 KiB with exactly `alg`, `cty`, `enc`, `kid`, an encrypted key of 512 bytes, an IV of 96 bits, a tag of 128 bits,
canonical base64url. Algorithms are pinned, never taken from the header.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256

from shared.contracts.canonical import canonical_json
from shared.errors import CannotOpen
from shared.sealing.header import MAX_HEADER_BYTES, read_header
from shared.sealing.jwk import (
    RSA_BYTES,
    Alg,
    b64u,
    b64u_bytes,
    decode_groups,
    load_private_rsa,
    load_public_rsa,
    thumbprint,
    unb64u,
)

KeyFor = Callable[[str], rsa.RSAPrivateKey | None]

ENC: Final = "A256GCM"
CONTENT_KEY_BYTES: Final = 32
IV_BYTES: Final = 12
TAG_BYTES: Final = 16
_MEMBERS: Final = frozenset({"alg", "cty", "enc", "kid"})
_OAEP: Final = padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=None)


def _b64_length(size: int) -> int:
    return (size * 4 + 2) // 3


_MAX_PREFIX: Final = _b64_length(MAX_HEADER_BYTES) + _b64_length(RSA_BYTES) + _b64_length(IV_BYTES) + 3
_TAG_CHARS: Final = _b64_length(TAG_BYTES)


@dataclass(frozen=True)
class Recipient:
    """A public key that parts are sealed for."""

    kid: str
    key: rsa.RSAPublicKey

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Recipient:
        """From a public JWK. Raises `InvalidSignature` unless it is RSA 4096 for RSA-OAEP-256."""
        return cls(thumbprint(jwk), load_public_rsa(jwk, alg=Alg.SEAL))


@dataclass(frozen=True)
class Sealed:
    """What is known of a part once it is sealed. Sizes in bytes."""

    kid: str
    size: int
    sha256: str
    """Of the exact bytes of the JWE, base64url."""
    tag: str
    """The JWE's fifth segment."""
    lock: str | None
    """`<transit kid>.<base64url of the content key under the transit key>`; None without one."""
    plaintext_size: int
    plaintext_sha512: str
    """Hex, lower case."""


@dataclass(frozen=True)
class PartHeader:
    """What an opener reads from the header."""

    kid: str
    cty: str


def sealed_size(recipient: Recipient, cty: str, plaintext_size: int) -> int:
    """The exact number of bytes of the JWE that sealing `plaintext_size` bytes gives."""
    fixed = (len(_header(recipient.kid, cty)), RSA_BYTES, IV_BYTES, plaintext_size, TAG_BYTES)
    return sum(map(_b64_length, fixed)) + 4


class PartSealer:
    """Seals one part: `begin`, `update`…, `finish`, then `result`.

    With `lock` the content key is also sealed for that recipient (the transit key), unless it is the recipient itself.
    """

    def __init__(self, recipient: Recipient, *, cty: str, lock: Recipient | None = None) -> None:
        self._recipient = recipient
        content_key, iv = os.urandom(CONTENT_KEY_BYTES), os.urandom(IV_BYTES)
        header = b64u_bytes(_header(recipient.kid, cty))
        self._prefix = b".".join((header, wrap(recipient, content_key).encode("ascii"), b64u_bytes(iv), b""))
        self._lock = None
        if lock is not None and lock.kid != recipient.kid:
            self._lock = f"{lock.kid}.{wrap(lock, content_key)}"
        self._encryptor = Cipher(algorithms.AES256(content_key), modes.GCM(iv)).encryptor()
        self._encryptor.authenticate_additional_data(header)
        self._sha256, self._sha512 = hashlib.sha256(), hashlib.sha512()
        self._size = self._plaintext_size = 0
        self._rest = b""
        self._begun = False
        self._result: Sealed | None = None

    def begin(self) -> bytes:
        """The first three segments. Once, before everything else."""
        if self._begun:
            raise RuntimeError("begun twice")
        self._begun = True
        return self._out(self._prefix)

    def update(self, plaintext: bytes) -> bytes:
        """The next bytes of the JWE; may be empty for chunks of one or two bytes."""
        if not self._begun or self._result is not None:
            raise RuntimeError("update outside of begin and finish")
        self._sha512.update(plaintext)
        self._plaintext_size += len(plaintext)
        ciphertext = self._encryptor.update(plaintext)
        if self._rest:
            ciphertext = self._rest + ciphertext
        # base64 has no padding inside: only whole groups of three bytes leave, the rest waits for the next chunk.
        whole = len(ciphertext) // 3 * 3
        self._rest = ciphertext[whole:]
        return self._out(b64u_bytes(memoryview(ciphertext)[:whole]))

    def finish(self) -> bytes:
        """The last bytes: what was left over, and the tag."""
        if not self._begun or self._result is not None:
            raise RuntimeError("finish outside of begin")
        self._encryptor.finalize()
        tag = b64u(self._encryptor.tag)
        last = self._out(b64u_bytes(self._rest) + b"." + tag.encode("ascii"))
        self._result = Sealed(
            kid=self._recipient.kid,
            size=self._size,
            sha256=b64u(self._sha256.digest()),
            tag=tag,
            lock=self._lock,
            plaintext_size=self._plaintext_size,
            plaintext_sha512=self._sha512.hexdigest(),
        )
        return last

    @property
    def result(self) -> Sealed:
        """Only after `finish`."""
        if self._result is None:
            raise RuntimeError("not finished")
        return self._result

    def _out(self, data: bytes) -> bytes:
        self._sha256.update(data)
        self._size += len(data)
        return data


def seal(plaintext: bytes, recipient: Recipient, cty: str, lock: Recipient | None = None) -> tuple[bytes, Sealed]:
    """Seal what is small enough to be in memory: the JWE and its description."""
    sealer = PartSealer(recipient, cty=cty, lock=lock)
    jwe = sealer.begin() + sealer.update(plaintext) + sealer.finish()
    return jwe, sealer.result


class PartOpener:
    """Opens one part: `update`…, `finish`. Every refusal is `CannotOpen` with a code; which one is no one's oracle:
    a wrong key, a changed key and a changed text all end in `part-unopenable` at `finish`.

    `key_for` returns the private key of a `kid`, or None. With `content_key` (from `unlock`) the part is opened without
    the recipient's key.
    """

    def __init__(self, key_for: KeyFor | None = None, *, content_key: bytes | None = None) -> None:
        if (key_for is None) == (content_key is None):
            raise ValueError("either key_for or content_key")
        self._key_for, self._content_key = key_for, content_key
        self._prefix = b""
        self._decryptor: AEADDecryptionContext | None = None
        self._header: PartHeader | None = None
        self._rest = b""
        self._tag: bytes | None = None
        self._sha256, self._sha512 = hashlib.sha256(), hashlib.sha512()
        self._size = self._plaintext_size = 0
        self._finished = False

    def update(self, chunk: bytes) -> bytes:
        """The next bytes of the plaintext, UNAUTHENTICATED until `finish`. Raises `CannotOpen`, for good."""
        if self._finished:
            raise RuntimeError("update after finish or refusal")
        self._sha256.update(chunk)
        self._size += len(chunk)
        try:
            return self._take(chunk)
        except CannotOpen:
            self._finished = True  # else what follows could pass for a part of its own
            raise

    def finish(self) -> None:
        """Verify the tag. Only when this returns was the plaintext genuine. Raises `CannotOpen`."""
        if self._finished:
            raise RuntimeError("finish after finish or refusal")
        self._finished = True
        if self._decryptor is None or self._tag is None:
            raise CannotOpen("part-form")
        try:
            tag = unb64u(self._tag)
        except ValueError:
            raise CannotOpen("part-form") from None
        if len(tag) != TAG_BYTES:
            raise CannotOpen("part-form")
        try:
            self._decryptor.finalize_with_tag(tag)
        except InvalidTag:
            raise CannotOpen("part-unopenable") from None

    @property
    def header(self) -> PartHeader:
        """`kid` and `cty`, once the first bytes of the ciphertext have come."""
        if self._header is None:
            raise CannotOpen("part-form")
        return self._header

    @property
    def size(self) -> int:
        """Bytes of the JWE so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """Of the JWE's bytes so far, base64url."""
        return b64u(self._sha256.digest())

    @property
    def tag(self) -> str:
        """The fifth segment, as far as it has come."""
        return (self._tag or b"").decode("ascii", "replace")

    @property
    def plaintext_size(self) -> int:
        return self._plaintext_size

    @property
    def plaintext_sha512(self) -> str:
        """Of the plaintext so far, hex."""
        return self._sha512.hexdigest()

    def _take(self, chunk: bytes) -> bytes:
        if self._decryptor is None:
            chunk = self._take_prefix(chunk)
            if self._decryptor is None:
                return b""
        if self._tag is not None:
            self._take_tag(chunk)
            return b""
        end = chunk.find(b".")
        if end < 0:
            return self._decrypt(chunk, last=False)
        plaintext = self._decrypt(chunk[:end], last=True)
        self._tag = b""
        self._take_tag(chunk[end + 1 :])
        return plaintext

    def _take_prefix(self, chunk: bytes) -> bytes:
        """Collect the first three segments; returns what follows them."""
        self._prefix += chunk[: _MAX_PREFIX + 1]
        segments = self._prefix.split(b".", 3)
        if len(segments) < 4:
            if len(self._prefix) > _MAX_PREFIX:
                raise CannotOpen("part-form")
            return b""
        taken = len(self._prefix) - len(segments[3])
        if taken > _MAX_PREFIX:
            raise CannotOpen("part-form")
        before = len(self._prefix) - len(chunk[: _MAX_PREFIX + 1])
        self._prefix = b""
        self._start(*segments[:3])
        return chunk[taken - before :]

    def _start(self, head: bytes, wrapped: bytes, nonce: bytes) -> None:
        try:
            header = read_header(head, _MEMBERS)
            encrypted_key, iv = unb64u(wrapped), unb64u(nonce)
        except ValueError:
            raise CannotOpen("part-form") from None
        if header["alg"] != Alg.SEAL or header["enc"] != ENC:
            raise CannotOpen("part-form")
        if len(encrypted_key) != RSA_BYTES or len(iv) != IV_BYTES:
            raise CannotOpen("part-form")
        content_key = self._content_key
        if content_key is None and self._key_for is not None:
            key = self._key_for(header["kid"])
            if key is None:
                raise CannotOpen("part-kid")
            content_key = _unwrap(key, encrypted_key)
        assert content_key is not None
        self._header = PartHeader(header["kid"], header["cty"])
        self._decryptor = Cipher(algorithms.AES256(content_key), modes.GCM(iv)).decryptor()
        self._decryptor.authenticate_additional_data(head)

    def _decrypt(self, chunk: bytes, *, last: bool) -> bytes:
        assert self._decryptor is not None
        if self._rest:
            chunk = self._rest + chunk
        whole = len(chunk) // 4 * 4
        self._rest = chunk[whole:]
        try:
            ciphertext = decode_groups(chunk if not self._rest else chunk[:whole])
            if last and self._rest:
                ciphertext += unb64u(self._rest)
        except ValueError:
            raise CannotOpen("part-form") from None
        plaintext = self._decryptor.update(ciphertext)
        self._sha512.update(plaintext)
        self._plaintext_size += len(plaintext)
        return plaintext

    def _take_tag(self, chunk: bytes) -> None:
        assert self._tag is not None
        self._tag += chunk[: _TAG_CHARS + 1]
        if len(self._tag) > _TAG_CHARS:
            raise CannotOpen("part-form")


def open_part(jwe: bytes, key_for: KeyFor) -> tuple[bytes, PartHeader]:
    """Open what is small enough to be in memory. Raises `CannotOpen`."""
    return _open(PartOpener(key_for), jwe)


def open_part_by_lock(jwe: bytes, lock: str, key_for: KeyFor) -> tuple[bytes, PartHeader]:
    """Open a part by its transit lock: clearing's way into what is sealed for a Jobcenter. Raises `CannotOpen`."""
    return _open(PartOpener(content_key=unlock(lock, key_for)), jwe)


def wrap(recipient: Recipient, content_key: bytes) -> str:
    """A content key sealed for a recipient: RSA-OAEP-256, base64url."""
    return b64u(recipient.key.encrypt(content_key, _OAEP))


def unlock(lock: str, key_for: KeyFor) -> bytes:
    """The content key (32 bytes) in a transit lock. Raises `CannotOpen`.

    Check the part's hash against the manifest before opening with it: a lock says nothing about which part it is for.
    """
    kid, dot, wrapped = lock.partition(".")
    key = key_for(kid) if dot else None
    if key is None:
        raise CannotOpen("part-kid")
    try:
        encrypted_key = unb64u(wrapped)
    except ValueError:
        raise CannotOpen("part-form") from None
    if len(encrypted_key) != RSA_BYTES:
        raise CannotOpen("part-form")
    return _unwrap(key, encrypted_key)


def key_ring(*jwks: Mapping[str, Any]) -> KeyFor:
    """`key_for` over private sealing keys given as JWK. Raises `InvalidSignature` for a key of another kind."""
    keys = {thumbprint(jwk): load_private_rsa(jwk, alg=Alg.SEAL) for jwk in jwks}
    return keys.get


def _open(opener: PartOpener, jwe: bytes) -> tuple[bytes, PartHeader]:
    plaintext = opener.update(jwe)
    opener.finish()
    return plaintext, opener.header


@lru_cache(maxsize=1024)
def _header(kid: str, cty: str) -> bytes:
    return canonical_json({"alg": Alg.SEAL.value, "cty": cty, "enc": ENC, "kid": kid})


def _unwrap(key: rsa.RSAPrivateKey, encrypted_key: bytes) -> bytes:
    """The content key, or a random one: RFC 7516, section 11.5 wants no difference to be seen before the tag."""
    substitute = os.urandom(CONTENT_KEY_BYTES)
    try:
        content_key = key.decrypt(encrypted_key, _OAEP)
    except ValueError:
        return substitute
    return content_key if len(content_key) == CONTENT_KEY_BYTES else substitute
