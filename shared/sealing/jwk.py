"""Keys as JWK (RFC 7517): RSA 4096 and P-256, nothing else. `kid` is always the RFC 7638 thumbprint.

    purpose                    kty  size   alg            public key_ops
    sealing (destination,      RSA  4096   RSA-OAEP-256   wrapKey
      transit)
    a Jobcenter's answers      RSA  4096   PS512          verify
    anchor, receipts           EC   P-256  ES256          verify
    pushes (RFC 9421)          EC   P-256  ES256          verify

A key serves exactly one purpose; `alg` in the JWK says which, and loading it for another one fails.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pybase64
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.contracts.canonical import canonical_json, strict_json
from shared.errors import InvalidSignature, Misconfigured

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

RSA_BITS = 4096
RSA_BYTES = RSA_BITS // 8
RSA_EXPONENT = 65537
COORDINATE_BYTES = 32

_FROM_URL = bytes(
    {ord("-"): ord("+"), ord("_"): ord("/")}.get(byte, byte if chr(byte).isalnum() and byte < 128 else 0)
    for byte in range(256)
)
"""Back to RFC 4648's first alphabet; everything foreign, padding included, becomes NUL, which decoding refuses."""


class Alg(StrEnum):
    """What a key is for."""

    SEAL = "RSA-OAEP-256"
    PS512 = "PS512"
    ES256 = "ES256"


_KTY = {Alg.SEAL: "RSA", Alg.PS512: "RSA", Alg.ES256: "EC"}
_PUBLIC_OPS = {Alg.SEAL: "wrapKey", Alg.PS512: "verify", Alg.ES256: "verify"}
_PRIVATE_OPS = {Alg.SEAL: "unwrapKey", Alg.PS512: "sign", Alg.ES256: "sign"}
_PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class NotBase64Url(InvalidSignature, ValueError):
    """Text that is not canonical base64url without padding."""


