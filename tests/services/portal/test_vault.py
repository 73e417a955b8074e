"""What the cookie opens, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.vault import SECRET_BYTES, Vault
from shared.errors import CannotOpen

secrets = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)


@given(secrets, st.binary(max_size=500), st.text(max_size=40))
def test_seals_and_opens(secret: bytes, plaintext: bytes, context: str) -> None:
    vault = Vault.of(secret)
    assert vault.open(vault.seal(plaintext, context), context) == plaintext


@given(secrets, secrets, st.binary(min_size=1, max_size=200))
def test_no_other_secret_opens(secret: bytes, other: bytes, plaintext: bytes) -> None:
    if secret == other:
        return
    with pytest.raises(CannotOpen):
        Vault.of(other).open(Vault.of(secret).seal(plaintext, "a"), "a")


@given(secrets, st.binary(max_size=100), st.data())
def test_no_changed_byte_and_no_other_place_opens(secret: bytes, plaintext: bytes, data: st.DataObject) -> None:
    vault = Vault.of(secret)
    sealed = bytearray(vault.seal(plaintext, "r/1"))
    with pytest.raises(CannotOpen):
        vault.open(bytes(sealed), "r/2")
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotOpen):
        vault.open(bytes(sealed), "r/1")


@given(secrets)
def test_cookie_and_code_come_back(secret: bytes) -> None:
    vault = Vault.of(secret)
    assert Vault.from_cookie(vault.cookie()) == vault
    for typed in (vault.code(), vault.code().lower(), vault.code().replace("-", " "), vault.code().replace("-", "")):
        assert Vault.from_code(typed) == vault


@given(secrets)
def test_what_is_derived_differs_and_hides_the_secret(secret: bytes) -> None:
    vault = Vault.of(secret)
    derived = {
        vault.draft_id,
        vault.form_token(),
        vault.idempotency_key("application", 0),
        vault.idempotency_key("application", 1),
        vault.idempotency_key("early", 0),
        vault.case().draft_id,
    }
    assert len(derived) == 6
    assert secret.hex() not in derived
    assert vault.case().secret != secret
    assert secret.hex() not in repr(vault)


@given(st.text(max_size=60))
def test_any_text_is_a_vault_or_none(text: str) -> None:
    for found in (Vault.from_cookie(text), Vault.from_code(text)):
        assert found is None or len(found.secret) == SECRET_BYTES
