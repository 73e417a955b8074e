"""Signatures of pushes: HTTP Message Signatures (RFC 9421), ecdsa-p256-sha256, label `push`.

    push    POST <adapter>/v1/deliveries/<id>   "@method" "@target-uri" "delivery-id" "parts-digest" "content-type"
    probe   GET  <adapter>/v1/probe             "@method" "@target-uri"

Parameters are exactly `created`, `expires` (300 s later), `keyid` (thumbprint of the platform's push key) and `alg`.
The body is not covered itself: `Parts-Digest` covers the manifest's and, through it, every part's SHA-256, so that the
receiver can refuse before it has read a body and can check each part as it comes.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from http_message_signatures import InvalidSignature as WrongSignature

from shared.contracts.manifest import Manifest
from shared.errors import InvalidSignature
from shared.sealing.jwk import PrivateKey, PublicKey
from shared.trust.manifests import manifest_digest

LABEL: Final = "push"
PUSH_COMPONENTS: Final = ("@method", "@target-uri", "delivery-id", "parts-digest", "content-type")
PROBE_COMPONENTS: Final = ("@method", "@target-uri")
LIFETIME: Final = timedelta(minutes=5)
CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far ahead of the receiver's clock the platform's may be: as far as it may be behind, and as far as an answer's
time may be off. A repeated push changes nothing at the receiver, so a wide window costs nothing; a narrow one stops
every lane of a replica whose clock is a little wrong."""

_PARAMETERS: Final = frozenset({"created", "expires", "keyid", "alg"})
_ONCE: Final = frozenset({"signature", "signature-input", "delivery-id", "parts-digest", "content-type"})


def parts_digest(manifest_token: str, manifest: Manifest) -> str:
    """The `Parts-Digest` header: over the manifest's digest and every part's, in the manifest's order."""
    lines = [f"manifest {manifest_digest(manifest_token)}\n"]
    lines += [f"{part.id} {part.sha256}\n" for part in manifest.parts]
    digest = hashlib.sha256("".join(lines).encode("ascii")).digest()
    return f"sha-256=:{base64.b64encode(digest).decode('ascii')}:"


def sign_push(  # noqa: PLR0917 - the order of RFC 9421's signature base, then who signs
    method: str, url: str, headers: Mapping[str, str], key: PrivateKey, kid: str, now: datetime
) -> dict[str, str]:
    """The headers `Signature-Input` and `Signature` for a push.

    `headers` must hold `Delivery-Id`, `Parts-Digest` and the `Content-Type` exactly as it will be sent, boundary
    included. `ValueError` when one is missing.
    """
    return _sign(method, url, headers, key=key, kid=kid, now=now, components=PUSH_COMPONENTS)


def sign_probe(url: str, key: PrivateKey, kid: str, now: datetime) -> dict[str, str]:
    """The signature headers for the empty probe, a GET."""
    return _sign("GET", url, {}, key=key, kid=kid, now=now, components=PROBE_COMPONENTS)


def verify_push(
    method: str, url: str, headers: Mapping[str, str], key_for: Callable[[str], PublicKey | None], now: datetime
) -> None:
    """Check a push's signature. `url` is the target as the sender wrote it: scheme, authority, path.

    Raises `InvalidSignature("push-signature")` for everything that is not exactly one good signature, at most five
    minutes old.
    """
    _verify(method, url, headers, key_for=key_for, now=now, components=PUSH_COMPONENTS)


def verify_probe(
    url: str, headers: Mapping[str, str], key_for: Callable[[str], PublicKey | None], now: datetime
) -> None:
    """Like `verify_push`, for the empty probe."""
    _verify("GET", url, headers, key_for=key_for, now=now, components=PROBE_COMPONENTS)


@dataclass
class _Request:
    """What the library wants of a message."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class _Keys(HTTPSignatureKeyResolver):
    def __init__(
        self, private: PrivateKey | None = None, public: Callable[[str], PublicKey | None] | None = None
    ) -> None:
        self._private, self._public = private, public

    def resolve_private_key(self, key_id: str) -> Any:
        return self._private

    def resolve_public_key(self, key_id: str) -> Any:
        return self._public(key_id) if self._public is not None else None


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with an injected clock, and stricter: both times are needed, and close together."""

    def __init__(self, keys: _Keys, now: datetime) -> None:
        super().__init__(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=keys)
        self._now = now.timestamp()

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        if sig_input.params.keys() != _PARAMETERS:
            raise WrongSignature("parameters")
        created, expires = sig_input.params["created"], sig_input.params["expires"]
        if type(created) is not int or type(expires) is not int:
            raise WrongSignature("times")
        lifetime = LIFETIME.total_seconds()
        if not created < expires <= created + lifetime:
            raise WrongSignature("times")
        if created > self._now + CLOCK_SKEW.total_seconds() or self._now > min(expires, created + lifetime):
            raise WrongSignature("times")


def _sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    key: PrivateKey,
    kid: str,
    now: datetime,
    components: tuple[str, ...],
) -> dict[str, str]:
    request = _Request(method, url, dict(headers))
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=_Keys(private=key))
    try:
        signer.sign(
            request,
            key_id=kid,
            created=now,
            expires=now + LIFETIME,
            label=LABEL,
            covered_component_ids=components,
        )
    except HTTPMessageSignaturesException as error:
        raise ValueError(f"a push that cannot be signed: {error}") from error
    return {name: request.headers[name] for name in ("Signature-Input", "Signature")}


def _verify(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    key_for: Callable[[str], PublicKey | None],
    now: datetime,
    components: tuple[str, ...],
) -> None:
    lines = [(name.lower(), value) for name, value in headers.items() if name.lower() in _ONCE]
    if any(count > 1 for count in Counter(name for name, _ in lines).values()):
        raise InvalidSignature("push-signature")
    try:
        results = _Verifier(_Keys(public=key_for), now).verify(
            _Request(method, url, dict(lines)), require_components=components
        )
    except (HTTPMessageSignaturesException, ValueError):
        raise InvalidSignature("push-signature") from None
    covered = {f'"{name}"' for name in components} | {'"@signature-params"'}
    if len(results) != 1 or results[0].label != LABEL or results[0].covered_components.keys() != covered:
        raise InvalidSignature("push-signature")
