"""The push signature of a delivery that is not sent but laid down: hot folder, bucket, mail.

Over HTTP the signature covers a request (`shared.trust.push`). Here a small JWS lies beside the parts, by the same push
key, over the same things: the delivery's id and, through `Parts-Digest`, the manifest's and every part's SHA-256. It
has no age limit: files may lie for weeks, and a delivery that is read twice changes nothing (the receiver's journal).

    <hot folder>/<delivery id>/<part id>.jwe    one for each part, exact bytes
    <hot folder>/<delivery id>/push.jws         this signature
    <hot folder>/<delivery id>/manifest.jws     the manifest's compact JWS, last: whoever sees it has everything

A name that ends in `.part` is still being written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints, ValidationError

from shared.contracts.base import Contract, Slug
from shared.contracts.canonical import strict_json
from shared.errors import InvalidSignature
from shared.sealing import jws
from shared.sealing.jwk import PrivateKey, PublicKey

DROP_TYP: Final = "antragsweiche-drop+jwt"
MANIFEST: Final = "manifest.jws"
PUSH: Final = "push.jws"
LINKS: Final = "links.json"
"""Mail alone: name → URL of every part that was too large to be attached."""
PART_SUFFIX: Final = ".jwe"
UNFINISHED: Final = ".part"
PROBE: Final = "antragsweiche.probe"
"""The empty probe: a file of no bytes, taken away again; it is no delivery."""


class Drop(Contract):
    """Claims of the signature."""

    delivery_id: UUID
    destination: Slug
    parts_digest: Annotated[str, StringConstraints(pattern=r"^sha-256=:[A-Za-z0-9+/]{43}=:$")]
    created: int
    """Seconds since 1970, UTC."""


def part_name(part_id: UUID) -> str:
    """File name of a part."""
    return f"{part_id}{PART_SUFFIX}"


def sign_drop(drop: Drop, key: PrivateKey, kid: str) -> str:
    """The compact JWS (ES256) by the platform's push key."""
    return jws.sign(drop.to_bytes(), key=key, kid=kid, alg="ES256", typ=DROP_TYP)


def verify_drop(
    token: str | bytes, *, key_for: Callable[[str], PublicKey | None], delivery_id: UUID, destination: str
) -> Drop:
    """The claims, for exactly this delivery to exactly this destination.

    Raises `InvalidSignature` with a code of JWS, `drop-form` or `drop-other`.
    """
    verified = jws.verify(token, key_for=key_for, alg="ES256", typ=DROP_TYP)
    try:
        drop = Drop.model_validate(strict_json(verified.payload))
    except (ValidationError, ValueError):
        raise InvalidSignature("drop-form") from None
    if (drop.delivery_id, drop.destination) != (delivery_id, destination):
        raise InvalidSignature("drop-other")
    return drop
