from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.canonical import canonical_json
from shared.contracts.directory import DIRECTORY_TYP, KeyState
from shared.errors import InvalidSignature, Misconfigured
from shared.sealing import jws
from shared.sealing.jwk import generate_ec
from shared.trust.anchor import Anchor, fingerprint, sign_entry
from shared.trust.keys import answer_key
from tests import keys

ENTRY = keys.jobcenter_entry("a")


def resigned(claims: Any, name: str = "directory", typ: str = DIRECTORY_TYP) -> str:
    payload = canonical_json(claims)
    return jws.sign(payload, key=keys.private_key(name), kid=keys.kid(name), alg="ES256", typ=typ)


def claims_of(entry: Any) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(entry.to_bytes())
    return claims


def test_signed_entries_come_back() -> None:
    assert keys.anchor().verify_entry(keys.signed(ENTRY)) == ENTRY
    assert keys.anchor().verify_entry(keys.signed(keys.platform_entry())) == keys.platform_entry()
    assert keys.anchor().verify_entry(keys.signed(ENTRY).encode()) == ENTRY


def test_fields_that_a_newer_writer_added_are_ignored() -> None:
    assert keys.anchor().verify_entry(resigned(claims_of(ENTRY) | {"invented_later": 1})) == ENTRY


def test_planted_entries_are_refused() -> None:
    claims = claims_of(ENTRY)
    forged = {
        "by the receipt key": resigned(claims, "receipt"),
        "as another type of token": resigned(claims, typ="antragsweiche-manifest+jwt"),
        "by a key of the forger": sign_entry(ENTRY, generate_ec()),
        "plain": ENTRY.to_bytes().decode(),
    }
    for token in forged.values():
        with pytest.raises(InvalidSignature):
            keys.anchor().verify_entry(token)


def test_forged_kid_does_not_help() -> None:
    """Signed by the forger under the anchor's kid."""
    forger = keys.private_key("receipt")
    token = jws.sign(ENTRY.to_bytes(), key=forger, kid=keys.kid("directory"), alg="ES256", typ=DIRECTORY_TYP)
    with pytest.raises(InvalidSignature, match="jws-signature"):
        keys.anchor().verify_entry(token)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_changed_character_is_refused(data: st.DataObject) -> None:
    token = keys.signed(ENTRY)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_.").filter(lambda letter: letter != token[place]))
    with pytest.raises(InvalidSignature):
        keys.anchor().verify_entry(token[:place] + letter + token[place + 1 :])


@pytest.mark.parametrize("claims", [[], "x", {}, {"type": "other"}, {"type": []}, {"type": "jobcenter"}])
def test_signed_nonsense_is_refused(claims: Any) -> None:
    with pytest.raises(InvalidSignature, match="entry-form"):
        keys.anchor().verify_entry(resigned(claims))


def test_a_key_record_must_be_what_it_says() -> None:
    claims = claims_of(ENTRY)
    encrypt, verify = claims["destinations"][0]["keys"]
    for wrong in (
        [encrypt | {"kid": verify["kid"]}, verify],
        [encrypt | {"use": "verify"}, verify],
        [encrypt | {"jwk": keys.private_jwk("a-encrypt")}, verify],
        [encrypt | {"jwk": keys.public("receipt"), "kid": keys.kid("receipt")}, verify],
        [encrypt, encrypt],
    ):
        destination = claims["destinations"][0] | {"keys": wrong}
        with pytest.raises(InvalidSignature):
            keys.anchor().verify_entry(resigned(claims | {"destinations": [destination]}))


def test_nobody_signs_what_no_reader_would_take() -> None:
    destination = ENTRY.destinations[0]
    twice = destination.model_copy(update={"keys": destination.keys * 2})
    with pytest.raises(InvalidSignature, match="key-twice"):
        keys.signed(ENTRY.model_copy(update={"destinations": (twice,)}))


def test_revoked_keys_do_not_answer() -> None:
    destination = ENTRY.destinations[0]
    verify_kid = keys.kid("a-verify")

    def with_state(state: KeyState) -> Any:
        records = tuple(record.model_copy(update={"state": state}) for record in destination.keys)
        return destination.model_copy(update={"keys": records})

    active, accept, revoked = (with_state(state) for state in KeyState)
    assert answer_key(active, verify_kid) is not None
    assert answer_key(accept, verify_kid) is not None
    assert answer_key(revoked, verify_kid) is None
    assert answer_key(active, keys.kid("a-encrypt")) is None
    assert answer_key(active, "unknown") is None


def test_anchor_file(tmp_path: Path) -> None:
    path = tmp_path / "anchor.jwk"
    path.write_text(json.dumps(keys.public("directory")))
    assert Anchor.from_file(path).kid == keys.kid("directory")
    for wrong in (keys.private_jwk("directory"), keys.public("transit"), {}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(Misconfigured, match=r"anchor\.jwk"):
            Anchor.from_file(path)


def test_fingerprint_can_be_read_aloud() -> None:
    groups = fingerprint(keys.public("directory")).split(" ")
    assert len(groups) == 16
    assert all(len(group) == 4 and int(group, 16) >= 0 for group in groups)
    assert fingerprint(keys.private_jwk("directory")) == fingerprint(keys.public("directory"))
    assert fingerprint(keys.public("receipt")) != fingerprint(keys.public("directory"))
