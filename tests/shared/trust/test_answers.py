from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.answer import Answer, Problem, Verdict
from shared.contracts.directory import Destination, KeyState, KeyUse
from shared.errors import InvalidSignature
from shared.sealing import jws
from shared.trust.answers import sign_answer, verify_answer
from tests import keys
from tests.shared.trust.samples import DELIVERY, NOW, PARTS, answer, manifest, token

TOKEN = token()
DESTINATION = keys.destination("a")
OTHER = UUID("22222222-2222-4222-8222-222222222222")
TAGS = {part.id: part.tag for part in PARTS}


def signed(claims: Answer, name: str = "a-verify") -> str:
    return sign_answer(claims, keys.private_key(name), keys.kid(name))


def checked(
    answer_token: str, *, destination: Destination = DESTINATION, handed_over_at: datetime = NOW, **changes: Any
) -> Answer:
    arguments: dict[str, Any] = {"delivery_id": DELIVERY, "manifest": manifest(), "manifest_token": TOKEN} | changes
    return verify_answer(answer_token, destination=destination, handed_over_at=handed_over_at, **arguments)


def test_an_accept_of_this_delivery() -> None:
    assert checked(signed(answer(TOKEN))) == answer(TOKEN)


def test_a_reject_needs_no_tags() -> None:
    reject = answer(TOKEN, verdict=Verdict.REJECT, tags={}, problems=(Problem(code="part-missing", part=PARTS[2].id),))
    assert checked(signed(reject)) == reject


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "jobcenter-b"}, "answer-iss"),
        ({"delivery_id": OTHER}, "answer-delivery"),
        ({"submission_id": OTHER}, "answer-submission"),
        ({"manifest": "A" * 43}, "answer-manifest"),
        ({"iat": int(NOW.timestamp()) - 301}, "answer-old"),
        ({"iat": 10**18}, "answer-form"),
        ({"tags": {}}, "answer-tags"),
        ({"tags": dict(list(TAGS.items())[1:])}, "answer-tags"),
        ({"tags": TAGS | {OTHER: "A" * 22}}, "answer-tags"),
        ({"tags": TAGS | {PARTS[0].id: PARTS[1].tag}}, "answer-tags"),
        ({"problems": (Problem(code="part-missing"),)}, "answer-verdict"),
    ],
)
def test_answers_to_something_else_are_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidSignature, match=code):
        checked(signed(answer(TOKEN, **changes)))


def test_a_reject_for_another_delivery_is_refused_too() -> None:
    reject = answer(TOKEN, verdict=Verdict.REJECT, tags={}, delivery_id=OTHER)
    with pytest.raises(InvalidSignature, match="answer-delivery"):
        checked(signed(reject))


@pytest.mark.parametrize("name", ["b-verify", "a-encrypt", "b-encrypt"])
def test_only_the_destinations_verify_key_answers(name: str) -> None:
    with pytest.raises(InvalidSignature, match="jws-kid"):
        checked(signed(answer(TOKEN), name))


def test_the_platform_cannot_answer_for_a_jobcenter() -> None:
    claims, key, kid = answer(TOKEN).to_bytes(), keys.private_key("receipt"), keys.kid("receipt")
    with pytest.raises(InvalidSignature, match="jws-alg"):
        checked(jws.sign(claims, key=key, kid=kid, alg="ES256", typ="antragsweiche-answer+jwt"))


@pytest.mark.parametrize("state", list(KeyState))
def test_states_of_the_key(state: KeyState) -> None:
    records = tuple(
        record.model_copy(update={"state": state}) if record.use is KeyUse.VERIFY else record
        for record in DESTINATION.keys
    )
    destination = DESTINATION.model_copy(update={"keys": records})
    if state is KeyState.REVOKED:
        with pytest.raises(InvalidSignature, match="jws-kid"):
            checked(signed(answer(TOKEN)), destination=destination)
    else:
        assert checked(signed(answer(TOKEN)), destination=destination).verdict is Verdict.ACCEPT


def test_clock_skew_of_five_minutes() -> None:
    accept = signed(answer(TOKEN))
    assert checked(accept, handed_over_at=NOW + timedelta(minutes=5)).delivery_id == DELIVERY
    with pytest.raises(InvalidSignature, match="answer-old"):
        checked(accept, handed_over_at=NOW + timedelta(minutes=5, seconds=1))


def test_replayed_for_another_manifest_of_the_same_submission() -> None:
    resealed = manifest(generation=1, previous=TOKEN)
    with pytest.raises(InvalidSignature, match="answer-manifest"):
        checked(signed(answer(TOKEN)), manifest=resealed, manifest_token=token(resealed))


def test_signed_nonsense_is_refused() -> None:
    nonsense = jws.sign(
        b'{"iss":1}',
        key=keys.private_key("a-verify"),
        kid=keys.kid("a-verify"),
        alg="PS512",
        typ="antragsweiche-answer+jwt",
    )
    with pytest.raises(InvalidSignature, match="answer-form"):
        checked(nonsense)
