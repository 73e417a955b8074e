from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto import jwk as oracle_jwk
from jwcrypto import jws as oracle_jws

from shared.errors import InvalidSignature
from shared.sealing.jwk import b64u
from shared.sealing.jws import MAX_TOKEN_BYTES, Verified, sign, verify
from tests import keys

TYP = "test+jwt"
KEY = {"ES256": "receipt", "PS512": "a-verify"}


def signed(alg: str = "ES256", payload: bytes = b"{}") -> str:
    name = KEY[alg]
    return sign(payload, key=keys.private_key(name), kid=keys.kid(name), alg=alg, typ=TYP)


def checked(token: str | bytes, alg: str = "ES256", typ: str = TYP) -> Verified:
    name = KEY[alg]
    public = {keys.kid(name): keys.private_key(name).public_key()}
    return verify(token, key_for=public.get, alg=alg, typ=typ)


def handmade(header: bytes, payload: bytes = b"{}") -> str:
    """A rightly signed token whose header is exactly these bytes."""
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.hashes import SHA256

    private = keys.private_key("receipt")
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    body = f"{b64u(header)}.{b64u(payload)}"
    r, s = utils.decode_dss_signature(private.sign(body.encode(), ec.ECDSA(SHA256())))
    return f"{body}.{b64u(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@pytest.mark.parametrize("alg", ["ES256", "PS512"])
@settings(max_examples=20, deadline=None)
@given(payload=st.binary(max_size=300))
def test_round_trip(alg: str, payload: bytes) -> None:
    token = signed(alg, payload)
    assert checked(token, alg) == Verified(payload, keys.kid(KEY[alg]))
    assert checked(token.encode(), alg).payload == payload


@pytest.mark.parametrize("alg", ["ES256", "PS512"])
def test_jwcrypto_verifies_ours_and_we_theirs(alg: str) -> None:
    name = KEY[alg]
    theirs = oracle_jws.JWS()
    theirs.deserialize(signed(alg, b"payload"), oracle_jwk.JWK(**keys.public(name)), alg=alg)
    assert theirs.payload == b"payload"

    made = oracle_jws.JWS(b"payload")
    header = json.dumps({"alg": alg, "kid": keys.kid(name), "typ": TYP})
    made.add_signature(oracle_jwk.JWK(**keys.private_jwk(name)), alg=alg, protected=header)
    assert checked(made.serialize(compact=True), alg).payload == b"payload"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_other_token_is_refused(data: st.DataObject) -> None:
    token = bytearray(signed(payload=b'{"a":1}'), "ascii")
    change = data.draw(st.sampled_from(["flip", "cut", "insert", "append"]))
    place = data.draw(st.integers(0, len(token) - 1))
    byte = data.draw(st.integers(0, 255))
    if change == "flip":
        token[place] ^= byte or 1
    elif change == "cut":
        del token[place]
    elif change == "insert":
        token.insert(place, byte)
    else:
        token.append(byte)
    with pytest.raises(InvalidSignature):
        checked(bytes(token))


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"crit": ["x"]}, "jws-header"),
        ({"b64": False}, "jws-header"),
        ({"jwk": {}}, "jws-header"),
        ({"jku": "https://example.org"}, "jws-header"),
        ({"x5u": "https://example.org"}, "jws-header"),
        ({"typ": None}, "jws-header"),
        ({"typ": "other"}, "jws-typ"),
        ({"alg": "none"}, "jws-alg"),
        ({"alg": "HS256"}, "jws-alg"),
        ({"alg": "PS512"}, "jws-alg"),
        ({"kid": "x"}, "jws-kid"),
        ({"kid": 5}, "jws-header"),
        ({"pad": "x" * 4096}, "jws-header"),
    ],
)
def test_headers_that_are_refused_though_rightly_signed(members: dict[str, Any], code: str) -> None:
    header = {"alg": "ES256", "kid": keys.kid("receipt"), "typ": TYP} | members
    with pytest.raises(InvalidSignature, match=code):
        checked(handmade(json.dumps(header).encode()))


@pytest.mark.parametrize(
    "make",
    [
        lambda good: good[:-1] + b',"typ":"test+jwt"}',
        lambda good: b"[" + good + b"]",
        lambda good: good + b"x",
        lambda good: b"\xff" + good,
        lambda good: b"[" * 2000,
    ],
)
def test_header_bytes_that_are_refused(make: Callable[[bytes], bytes]) -> None:
    good = json.dumps({"alg": "ES256", "kid": keys.kid("receipt"), "typ": TYP}).encode()
    assert checked(handmade(good)).payload == b"{}"
    with pytest.raises(InvalidSignature, match="jws-header"):
        checked(handmade(make(good)))


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c.d", "ä.b.c", "A" * (MAX_TOKEN_BYTES + 1)])
def test_no_token_at_all(token: str) -> None:
    with pytest.raises(InvalidSignature):
        checked(token)


def test_unsigned_tokens_are_refused() -> None:
    head, body, _ = signed().split(".")
    with pytest.raises(InvalidSignature, match="jws-signature"):
        checked(f"{head}.{body}.")


def test_key_and_algorithm_must_fit() -> None:
    with pytest.raises(ValueError, match="fit"):
        sign(b"", key=keys.private_key("receipt"), kid="x", alg="PS512", typ=TYP)
    with pytest.raises(ValueError, match="fit"):
        sign(b"", key=keys.private_key("a-verify"), kid="x", alg="ES256", typ=TYP)
    with pytest.raises(ValueError, match="fit"):
        sign(b"", key=keys.private_key("a-verify"), kid="x", alg="RS256", typ=TYP)
    # A resolver that hands out a key of another kind must not turn into a crash or an acceptance.
    with pytest.raises(InvalidSignature, match="jws-signature"):
        verify(signed(), key_for=lambda kid: keys.private_key("a-verify").public_key(), alg="ES256", typ=TYP)
