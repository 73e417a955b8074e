from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto import jwk as oracle

from shared.errors import InvalidSignature, Misconfigured
from shared.sealing.jwk import (
    Alg,
    NotBase64Url,
    b64u,
    generate_ec,
    load_private,
    load_public,
    public_jwk,
    read_jwk,
    thumbprint,
    unb64u,
    write_new,
)
from tests import keys

ALL = ("directory", "receipt", "push", "transit", "a-encrypt", "a-verify", "b-encrypt", "b-verify")


@given(st.binary(max_size=200))
def test_base64url_round_trip_like_the_standard_library(data: bytes) -> None:
    assert b64u(data) == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert unb64u(b64u(data)) == data
    assert unb64u(b64u(data).encode()) == data


@given(st.text(max_size=12) | st.text("ABab09-_+/= \n", max_size=12))
def test_base64url_has_one_spelling(text: str) -> None:
    try:
        data = unb64u(text)
    except NotBase64Url:
        return
    assert b64u(data) == text


@pytest.mark.parametrize("text", ["A", "AB==", "AB", "+A", "/w", "AAA=", "AAAAA", "AA AA", "AAAA\n", "ÄA"])
def test_base64url_refuses_other_spellings(text: str) -> None:
    if text == "AB":  # stray bits: "AA" is the spelling of one zero byte
        assert unb64u("AA") == b"\0"
    with pytest.raises(InvalidSignature):
        unb64u(text)
    with pytest.raises(ValueError, match="base64url"):
        unb64u(text)


def test_thumbprint_of_rfc_7638() -> None:
    example = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
            "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
            "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
            "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert thumbprint(example) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("name", ALL)
def test_agrees_with_jwcrypto(name: str) -> None:
    private = keys.private_jwk(name)
    assert oracle.JWK(**private).thumbprint() == thumbprint(private) == private["kid"]
    theirs = oracle.JWK(**keys.public(name))
    assert not theirs.has_private
    assert theirs.thumbprint() == keys.kid(name)


@pytest.mark.parametrize("name", ALL)
def test_public_half_holds_no_secret_and_loads(name: str) -> None:
    public = keys.public(name)
    assert set(public) <= {"kty", "n", "e", "crv", "x", "y", "kid", "alg", "key_ops"}
    load_public(public)
    load_public(public, alg=public["alg"])


def test_generated_key_loads_for_its_purpose_only() -> None:
    private = generate_ec()
    load_private(private, alg=Alg.ES256)
    load_public(public_jwk(private), alg=Alg.ES256)
    with pytest.raises(InvalidSignature, match="key-type"):
        load_private(private, alg=Alg.PS512)


def _changed(name: str, **changes: Any) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        jwk = {**keys.public(name), **changes}
        return {member: value for member, value in jwk.items() if value is not None}

    return make


def _small_rsa() -> dict[str, Any]:
    from cryptography.hazmat.primitives.asymmetric import rsa

    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    return {"kty": "RSA", "n": b64u(numbers.n.to_bytes(128, "big")), "e": "AQAB"}


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: keys.private_jwk("receipt"), "key-not-public"),
        (lambda: keys.private_jwk("transit"), "key-not-public"),
        (_small_rsa, "key-size"),
        (_changed("transit", e="Aw", kid=None), "key-size"),
        (_changed("transit", kid="x"), "key-id"),
        (_changed("transit", kid=keys.kid("receipt")), "key-id"),
        (_changed("transit", n=None, kid=None), "key-invalid"),
        (_changed("transit", n=5, kid=None), "key-invalid"),
        (_changed("transit", e="AAEAAQ", kid=None), "key-invalid"),
        (_changed("transit", alg="RSA-OAEP"), "key-alg"),
        (_changed("transit", alg="ES256"), "key-alg"),
        (_changed("transit", key_ops=["decrypt"]), "key-ops"),
        (_changed("receipt", crv="P-384", kid=None), "key-curve"),
        (_changed("receipt", x=b64u(b"\1" * 32), kid=None), "key-invalid"),
        (_changed("receipt", x=b64u(b"\0" + b"\1" * 32), kid=None), "key-invalid"),
        (_changed("receipt", kty="oct"), "key-type"),
        (_changed("receipt", kty=None), "key-type"),
        (_changed("receipt", kty=["EC"]), "key-type"),
    ],
)
def test_refuses_other_keys(make: Callable[[], dict[str, Any]], code: str) -> None:
    with pytest.raises(InvalidSignature, match=code):
        load_public(make())


def test_a_purpose_is_not_exchangeable() -> None:
    with pytest.raises(InvalidSignature, match="key-alg"):
        load_public(keys.public("a-verify"), alg=Alg.SEAL)
    with pytest.raises(InvalidSignature, match="key-alg"):
        load_public(keys.public("a-encrypt"), alg=Alg.PS512)


def test_private_key_of_another_public_one_is_refused() -> None:
    mixed = {**keys.private_jwk("receipt"), "d": keys.private_jwk("push")["d"]}
    with pytest.raises(InvalidSignature, match="key-invalid"):
        load_private(mixed)
    with pytest.raises(InvalidSignature, match="key-invalid"):
        load_private(keys.public("receipt") | {"key_ops": ["sign"]})


def test_files_are_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.jwk"
    private = generate_ec()
    write_new(path, private)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_jwk(path) == private
    with pytest.raises(FileExistsError):
        write_new(path, generate_ec())
    assert read_jwk(path) == private


@pytest.mark.parametrize("content", [b"", b"[]", b'{"kty":"EC","kty":"RSA"}', b"\xff"])
def test_unreadable_files_are_named_without_their_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.jwk"
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"key\.jwk"):
        read_jwk(path)
    with pytest.raises(Misconfigured):
        read_jwk(tmp_path / "missing")


def test_test_keys_are_marked() -> None:
    for name in ALL:
        assert "TEST ONLY" in json.loads(keys.path(name).read_text())["comment"]
