from __future__ import annotations

import pytest

from shared.contracts.directory import KeyState, PlatformEntry, PlatformKeyUse
from shared.errors import InvalidSignature, Misconfigured
from shared.trust.platform import PlatformKeys
from tests import keys

ENTRY = keys.platform_entry()


def in_state(state: KeyState) -> PlatformKeys:
    records = tuple(record.model_copy(update={"state": state}) for record in ENTRY.keys)
    return PlatformKeys(ENTRY.model_copy(update={"keys": records}))


def test_each_key_serves_its_use_alone() -> None:
    platform = keys.platform_keys()
    assert platform.receipt_key_for(keys.kid("receipt")) is not None
    assert platform.receipt_key_for(keys.kid("push")) is None
    assert platform.push_key_for(keys.kid("push")) is not None
    assert platform.push_key_for(keys.kid("receipt")) is None
    assert platform.transit().kid == keys.kid("transit")
    assert platform.is_transit(keys.kid("transit"))
    assert not platform.is_transit(keys.kid("receipt"))
    assert (platform.receipt_kid, platform.push_kid) == (keys.kid("receipt"), keys.kid("push"))


def test_old_keys_verify_but_make_nothing_new() -> None:
    platform = in_state(KeyState.ACCEPT)
    assert platform.receipt_key_for(keys.kid("receipt")) is not None
    assert [jwk["kid"] for jwk in platform.receipt_jwks()["keys"]] == [keys.kid("receipt")]
    with pytest.raises(Misconfigured, match="transit"):
        platform.transit()
    with pytest.raises(Misconfigured, match="receipt"):
        _ = platform.receipt_kid


def test_revoked_keys_do_nothing() -> None:
    platform = in_state(KeyState.REVOKED)
    assert platform.receipt_key_for(keys.kid("receipt")) is None
    assert platform.push_key_for(keys.kid("push")) is None
    assert not platform.is_transit(keys.kid("transit"))
    assert platform.receipt_jwks() == {"keys": []}


def test_receipt_jwks_holds_public_receipt_keys_with_the_active_one_first() -> None:
    receipt = next(record for record in ENTRY.keys if record.use is PlatformKeyUse.RECEIPT)
    old = receipt.model_copy(
        update={"kid": keys.kid("directory"), "jwk": keys.public("directory"), "state": KeyState.ACCEPT}
    )
    jwks = PlatformKeys(ENTRY.model_copy(update={"keys": (old, *ENTRY.keys)})).receipt_jwks()
    assert [jwk["kid"] for jwk in jwks["keys"]] == [keys.kid("receipt"), keys.kid("directory")]
    assert all(set(jwk) == {"kty", "crv", "x", "y", "kid", "alg", "key_ops"} for jwk in jwks["keys"])


def test_wrong_records_are_refused() -> None:
    receipt = next(record for record in ENTRY.keys if record.use is PlatformKeyUse.RECEIPT)
    for records in (
        (receipt, receipt),
        (receipt.model_copy(update={"kid": keys.kid("push")}),),
        (receipt.model_copy(update={"use": PlatformKeyUse.TRANSIT}),),
        (receipt.model_copy(update={"jwk": keys.private_jwk("receipt")}),),
    ):
        entry: PlatformEntry = ENTRY.model_copy(update={"keys": records})
        with pytest.raises(InvalidSignature):
            PlatformKeys(entry)
