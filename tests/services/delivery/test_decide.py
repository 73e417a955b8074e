from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.delivery.decide import Settle, ToClearing, after_answer
from shared.contracts.answer import Answer, Problem, Verdict
from shared.contracts.stored import Settlement


def answer(verdict: Verdict, *codes: str) -> Answer:
    return Answer(
        iss="jobcenter-a",
        jti=uuid4(),
        iat=int(datetime.now(UTC).timestamp()),
        delivery_id=uuid4(),
        submission_id=uuid4(),
        manifest="m" * 43,
        verdict=verdict,
        problems=tuple(Problem(code=code) for code in codes),
    )


def test_an_accept_settles() -> None:
    assert after_answer(answer(Verdict.ACCEPT)) == Settle(Settlement.ACKNOWLEDGED, None, ())


def test_not_responsible_goes_to_people_never_back_to_the_citizen() -> None:
    assert after_answer(answer(Verdict.REJECT, "part-extra", "not-responsible")) == ToClearing("not-responsible")


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (("schema-unsupported",), "schema-unsupported"),
        (("their-own", "part-altered"), "part-altered"),
        (("their-own",), "rejected"),
        ((), "rejected"),
    ],
)
def test_other_rejects_settle_with_a_code_of_our_catalogue(codes: tuple[str, ...], reason: str) -> None:
    decision = after_answer(answer(Verdict.REJECT, *codes))
    assert isinstance(decision, Settle)
    assert (decision.settlement, decision.reason) == (Settlement.REJECTED, reason)
    assert [problem.code for problem in decision.problems] == list(codes)
