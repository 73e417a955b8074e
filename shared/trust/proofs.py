"""A Jobcenter's new keys, with proof that it holds the private halves.

The bundle is what the Jobcenter sends to the operator, who compares the fingerprints over a second channel before the
directory key signs them. Each proof is a JWS (PS512) by the key over its own public JWK and the destination's id. That
an encryption key signs once, its own proof, is deliberate: it is the simplest proof that any JOSE library can make.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from shared.contracts.canonical import canonical_json, strict_json
from shared.contracts.directory import DestinationKey, KeyState, KeyUse
from shared.errors import InvalidSignature
from shared.sealing import jws
from shared.sealing.jwk import Alg, load_private_rsa, load_public_rsa, public_jwk, thumbprint

PROOF_TYP: Final = "antragsweiche-key-proof+jwt"
_USES: Final = {Alg.SEAL.value: KeyUse.ENCRYPT, Alg.PS512.value: KeyUse.VERIFY}


def make_bundle(
    destination: str, enc_private_jwk: Mapping[str, Any], sig_private_jwk: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """`{"destination", "keys": [public JWK, …], "proofs": [JWS, …]}` in the same order, the encryption key first."""
    private = ((enc_private_jwk, Alg.SEAL), (sig_private_jwk, Alg.PS512))
    keys, proofs = [], []
    for jwk, alg in private:
        public = public_jwk({**jwk, "alg": alg.value})
        claims = {"destination": destination, "iat": int(now.timestamp()), "jwk": public}
        key = load_private_rsa(jwk, alg=alg)
        keys.append(public)
        proofs.append(jws.sign(canonical_json(claims), key=key, kid=public["kid"], alg="PS512", typ=PROOF_TYP))
    return {"destination": destination, "keys": keys, "proofs": proofs}


def verify_bundle(bundle: Mapping[str, Any]) -> list[DestinationKey]:
    """The two keys of a bundle, ready for a directory entry. Raises `InvalidSignature`.

    Exactly one key to seal and one to verify, two different keys, each with a proof for exactly this destination.
    """
    destination, keys, proofs = bundle.get("destination"), bundle.get("keys"), bundle.get("proofs")
    if not isinstance(destination, str) or not isinstance(keys, list) or not isinstance(proofs, list):
        raise InvalidSignature("bundle-form")
    if len(keys) != 2 or len(proofs) != 2:
        raise InvalidSignature("bundle-form")
    records = [_verify(destination, jwk, proof) for jwk, proof in zip(keys, proofs, strict=True)]
    if {record.use for record in records} != set(KeyUse) or records[0].kid == records[1].kid:
        raise InvalidSignature("bundle-uses")
    return records


def _verify(destination: str, jwk: object, proof: object) -> DestinationKey:
    if not isinstance(jwk, dict) or not isinstance(proof, str) or jwk.get("alg") not in _USES:
        raise InvalidSignature("bundle-form")
    # An encryption key's record forbids verifying with it; only this one proof may.
    key = load_public_rsa(jwk, alg=jwk["alg"])
    kid = thumbprint(jwk)
    verified = jws.verify(proof, key_for={kid: key}.get, alg="PS512", typ=PROOF_TYP)
    try:
        claims = strict_json(verified.payload)
        if not isinstance(claims, dict) or claims["destination"] != destination or claims["jwk"] != jwk:
            raise InvalidSignature("bundle-proof")
        return DestinationKey(kid=kid, use=_USES[jwk["alg"]], state=KeyState.ACTIVE, jwk=public_jwk(jwk))
    except (ValidationError, ValueError, KeyError):
        raise InvalidSignature("bundle-proof") from None
