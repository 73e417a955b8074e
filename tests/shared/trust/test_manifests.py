from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.canonical import canonical_json
from shared.contracts.manifest import MANIFEST_TYP
from shared.errors import InvalidSignature
from shared.sealing import jws
from shared.sealing.jwk import b64u
from shared.trust.manifests import manifest_digest, sign_manifest, verify_manifest
from tests import keys
from tests.shared.trust.samples import NOW, PARTS, manifest, token

TOKEN = token()


def resigned(payload: bytes, name: str = "receipt") -> str:
    return jws.sign(payload, key=keys.private_key(name), kid=keys.kid(name), alg="ES256", typ=MANIFEST_TYP)


def claims(**changes: Any) -> bytes:
    return canonical_json(json.loads(manifest().to_bytes()) | changes)


def test_round_trip() -> None:
    assert verify_manifest(TOKEN, keys.platform_keys()) == manifest()
    assert manifest_digest(TOKEN) == manifest_digest(TOKEN.encode()) == b64u(hashlib.sha256(TOKEN.encode()).digest())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_changed_character_is_refused(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(TOKEN) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_.").filter(lambda letter: letter != TOKEN[place]))
    with pytest.raises(InvalidSignature):
        verify_manifest(TOKEN[:place] + letter + TOKEN[place + 1 :], keys.platform_keys())


@pytest.mark.parametrize("name", ["push", "directory"])
def test_only_the_receipt_key_signs_manifests(name: str) -> None:
    with pytest.raises(InvalidSignature, match="jws-kid"):
        verify_manifest(resigned(claims(), name), keys.platform_keys())


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"[]", "manifest-form"),
        (b"\xff", "manifest-form"),
        (claims()[:-1] + b',"destination":"jobcenter-b"}', "manifest-form"),
        (claims(postcode="6330"), "manifest-form"),
        (claims(parts=[]), "manifest-form"),
        (claims(received_at="2026-11-22T12:00:00"), "manifest-form"),
        (claims(generation=1), "manifest-chain"),
        (claims(previous=TOKEN), "manifest-chain"),
        (claims(clearing_reason="unresolved"), "manifest-destination"),
        (claims(destination="clearing"), "manifest-destination"),
        (claims(kind="supplement"), "manifest-follows"),
        (claims(follows=str(PARTS[0].id)), "manifest-follows"),
    ],
)
def test_signed_but_wrong_claims_are_refused(payload: bytes, code: str) -> None:
    with pytest.raises(InvalidSignature, match=code):
        verify_manifest(resigned(payload), keys.platform_keys())


@pytest.mark.parametrize(
    "parts",
    [
        (PARTS[1], PARTS[0]),
        (PARTS[0], PARTS[2]),
        (PARTS[0], PARTS[1], PARTS[1]),
        (PARTS[0], PARTS[1], PARTS[2], PARTS[2]),
        (PARTS[2], PARTS[0], PARTS[1]),
    ],
)
def test_one_metadata_one_data_then_attachments_each_once(parts: Any) -> None:
    wrong = manifest(parts=parts)
    with pytest.raises(InvalidSignature, match="manifest-parts"):
        token(wrong)
    with pytest.raises(InvalidSignature, match="manifest-parts"):
        verify_manifest(resigned(wrong.to_bytes()), keys.platform_keys())


def test_a_successor_carries_its_verified_predecessor() -> None:
    successor = manifest(generation=1, previous=TOKEN, destination="jobcenter-b", jobcenter="jobcenter-b")
    second = token(successor)
    assert verify_manifest(second, keys.platform_keys()) == successor
    third = token(manifest(generation=2, previous=second))
    assert verify_manifest(third, keys.platform_keys()).generation == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"generation": 2},
        {"received_at": NOW.replace(day=23)},
        {"submission_id": PARTS[0].id},
        {"client_id": "another"},
        {"content": "B" * 43},
        {"previous": "a.b.c"},
        {"previous": resigned(claims(), "push")},
    ],
)
def test_a_successor_of_something_else_is_refused(changes: dict[str, Any]) -> None:
    successor = manifest(**{"generation": 1, "previous": TOKEN} | changes)
    with pytest.raises(InvalidSignature):
        verify_manifest(
            sign_manifest(successor, keys.private_key("receipt"), keys.kid("receipt")), keys.platform_keys()
        )
