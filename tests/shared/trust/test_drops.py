"""The push signature of deliveries that are laid down as files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from shared.contracts.canonical import canonical_json
from shared.errors import InvalidSignature
from shared.sealing import jws
from shared.trust.drops import DROP_TYP, Drop, sign_drop, verify_drop
from tests import keys

DELIVERY = UUID("6f0d0f8e-6f0b-5f0c-9d3c-8f4a3f1b7c11")
CLAIMS: dict[str, Any] = {
    "delivery_id": DELIVERY,
    "destination": "jobcenter-a",
    "parts_digest": f"sha-256=:{'A' * 43}=:",
    "created": 1_700_000_000,
}


def token(*, key: str = "push", kid: str = "push", **changes: Any) -> str:
    return sign_drop(Drop(**CLAIMS | changes), keys.private_key(key), keys.kid(kid))


def verify(text: str | bytes) -> Drop:
    key_for = keys.platform_keys().push_key_for
    return verify_drop(text, key_for=key_for, delivery_id=DELIVERY, destination="jobcenter-a")


def test_it_verifies_however_old_it_is() -> None:
    assert verify(token(created=1)) == Drop(**CLAIMS | {"created": 1})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"delivery_id": UUID(int=1)}, "drop-other"),
        ({"destination": "jobcenter-b"}, "drop-other"),
        ({"key": "receipt"}, "jws-signature"),
        ({"kid": "receipt", "key": "receipt"}, "jws-kid"),
    ],
)
def test_another_ones_signature_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidSignature, match=code):
        verify(token(**changes))


@pytest.mark.parametrize("text", ["", "a.b.c", b"\xff", "x" * 10_000])
def test_nonsense_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidSignature):
        verify(text)


@pytest.mark.parametrize(
    "payload", [b"[]", b"{}", b"no json", canonical_json({"delivery_id": str(DELIVERY), "destination": 5})]
)
def test_a_signature_over_something_else_is_refused(payload: bytes) -> None:
    signed = jws.sign(payload, key=keys.private_key("push"), kid=keys.kid("push"), alg="ES256", typ=DROP_TYP)
    with pytest.raises(InvalidSignature, match="drop-form"):
        verify(signed)


def test_a_manifests_or_a_push_requests_signature_is_no_drop() -> None:
    body = Drop(**CLAIMS).to_bytes()
    other = jws.sign(
        body, key=keys.private_key("push"), kid=keys.kid("push"), alg="ES256", typ="antragsweiche-manifest+jwt"
    )
    with pytest.raises(InvalidSignature):
        verify(other)
