"""The first field of a delivery: whose word is it?"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from services.receiver.refusals import BadDelivery, NotNow, NotSigned
from shared.contracts.manifest import Manifest
from shared.errors import InvalidSignature
from shared.sealing.jwk import unb64u
from shared.trust.manifests import manifest_digest, verify_manifest
from shared.trust.platform import PlatformKeys
from shared.trust.push import parts_digest as digest_of


@dataclass(frozen=True)
class ReadManifest:
    """A manifest that came with a signed push. With `fault` its own signature is wrong: it can only be rejected."""

    token: str
    digest: str
    manifest: Manifest
    fault: str | None = None


def read_manifest(token: bytes, platform: PlatformKeys, parts_digest: str) -> ReadManifest:
    """Verify the door's signature, and that the push's signature was made for this very manifest.

    Raises `BadDelivery` when it cannot even be read, `NotSigned` when the signed `Parts-Digest` is another one's (no
    reject may be had with somebody else's push), `NotNow` when the receipt key is not in this receiver's key set yet.
    """
    try:
        text = token.decode("ascii")
        _, body, _ = text.split(".")
        unverified = Manifest.model_validate_json(unb64u(body))
    except (ValueError, ValidationError, InvalidSignature):
        raise BadDelivery("manifest-unreadable") from None
    if digest_of(text, unverified) != parts_digest:
        raise NotSigned("parts-digest")
    try:
        return ReadManifest(text, manifest_digest(text), verify_manifest(text, platform))
    except InvalidSignature as error:
        if str(error) == "jws-kid":
            # Perhaps a key that is newer than the key set at hand: a reject would be final, a failure is not.
            raise NotNow("receipt-key-unknown") from error
        return ReadManifest(text, manifest_digest(text), unverified, fault=str(error))
