"""Compact JWS (RFC 7515), strict: algorithm and `typ` pinned by the caller, `kid` resolved by the caller.

Header members are exactly `alg`, `kid`, `typ`. ES256 for what the platform signs, PS512 (salt of 64 bytes, RFC 7518
section 3.5) for a Jobcenter's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from shared.contracts.canonical import canonical_json
from shared.errors import InvalidSignature
from shared.sealing.header import read_header
from shared.sealing.jwk import RSA_BYTES, PrivateKey, PublicKey, b64u, b64u_bytes, unb64u

MAX_TOKEN_BYTES: Final = 1_048_576
_MEMBERS: Final = frozenset({"alg", "kid", "typ"})
_ES256: Final = ec.ECDSA(SHA256())
_PS512: Final = padding.PSS(mgf=padding.MGF1(SHA512()), salt_length=64)


@dataclass(frozen=True)
class Verified:
    """A payload whose signature by `kid` is good."""

    payload: bytes
    kid: str


def sign(payload: bytes, *, key: PrivateKey, kid: str, alg: str, typ: str) -> str:
    """The compact JWS of `payload`. Raises `ValueError` when key and algorithm do not fit."""
    signed = _signers_header(alg, kid, typ) + b"." + b64u_bytes(payload)
    return f"{signed.decode('ascii')}.{b64u(_signature(signed, key, alg))}"


def verify(token: str | bytes, *, key_for: Callable[[str], PublicKey | None], alg: str, typ: str) -> Verified:
    """Check a compact JWS and return its payload.

    `key_for` returns the key that may have signed, or None for an unknown or revoked `kid`.
    Raises `InvalidSignature` with one of `jws-form`, `jws-header`, `jws-alg`, `jws-typ`, `jws-kid`, `jws-signature`.
    """
    try:
        raw = token.encode("ascii") if isinstance(token, str) else bytes(token)
        if len(raw) > MAX_TOKEN_BYTES:
            raise ValueError("size")  # noqa: TRY301 - one code for every error of form
        head, body, seal = raw.split(b".")
        payload, signature = unb64u(body), unb64u(seal)
    except ValueError:
        raise InvalidSignature("jws-form") from None
    try:
        header = _header(head)
    except ValueError:
        raise InvalidSignature("jws-header") from None
    if header["alg"] != alg:
        raise InvalidSignature("jws-alg")
    if header["typ"] != typ:
        raise InvalidSignature("jws-typ")
    key = key_for(header["kid"])
    if key is None:
        raise InvalidSignature("jws-kid")
    _check(raw[: len(raw) - len(seal) - 1], signature, key, alg)
    return Verified(payload, header["kid"])


@lru_cache(maxsize=64)
def _signers_header(alg: str, kid: str, typ: str) -> bytes:
    return b64u_bytes(canonical_json({"alg": alg, "kid": kid, "typ": typ}))


@lru_cache(maxsize=64)
def _header(segment: bytes) -> Mapping[str, str]:
    """A signer writes the same header each time; the few that are in use need not be read again and again."""
    return MappingProxyType(read_header(segment, _MEMBERS))


def _signature(signed: bytes, key: PrivateKey, alg: str) -> bytes:
    if alg == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(signed, _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if alg == "PS512" and isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, _PS512, SHA512())
    raise ValueError("key and algorithm do not fit")


def _check(signed: bytes, signature: bytes, key: PublicKey, alg: str) -> None:
    try:
        if alg == "ES256" and isinstance(key, ec.EllipticCurvePublicKey) and len(signature) == 64:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(encode_dss_signature(r, s), signed, _ES256)
            return
        if alg == "PS512" and isinstance(key, rsa.RSAPublicKey) and len(signature) == RSA_BYTES:
            key.verify(signature, signed, _PS512, SHA512())
            return
    except WrongSignature:
        pass  # falls through to the one refusal below
    raise InvalidSignature("jws-signature")
