"""A signed answer that comes later than its hand-over. The first one settles; nothing that follows changes it.

Who posts it is not asked: the signature says whose answer it is, and of what. Until it is verified nothing in it is
believed; its ids only say where to look, and the delivery's id must be the one that is computed from them.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from uuid import UUID

from pydantic import ValidationError

from services.delivery.decide import ToClearing, after_answer
from services.delivery.deliver import Courier
from services.delivery.settle import Case, Record, Settler
from shared.contracts import ids, topics
from shared.contracts.answer import Answer
from shared.contracts.canonical import strict_json
from shared.contracts.messages import Attempts
from shared.contracts.reasons import Reason
from shared.contracts.stored import HandedOver, Settlement
from shared.directory.snapshot import Directory
from shared.errors import DirectoryUnavailable, InvalidSignature, JobcenterError, StoreUnavailable
from shared.sealing.jwk import unb64u
from shared.trust.manifests import verify_manifest

MAX_GENERATIONS = 100


class Taken(Enum):
    """What became of an answer."""

    DONE = "done"
    """It is durable with its event, this time or an earlier one."""
    CONTRADICTS = "contradicts"
    """Another answer was first; a human was told."""


class UnknownDelivery(Exception):
    """Nothing of this id was handed over. Perhaps not yet: the poster should come again."""


class AnswerRefused(Exception):
    """Not a valid signed answer to this delivery."""


class LateAnswers:
    """Takes answers in, in any replica: all it needs is in the store."""

    def __init__(self, courier: Courier, settler: Settler, directory: Callable[[], Directory]) -> None:
        self._courier = courier
        self._settler = settler
        self._directory = directory

    async def take(self, delivery_id: UUID, token: str) -> Taken:
        """Returns when everything is durable. Raises `UnknownDelivery`, `AnswerRefused`, `OurError`."""
        claimed = claims_of(token)
        generation = generation_of(claimed, delivery_id)
        if generation is None:
            raise UnknownDelivery
        mark = await self._settler.handed_over_mark(claimed.submission_id, generation)
        if mark is None:
            raise UnknownDelivery
        case = self._case(mark)
        if case.delivery_id != delivery_id:
            raise UnknownDelivery
        before = await self._outcome(case)
        try:
            answer = self._courier.verify(case, token, mark.at)
        except JobcenterError:
            raise AnswerRefused from None
        decision = after_answer(answer)
        wanted = None if isinstance(decision, ToClearing) else decision.settlement
        if before == "open":
            await self._courier.take_answer(case, token, mark.at, Attempts())
            before = await self._outcome(case)
        elif before == wanted:
            await self._tell_again(case)
        if before == wanted:
            return Taken.DONE
        await self._settler.alarm(case, Reason.ANSWER_CONTRADICTS)
        return Taken.CONTRADICTS

    async def _outcome(self, case: Case) -> Settlement | str | None:
        """How this generation ended: a settlement, None for clearing, or "open"."""
        settled = await self._settler.settled(case)
        if settled is not None:
            return settled.settlement
        return "open" if await self._settler.clearing_mark(case) is None else None

    async def _tell_again(self, case: Case) -> None:
        """A crash may have come between the object and its event."""
        settled = await self._settler.settled(case)
        if settled is not None:
            await self._settler.announce(case, settled)
            return
        mark = await self._settler.clearing_mark(case)
        if mark is not None:
            await self._settler.clearing(case, mark.reason, answer=mark.answer, attempts=Attempts())

    def _case(self, mark: HandedOver) -> Case:
        platform = self._directory().platform
        if platform is None:
            raise DirectoryUnavailable("no platform key set yet")
        try:
            manifest = verify_manifest(mark.manifest, platform)
        except InvalidSignature:
            raise StoreUnavailable("the hand-over's mark holds no valid manifest") from None
        delivery_id = ids.delivery_id(manifest.submission_id, manifest.destination, manifest.generation)
        record = Record(topics.AWAITING, 0, 0, None, [])
        return Case(record, manifest, mark.manifest, delivery_id, mark.traceparent)


def claims_of(token: str) -> Answer:
    """What an answer claims, unverified. Raises `AnswerRefused`."""
    segments = token.split(".")
    try:
        if len(segments) != 3:
            raise AnswerRefused
        return Answer.model_validate(strict_json(unb64u(segments[1])))
    except (InvalidSignature, ValidationError, ValueError):
        raise AnswerRefused from None


def generation_of(claimed: Answer, delivery_id: UUID) -> int | None:
    """The generation that makes the delivery's id out of the claimed submission and destination; None for none."""
    if claimed.delivery_id != delivery_id:
        return None
    for generation in range(MAX_GENERATIONS):
        if ids.delivery_id(claimed.submission_id, claimed.iss, generation) == delivery_id:
            return generation
    return None
