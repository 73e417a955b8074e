"""The Jobcenter's signed answer: nothing else counts as delivered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from shared.contracts.answer import ANSWER_TYP, Answer, Verdict
from shared.contracts.canonical import strict_json
from shared.contracts.directory import Destination
from shared.contracts.manifest import Manifest
from shared.errors import InvalidSignature
from shared.sealing import jws
from shared.sealing.jwk import PrivateKey
from shared.trust.keys import answer_key
from shared.trust.manifests import manifest_digest

SKEW: Final = timedelta(minutes=5)


def sign_answer(answer: Answer, key: PrivateKey, kid: str) -> str:
    """The compact JWS (PS512) of an answer."""
    return jws.sign(answer.to_bytes(), key=key, kid=kid, alg="PS512", typ=ANSWER_TYP)


def verify_answer(
    token: str | bytes,
    *,
    destination: Destination,
    delivery_id: UUID,
    manifest: Manifest,
    manifest_token: str,
    handed_over_at: datetime,
    skew: timedelta = SKEW,
) -> Answer:
    """The answer to exactly this delivery of exactly this manifest by exactly this destination.

    An accept names every part with its tag; a reject need not. Raises `InvalidSignature` with a code of JWS or one of
    `answer-form`, `answer-iss`, `answer-delivery`, `answer-submission`, `answer-manifest`, `answer-old`,
    `answer-tags`, `answer-verdict`.
    """
    verified = jws.verify(token, key_for=lambda kid: answer_key(destination, kid), alg="PS512", typ=ANSWER_TYP)
    try:
        answer = Answer.model_validate(strict_json(verified.payload))
    except (ValidationError, ValueError):
        raise InvalidSignature("answer-form") from None
    if answer.iss != destination.id or manifest.destination != destination.id:
        raise InvalidSignature("answer-iss")
    if answer.delivery_id != delivery_id:
        raise InvalidSignature("answer-delivery")
    if answer.submission_id != manifest.submission_id:
        raise InvalidSignature("answer-submission")
    if answer.manifest != manifest_digest(manifest_token):
        raise InvalidSignature("answer-manifest")
    if _moment(answer.iat) < handed_over_at - skew:
        raise InvalidSignature("answer-old")
    _check_verdict(answer, manifest)
    return answer


def _check_verdict(answer: Answer, manifest: Manifest) -> None:
    tags = {part.id: part.tag for part in manifest.parts}
    if answer.verdict is Verdict.ACCEPT:
        if answer.tags != tags:
            raise InvalidSignature("answer-tags")
        if answer.problems:
            raise InvalidSignature("answer-verdict")


def _moment(iat: int) -> datetime:
    try:
        return datetime.fromtimestamp(iat, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidSignature("answer-form") from None
