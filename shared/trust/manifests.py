"""The manifest's signature: made by the door, checked first by everyone who later touches a submission."""

from __future__ import annotations

import hashlib
from typing import Final

from pydantic import ValidationError

from shared.contracts.canonical import strict_json
from shared.contracts.manifest import CLEARING, MANIFEST_TYP, Kind, Manifest, Role
from shared.errors import InvalidSignature
from shared.sealing import jws
from shared.sealing.jwk import PrivateKey, b64u
from shared.trust.platform import PlatformKeys

MAX_GENERATIONS: Final = 16
"""How many predecessors are followed; each one embeds its own, so a longer chain would not fit a message either."""


def sign_manifest(manifest: Manifest, key: PrivateKey, kid: str) -> str:
    """The compact JWS: the receipt. Raises `InvalidSignature` for a manifest that no reader would take."""
    _check(manifest)
    return jws.sign(manifest.to_bytes(), key=key, kid=kid, alg="ES256", typ=MANIFEST_TYP)


def verify_manifest(token: str | bytes, platform_keys: PlatformKeys) -> Manifest:
    """The claims of a manifest that the platform signed, its predecessors verified too. Raises `InvalidSignature`."""
    return _verify(token, platform_keys, MAX_GENERATIONS)


def manifest_digest(token: str | bytes) -> str:
    """SHA-256 of the compact JWS, base64url: how answers and pushes name a manifest."""
    return b64u(hashlib.sha256(token.encode("ascii") if isinstance(token, str) else token).digest())


def _verify(token: str | bytes, platform_keys: PlatformKeys, depth: int) -> Manifest:
    verified = jws.verify(token, key_for=platform_keys.receipt_key_for, alg="ES256", typ=MANIFEST_TYP)
    try:
        manifest = Manifest.model_validate(strict_json(verified.payload))
    except (ValidationError, ValueError):
        raise InvalidSignature("manifest-form") from None
    _check(manifest)
    if manifest.previous is not None:
        if depth <= 0:
            raise InvalidSignature("manifest-chain")
        _check_successor(manifest, _verify(manifest.previous, platform_keys, depth - 1))
    return manifest


def _check(manifest: Manifest) -> None:
    roles = [part.role for part in manifest.parts]
    if roles[:2] != [Role.METADATA, Role.DATA] or set(roles[2:]) - {Role.ATTACHMENT}:
        raise InvalidSignature("manifest-parts")
    if len({part.id for part in manifest.parts}) != len(manifest.parts):
        raise InvalidSignature("manifest-parts")
    if (manifest.kind is Kind.APPLICATION) != (manifest.follows is None):
        raise InvalidSignature("manifest-follows")
    if (manifest.destination == CLEARING) != (manifest.clearing_reason is not None):
        raise InvalidSignature("manifest-destination")
    if (manifest.generation == 0) != (manifest.previous is None):
        raise InvalidSignature("manifest-chain")


def _check_successor(manifest: Manifest, previous: Manifest) -> None:
    """What re-sealing may never change: whose submission it is and when it was received."""
    kept = ("submission_id", "client_id", "received_at", "service", "kind", "follows", "content")
    if manifest.generation != previous.generation + 1 or any(
        getattr(manifest, name) != getattr(previous, name) for name in kept
    ):
        raise InvalidSignature("manifest-chain")
