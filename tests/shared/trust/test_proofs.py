from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.directory import KeyState, KeyUse
from shared.errors import InvalidSignature
from shared.trust.proofs import make_bundle, verify_bundle
from tests import keys
from tests.shared.trust.samples import NOW

BUNDLE = make_bundle("jobcenter-a", keys.private_jwk("a-encrypt"), keys.private_jwk("a-verify"), NOW)
OTHER = make_bundle("jobcenter-a", keys.private_jwk("b-encrypt"), keys.private_jwk("b-verify"), NOW)
ELSEWHERE = make_bundle("jobcenter-b", keys.private_jwk("a-encrypt"), keys.private_jwk("a-verify"), NOW)


def test_bundle_gives_the_directory_its_keys() -> None:
    records = verify_bundle(json.loads(json.dumps(BUNDLE)))
    assert tuple(records) == keys.destination_keys("a")
    assert [(record.use, record.state) for record in records] == [
        (KeyUse.ENCRYPT, KeyState.ACTIVE),
        (KeyUse.VERIFY, KeyState.ACTIVE),
    ]


def test_bundle_holds_no_private_half() -> None:
    text = json.dumps(BUNDLE)
    for name in ("a-encrypt", "a-verify"):
        private = keys.private_jwk(name)
        assert not any(private[member] in text for member in ("d", "p", "q", "dp", "dq", "qi"))


def _with(**changes: Any) -> Callable[[], dict[str, Any]]:
    return lambda: copy.deepcopy(BUNDLE) | changes


@pytest.mark.parametrize(
    "make",
    [
        lambda: {},
        _with(destination="jobcenter-b"),
        _with(destination=None),
        _with(proofs=ELSEWHERE["proofs"]),
        _with(proofs=OTHER["proofs"]),
        _with(proofs=list(reversed(BUNDLE["proofs"]))),
        _with(proofs=BUNDLE["proofs"][:1]),
        _with(proofs=["a.b.c", "a.b.c"]),
        _with(proofs=[1, 2]),
        _with(keys=OTHER["keys"]),
        _with(keys=BUNDLE["keys"][:1]),
        _with(keys=[BUNDLE["keys"][0], OTHER["keys"][0]], proofs=[BUNDLE["proofs"][0], OTHER["proofs"][0]]),
        _with(keys=[BUNDLE["keys"][0], OTHER["keys"][1]]),
        _with(keys=["x", "y"]),
        _with(keys=[{}, {}]),
        _with(keys=[keys.public("receipt"), keys.public("push")]),
        # The encryption key, relabelled as the signature key that it must not be.
        _with(keys=[BUNDLE["keys"][0], {**BUNDLE["keys"][0], "alg": "PS512", "key_ops": ["verify"]}]),
    ],
)
def test_bundles_without_proof_are_refused(make: Callable[[], dict[str, Any]]) -> None:
    with pytest.raises(InvalidSignature):
        verify_bundle(make())


def test_one_key_for_both_uses_is_refused() -> None:
    relabelled = {**keys.private_jwk("a-encrypt"), "alg": "PS512", "key_ops": ["sign"]}
    with pytest.raises(InvalidSignature, match="bundle-uses"):
        verify_bundle(make_bundle("jobcenter-a", keys.private_jwk("a-encrypt"), relabelled, NOW))