def b64u(data: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return b64u_bytes(data).decode("ascii")


def b64u_bytes(data: bytes | memoryview) -> bytes:
    """`b64u` as ASCII bytes."""
    return pybase64.urlsafe_b64encode(data).rstrip(b"=")


def unb64u(text: str | bytes) -> bytes:
    """The inverse of `b64u`, and of nothing else: padding, foreign characters and stray trailing bits are refused.

    Raises `NotBase64Url` (both an `InvalidSignature` and a `ValueError`).
    """
    try:
        raw = text.encode("ascii") if isinstance(text, str) else bytes(text)
        data = decode_groups(raw + b"A" * (-len(raw) % 4))
    except ValueError:
        raise NotBase64Url("base64url") from None
    data = data[: len(raw) * 3 // 4]
    if b64u_bytes(data) != raw:
        raise NotBase64Url("base64url")
    return data


def decode_groups(raw: bytes) -> bytes:
    """Decode whole groups of four base64url characters. Raises `ValueError` for anything else."""
    return pybase64.b64decode(raw.translate(_FROM_URL), validate=True)


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 thumbprint, SHA-256, base64url."""
    members = {name: jwk.get(name) for name in (*_PUBLIC_MEMBERS[_kty(jwk)], "kty")}
    return b64u(hashlib.sha256(canonical_json(members)).digest())


def generate_ec() -> dict[str, Any]:
    """A new private P-256 JWK for ES256, with `kid`."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    public = numbers.public_numbers
    return _finish(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": b64u(public.x.to_bytes(COORDINATE_BYTES, "big")),
            "y": b64u(public.y.to_bytes(COORDINATE_BYTES, "big")),
            "d": b64u(numbers.private_value.to_bytes(COORDINATE_BYTES, "big")),
        },
        Alg.ES256,
    )


def generate_rsa(bits: int = RSA_BITS, *, alg: Alg | str = Alg.SEAL) -> dict[str, Any]:
    """A new private RSA JWK with `kid`; for sealing unless `alg` is PS512. Takes about a second."""
    if _KTY[Alg(alg)] != "RSA":
        raise ValueError("not an algorithm for RSA")
    numbers = rsa.generate_private_key(public_exponent=RSA_EXPONENT, key_size=bits).private_numbers()
    values = {
        "n": numbers.public_numbers.n,
        "e": numbers.public_numbers.e,
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
    }
    return _finish({"kty": "RSA", **{name: _uint(value) for name, value in values.items()}}, Alg(alg))


def public_jwk(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """The public half of a JWK: key material, `kid` (recomputed), `alg` and `key_ops`; nothing else."""
    kty = _kty(jwk)
    public = {"kty": kty, **{name: jwk[name] for name in _PUBLIC_MEMBERS[kty]}, "kid": thumbprint(jwk)}
    alg = _alg(jwk)
    if alg is not None:
        public |= {"alg": alg.value, "key_ops": [_PUBLIC_OPS[alg]]}
    return public


def load_public(jwk: Mapping[str, Any], *, alg: Alg | str | None = None) -> PublicKey:
    """The public key of a public JWK; with `alg`, only if the key is made for that.

    Raises `InvalidSignature`: private members, another size, curve, exponent or purpose, or a `kid` that is not the
    thumbprint.
    """
    if _PRIVATE_MEMBERS & jwk.keys():
        raise InvalidSignature("key-not-public")
    _check(jwk, alg, _PUBLIC_OPS)
    try:
        return _public_numbers(jwk).public_key()
    except ValueError:
        raise InvalidSignature("key-invalid") from None


def load_private(jwk: Mapping[str, Any], *, alg: Alg | str | None = None) -> PrivateKey:
    """The private key of a private JWK, checked like `load_public`. Raises `InvalidSignature`."""
    _check(jwk, alg, _PRIVATE_OPS)
    public = _public_numbers(jwk)
    try:
        secret = {name: _int(jwk, name) for name in ("d", "p", "q", "dp", "dq", "qi") if name in jwk}
        if isinstance(public, ec.EllipticCurvePublicNumbers):
            return ec.EllipticCurvePrivateNumbers(secret["d"], public).private_key()
        return rsa.RSAPrivateNumbers(
            p=secret["p"],
            q=secret["q"],
            d=secret["d"],
            dmp1=secret["dp"],
            dmq1=secret["dq"],
            iqmp=secret["qi"],
            public_numbers=public,
        ).private_key()
    except (ValueError, KeyError):
        raise InvalidSignature("key-invalid") from None


def load_private_rsa(jwk: Mapping[str, Any], *, alg: Alg | str | None = None) -> rsa.RSAPrivateKey:
    """`load_private` for an RSA key."""
    key = load_private(jwk, alg=alg)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InvalidSignature("key-type")
    return key


def load_public_rsa(jwk: Mapping[str, Any], *, alg: Alg | str | None = None) -> rsa.RSAPublicKey:
    """`load_public` for an RSA key."""
    key = load_public(jwk, alg=alg)
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidSignature("key-type")
    return key


def load_private_ec(jwk: Mapping[str, Any]) -> ec.EllipticCurvePrivateKey:
    """`load_private` for a P-256 key."""
    key = load_private(jwk, alg=Alg.ES256)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidSignature("key-type")
    return key


def read_jwk(path: Path) -> dict[str, Any]:
    """One JWK from a file. Raises `Misconfigured` naming the file, never its content."""
    try:
        jwk = strict_json(path.read_bytes())
    except (OSError, ValueError):
        raise Misconfigured(f"no readable JWK in {path}") from None
    if not isinstance(jwk, dict):
        raise Misconfigured(f"no JWK in {path}")
    return jwk


def write_new(path: Path, document: Mapping[str, Any], *, mode: int = 0o600) -> None:
    """Write a JSON document to a file that must not exist yet, private from its first byte on, and fsync it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # the umask may have taken bits away that a public file needs
        file.write(json.dumps(document, indent=2).encode() + b"\n")
        file.flush()
        os.fsync(descriptor)


def _kty(jwk: Mapping[str, Any]) -> str:
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _PUBLIC_MEMBERS:
        raise InvalidSignature("key-type")
    return kty


def _alg(jwk: Mapping[str, Any]) -> Alg | None:
    if "alg" not in jwk:
        return None
    try:
        alg = Alg(jwk["alg"])
    except ValueError:
        raise InvalidSignature("key-alg") from None
    if _KTY[alg] != _kty(jwk):
        raise InvalidSignature("key-alg")
    return alg


def _check(jwk: Mapping[str, Any], wanted: Alg | str | None, ops: Mapping[Alg, str]) -> None:
    alg = _alg(jwk)
    if wanted is not None:
        if _KTY[Alg(wanted)] != _kty(jwk):
            raise InvalidSignature("key-type")
        if alg is not None and alg is not Alg(wanted):
            raise InvalidSignature("key-alg")
    purpose = alg if wanted is None else Alg(wanted)
    if "key_ops" in jwk and purpose is not None and jwk["key_ops"] != [ops[purpose]]:
        raise InvalidSignature("key-ops")
    if "kid" in jwk and jwk["kid"] != thumbprint(jwk):
        raise InvalidSignature("key-id")


def _public_numbers(jwk: Mapping[str, Any]) -> rsa.RSAPublicNumbers | ec.EllipticCurvePublicNumbers:
    if _kty(jwk) == "RSA":
        numbers = rsa.RSAPublicNumbers(_int(jwk, "e"), _int(jwk, "n"))
        if numbers.n.bit_length() != RSA_BITS or numbers.e != RSA_EXPONENT:
            raise InvalidSignature("key-size")
        return numbers
    if jwk.get("crv") != "P-256":
        raise InvalidSignature("key-curve")
    return ec.EllipticCurvePublicNumbers(_int(jwk, "x"), _int(jwk, "y"), ec.SECP256R1())


def _int(jwk: Mapping[str, Any], name: str) -> int:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise InvalidSignature("key-invalid")
    data = unb64u(text)
    # One number, one spelling: otherwise one key would have several thumbprints.
    if (jwk["kty"] == "EC" and len(data) != COORDINATE_BYTES) or (jwk["kty"] == "RSA" and data[:1] in (b"", b"\0")):
        raise InvalidSignature("key-invalid")
    return int.from_bytes(data, "big")


def _uint(value: int) -> str:
    return b64u(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _finish(jwk: dict[str, Any], alg: Alg) -> dict[str, Any]:
    return {**jwk, "kid": thumbprint(jwk), "alg": alg.value, "key_ops": [_PRIVATE_OPS[alg]]}
