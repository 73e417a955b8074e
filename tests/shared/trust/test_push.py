from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from shared.errors import InvalidSignature
from shared.trust.manifests import manifest_digest
from shared.trust.push import parts_digest, sign_probe, sign_push, verify_probe, verify_push
from tests import keys
from tests.shared.trust.samples import DELIVERY, NOW, PARTS, manifest, token

TOKEN = token()
URL = f"https://jobcenter.example:8443/adapter/v1/deliveries/{DELIVERY}"
PROBE = "https://jobcenter.example:8443/adapter/v1/probe"
UNSIGNED = {
    "Delivery-Id": str(DELIVERY),
    "Parts-Digest": parts_digest(TOKEN, manifest()),
    "Content-Type": "multipart/form-data; boundary=abc",
}
KEY, KID = keys.private_key("push"), keys.kid("push")
SIGNED = UNSIGNED | sign_push("POST", URL, UNSIGNED, KEY, KID, NOW)
KEY_FOR = keys.platform_keys().push_key_for


def test_a_push_is_verified_whatever_the_case_of_its_headers() -> None:
    verify_push("POST", URL, SIGNED, KEY_FOR, NOW)
    verify_push("POST", URL, {name.lower(): value for name, value in SIGNED.items()}, KEY_FOR, NOW)
    verify_push("POST", URL, CIMultiDict(SIGNED, Traceparent="x", Host="y"), KEY_FOR, NOW)


def test_what_is_covered() -> None:
    covered = '("@method" "@target-uri" "delivery-id" "parts-digest" "content-type")'
    created = int(NOW.timestamp())
    assert SIGNED["Signature-Input"].startswith(f"push={covered};")
    parameters = set(SIGNED["Signature-Input"].removeprefix(f"push={covered};").split(";"))
    assert parameters == {
        f"created={created}",
        f"expires={created + 300}",
        f'keyid="{KID}"',
        'alg="ecdsa-p256-sha256"',
    }


def test_parts_digest_by_hand() -> None:
    lines = f"manifest {manifest_digest(TOKEN)}\n" + "".join(f"{part.id} {part.sha256}\n" for part in PARTS)
    assert parts_digest(TOKEN, manifest()) == (
        "sha-256=:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode() + ":"
    )
    swapped = manifest(parts=(*PARTS[:2], PARTS[3], PARTS[2]))
    assert parts_digest(TOKEN, swapped) != parts_digest(TOKEN, manifest())


@pytest.mark.parametrize("name", list(SIGNED))
@pytest.mark.parametrize("how", ["missing", "changed", "doubled"])
def test_every_header_counts(name: str, how: str) -> None:
    headers = CIMultiDict(SIGNED)
    if how == "missing":
        del headers[name]
    elif how == "changed":
        headers[name] = SIGNED[name].replace("a", "b", 1) if "a" in SIGNED[name] else SIGNED[name] + "0"
    else:
        headers.add(name, SIGNED[name])
    with pytest.raises(InvalidSignature, match="push-signature"):
        verify_push("POST", URL, headers, KEY_FOR, NOW)


@pytest.mark.parametrize(
    ("method", "url"), [("PUT", URL), ("POST", PROBE), ("POST", URL + "?x"), ("POST", URL.replace("https", "http"))]
)
def test_method_and_target_count(method: str, url: str) -> None:
    with pytest.raises(InvalidSignature):
        verify_push(method, url, SIGNED, KEY_FOR, NOW)


def test_lifetime() -> None:
    for later in (timedelta(seconds=300), timedelta(seconds=-300), timedelta(0)):
        verify_push("POST", URL, SIGNED, KEY_FOR, NOW + later)
    for later in (timedelta(seconds=301), timedelta(seconds=-301), timedelta(days=1)):
        with pytest.raises(InvalidSignature):
            verify_push("POST", URL, SIGNED, KEY_FOR, NOW + later)


def test_unknown_and_foreign_keys() -> None:
    with pytest.raises(InvalidSignature):
        verify_push("POST", URL, SIGNED, lambda kid: None, NOW)
    forged = UNSIGNED | sign_push("POST", URL, UNSIGNED, keys.private_key("receipt"), KID, NOW)
    with pytest.raises(InvalidSignature):
        verify_push("POST", URL, forged, KEY_FOR, NOW)
    with pytest.raises(InvalidSignature):
        verify_push("POST", URL, SIGNED, lambda kid: keys.private_key("transit").public_key(), NOW)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("push=", "sig1="),
        (";created=", ";tag=1;created="),
        (";created=", ';nonce="x";created='),
        ("ecdsa-p256-sha256", "hmac-sha256"),
        (' "content-type"', ""),
        (' "content-type"', ' "content-type" "host"'),
        ('"content-type"', '"content-type";sf'),
    ],
)
def test_other_signature_inputs_are_refused(old: str, new: str) -> None:
    assert old in SIGNED["Signature-Input"]
    headers = SIGNED | {"Signature-Input": SIGNED["Signature-Input"].replace(old, new, 1)}
    with pytest.raises(InvalidSignature):
        verify_push("POST", URL, headers, KEY_FOR, NOW)


def test_a_second_signature_beside_the_good_one_is_refused() -> None:
    headers = SIGNED | {
        name: f"{SIGNED[name]}, {SIGNED[name].replace('push=', 'more=', 1)}"
        for name in ("Signature-Input", "Signature")
    }
    with pytest.raises(InvalidSignature):
        verify_push("POST", URL, headers, KEY_FOR, NOW)


def test_probe() -> None:
    headers = sign_probe(PROBE, KEY, KID, NOW)
    verify_probe(PROBE, headers, KEY_FOR, NOW)
    with pytest.raises(InvalidSignature):
        verify_probe(URL, headers, KEY_FOR, NOW)
    with pytest.raises(InvalidSignature):
        verify_probe(PROBE, headers, KEY_FOR, NOW + timedelta(minutes=6))


def test_a_probes_signature_does_not_carry_a_push() -> None:
    """A signature over less, even for the same method and target, is not a push's."""
    from shared.trust.push import PROBE_COMPONENTS, _sign

    less = _sign("POST", URL, UNSIGNED, key=KEY, kid=KID, now=NOW, components=PROBE_COMPONENTS)
    with pytest.raises(InvalidSignature):
        verify_push("POST", URL, UNSIGNED | less, KEY_FOR, NOW)


def test_a_push_without_its_headers_cannot_be_signed() -> None:
    for name in UNSIGNED:
        headers = {other: value for other, value in UNSIGNED.items() if other != name}
        with pytest.raises(ValueError, match="cannot be signed"):
            sign_push("POST", URL, headers, KEY, KID, NOW)


@given(st.text(max_size=60), st.text(max_size=60))
def test_garbage_is_refused_and_never_crashes(signature_input: str, signature: str) -> None:
    headers = UNSIGNED | {"Signature-Input": signature_input, "Signature": signature}
    with pytest.raises(InvalidSignature):
        verify_push("POST", URL, headers, KEY_FOR, NOW)
