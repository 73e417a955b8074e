"""One attempt to deliver one message. Knows nothing of lanes, offsets or waiting: it ends or raises whose fault it was.

    raises JobcenterError   the lane waits
    raises OurError         everything waits
    returns Landed          the message needs no more work; everything about it is durable
`MessageError` never leaves: it is carried out here, as a dead letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import Enum

from pydantic import ValidationError

from services.delivery.adapters.port import Adapter, Consignment
from services.delivery.decide import ToClearing, after_answer
from services.delivery.parts import StoredParts
from services.delivery.settle import Case, Record, Settler
from shared.contracts import ids, topics
from shared.contracts.directory import Destination, Rollout
from shared.contracts.events import Step
from shared.contracts.messages import Attempts, Delivery
from shared.contracts.reasons import Reason
from shared.contracts.stored import Claim, Claimant, Outcome, OutcomeKind, Settled, Settlement
from shared.directory.snapshot import Directory
from shared.errors import DirectoryUnavailable, InvalidSignature, JobcenterError, MessageError, StoreUnavailable
from shared.kafka.cloudevents import read
from shared.store import keys
from shared.store.port import Store
from shared.trust.answers import verify_answer
from shared.trust.manifests import verify_manifest
from shared.trust.platform import PlatformKeys
from shared.web.trace import Trace, parse

_KEY_POLL_S = 0.5


class Landed(Enum):
    """Why a message needs no more work."""

    ANSWERED = "answered"
    """The Jobcenter answered, signed: accept, final reject or not responsible."""
    SETTLED_BEFORE = "settled-before"
    WITHDRAWN = "withdrawn"
    CLEARING = "clearing"
    DEAD_LETTER = "dead-letter"


class Unreadable(Exception):
    """The message proves nothing about itself. `may_heal`: signed under a key that the directory may yet bring."""

    def __init__(self, reason: Reason, *, may_heal: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_heal = may_heal


class NotConnected(JobcenterError):
    """The directory names no endpoint for this destination, or says that it pauses: only a new entry helps."""

    def __init__(self) -> None:
        super().__init__(Reason.CONNECT)


def read_case(record: Record, platform: PlatformKeys) -> Case:
    """Verifies that the record is a delivery of this lane. Pure. Raises `Unreadable`."""
    try:
        envelope, delivery = read(Delivery, record.headers, record.value)
    except MessageError:
        raise Unreadable(Reason.MESSAGE_UNREADABLE) from None
    try:
        manifest = verify_manifest(delivery.manifest, platform)
    except InvalidSignature as error:
        raise Unreadable(Reason.MANIFEST_INVALID, may_heal=str(error) == "jws-kid") from None
    if record.topic != topics.lane(manifest.destination) or delivery.destination != manifest.destination:
        raise Unreadable(Reason.WRONG_DESTINATION)
    delivery_id = ids.delivery_id(manifest.submission_id, manifest.destination, manifest.generation)
    claimed = (delivery.submission_id, delivery.generation, delivery.delivery_id)
    if claimed != (manifest.submission_id, manifest.generation, delivery_id):
        raise Unreadable(Reason.MANIFEST_INVALID)
    traceparent = str(parse(envelope.traceparent) or Trace.new())
    return Case(record, manifest, delivery.manifest, delivery_id, traceparent)


class Courier:
    """Delivers messages of all destinations."""

    def __init__(
        self,
        *,
        store: Store,
        parts_store: Store,
        settler: Settler,
        directory: Callable[[], Directory],
        adapter: Adapter,
        clock: Callable[[], datetime],
        key_grace_s: float = 10.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`key_grace_s`: how long a message signed under an unknown key may wait for the directory to bring the key."""
        self._store = store
        self._parts_store = parts_store
        self._settler = settler
        self._directory = directory
        self._adapter = adapter
        self._clock = clock
        self._key_grace_s = key_grace_s
        self._sleep = sleep

    async def deliver(self, record: Record, attempts: Attempts) -> Landed:
        """One attempt. `attempts` is what was tried before this one."""
        try:
            case = await self._read(record)
        except Unreadable as finding:
            await self._settler.unreadable(record, finding.reason)
            return Landed.DEAD_LETTER
        try:
            return await self._deliver(case, attempts)
        except MessageError as error:
            await self._settler.dead_letter(case, error.reason, attempts=attempts)
            return Landed.DEAD_LETTER
        except NotConnected:
            raise  # nothing was attempted
        except JobcenterError as error:
            await self._settler.event(case, Step.ATTEMPT_FAILED, attempt=attempts.count + 1, reason=error.code)
            raise

    async def _read(self, record: Record) -> Case:
        give_up_at = self._clock() + timedelta(seconds=self._key_grace_s)
        while True:
            platform = self._directory().platform
            if platform is None:
                raise DirectoryUnavailable("no platform key set yet")
            try:
                return read_case(record, platform)
            except Unreadable as finding:
                if not finding.may_heal or self._clock() >= give_up_at:
                    raise
            await self._sleep(_KEY_POLL_S)

    async def _deliver(self, case: Case, attempts: Attempts) -> Landed:
        settled = await self._settler.settled(case)
        if settled is not None:
            await self._settler.announce(case, settled)
            return Landed.SETTLED_BEFORE
        mark = await self._settler.clearing_mark(case)
        if mark is not None:
            await self._settler.clearing(case, mark.reason, answer=mark.answer, attempts=attempts)
            return Landed.CLEARING
        try:
            destination = self._destination(case)
        except NotConnected:
            if not await self._withdrawn(case):
                raise
            await self._settle_withdrawn(case)
            return Landed.WITHDRAWN
        parts = await self._parts(case)
        if not await self._claim(case):
            await self._settle_withdrawn(case)
            return Landed.WITHDRAWN
        if attempts.count == 0:
            await self._settler.event(case, Step.PUSHING)
        handed_over_at = self._clock()
        token = await self._adapter.deliver(
            Consignment(
                delivery_id=case.delivery_id,
                manifest=case.manifest,
                manifest_token=case.token,
                destination=destination,
                traceparent=case.traceparent,
                open_part=parts.open,
            )
        )
        return await self._take_answer(case, token, handed_over_at, attempts)

    async def _take_answer(self, case: Case, token: str, handed_over_at: datetime, attempts: Attempts) -> Landed:
        # The directory is asked again: a key that was revoked while the parts went out must not sign any more.
        try:
            answer = verify_answer(
                token,
                destination=self._destination(case),
                delivery_id=case.delivery_id,
                manifest=case.manifest,
                manifest_token=case.token,
                handed_over_at=handed_over_at,
            )
        except InvalidSignature:
            raise JobcenterError(Reason.ANSWER_INVALID) from None
        decision = after_answer(answer)
        if isinstance(decision, ToClearing):
            await self._settler.clearing(case, decision.reason, answer=token, attempts=attempts)
            return Landed.ANSWERED
        settled = Settled(
            settlement=decision.settlement,
            at=self._clock(),
            destination=case.manifest.destination,
            delivery_id=case.delivery_id,
            answer=token,
            problems=decision.problems,
        )
        await self._settler.settle(case, settled, decision.reason)
        return Landed.ANSWERED

    def _destination(self, case: Case) -> Destination:
        """Where to push today. A Jobcenter that is not connected yet, or pauses, is waited for."""
        found = self._directory().destination(case.manifest.destination)
        if found is None or found[1].adapter is None or found[0].rollout is Rollout.PAUSED:
            raise NotConnected
        return found[1]

    async def _parts(self, case: Case) -> StoredParts:
        body = await self._store.get(keys.outcome(case.manifest.submission_id))
        if body is None:
            raise MessageError(Reason.OUTCOME_MISSING)
        try:
            outcome = Outcome.model_validate_json(body)
        except ValidationError:
            raise MessageError(Reason.OUTCOME_MISSING) from None
        if outcome.kind is not OutcomeKind.ACCEPTED:
            raise MessageError(Reason.OUTCOME_MISSING)
        return StoredParts(self._parts_store, case.manifest, outcome.inline)

    async def _claim(self, case: Case) -> bool:
        """False when the sender took the submission back before the first push."""
        key = keys.claim(case.manifest.submission_id, case.manifest.generation)
        if await self._store.put_new(key, Claim(by=Claimant.DELIVERY, at=self._clock()).to_bytes()):
            return True
        return not await self._withdrawn(case)

    async def _withdrawn(self, case: Case) -> bool:
        """Whether the sender's claim was first. No claim yet: no."""
        body = await self._store.get(keys.claim(case.manifest.submission_id, case.manifest.generation))
        try:
            return body is not None and Claim.model_validate_json(body).by is Claimant.SENDER
        except ValidationError:
            raise StoreUnavailable("the claim is unreadable") from None

    async def _settle_withdrawn(self, case: Case) -> None:
        settled = Settled(
            settlement=Settlement.WITHDRAWN,
            at=self._clock(),
            destination=case.manifest.destination,
            delivery_id=case.delivery_id,
        )
        await self._settler.settle(case, settled, Reason.WITHDRAWN_BY_SENDER)
