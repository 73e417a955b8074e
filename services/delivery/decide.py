"""What a verified answer means. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.answer import Answer, Problem, Verdict
from shared.contracts.reasons import Reason
from shared.contracts.stored import Settlement

_KNOWN = frozenset(reason.value for reason in Reason)


@dataclass(frozen=True)
class Settle:
    """Final: the sender will be told. `reason` is a code of the catalogue, None for an accept."""

    settlement: Settlement
    reason: str | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class ToClearing:
    """The Jobcenter says that another one is responsible; that is never the citizen's task (§ 16 (2) SGB I)."""

    reason: str = Reason.NOT_RESPONSIBLE.value


def after_answer(answer: Answer) -> Settle | ToClearing:
    """`answer` must have been verified against this delivery."""
    if answer.verdict is Verdict.ACCEPT:
        return Settle(Settlement.ACKNOWLEDGED, None, ())
    codes = [problem.code for problem in answer.problems]
    if Reason.NOT_RESPONSIBLE.value in codes:
        return ToClearing()
    reason = next((code for code in codes if code in _KNOWN), Reason.REJECTED.value)
    return Settle(Settlement.REJECTED, reason, answer.problems)
