"""One attempt to deliver one message. Knows nothing of lanes, offsets or waiting: it ends or raises whose fault it was.

    raises JobcenterError   the lane waits
    raises OurError         everything waits
    returns Landed          the message needs no more work here; everything about it is durable
`MessageError` never leaves: what is proven wrong with our own copy is a dead letter at once, for waiting mends nothing.
What the Jobcenter refuses unsigned, for this message alone, `move_on` takes through the retry tiers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import Enum

from pydantic import ValidationError

from services.delivery.adapters.port import Adapter, Consignment, HandedOver
from services.delivery.decide import ToClearing, after_answer
from services.delivery.parts import StoredParts
from services.delivery.settle import Case, Record, Settler
from services.delivery.tiers import Schedule, due_after
from shared.contracts import ids, topics
from shared.contracts.answer import Answer
from shared.contracts.directory import Destination, JobcenterEntry, Rollout
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
    HANDED_OVER = "handed-over"
    """The Jobcenter has everything and will answer later."""
    RETRY = "retry"
    DEAD_LETTER = "dead-letter"

    @property
    def proves_jobcenter(self) -> bool:
        """Whether the Jobcenter's system worked."""
        return self in (Landed.ANSWERED, Landed.HANDED_OVER)


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
        schedule: Schedule,
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
        self._schedule = schedule
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

    async def move_on(self, record: Record, attempts: Attempts) -> Landed:
        """The failure is the message's own: on to the next retry tier, or to the dead letter when its budget is spent.

        `attempts` includes the failed one. Raises `OurError`; then it is to be repeated.
        """
        try:
            case = await self._read(record)
        except Unreadable as finding:
            await self._settler.unreadable(record, finding.reason)
            return Landed.DEAD_LETTER
        tier = self._schedule.tier_for(attempts)
        if tier is None:
            await self._settler.dead_letter(case, attempts.last_reason or Reason.UNEXPECTED, attempts=attempts)
            return Landed.DEAD_LETTER
        await self._settler.retry(case, tier, due_after(self._clock(), self._schedule.delay_s(tier)), attempts)
        return Landed.RETRY

    async def probe(self, destination_id: str) -> None:
        """The adapter's empty probe. Raises `NotConnected`, `JobcenterError`, `OurError`."""
        await self._adapter.probe(self._connected(destination_id))

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
            destination = self._connected(case.manifest.destination)
        except NotConnected:
            if not await self._withdrawn(case):
                raise
            await self._settle_withdrawn(case)
            return Landed.WITHDRAWN
        parts = await self._parts(case)
        if not await self._claim(case):
            await self._settle_withdrawn(case)
            return Landed.WITHDRAWN
        if attempts.count == attempts.asked == 0:
            await self._settler.event(case, Step.PUSHING)
        if attempts.asked > 1:
            await self._settler.alarm(case, Reason.ANSWER_OVERDUE, attempt=attempts.asked)
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
        if token is HandedOver.ANSWER_LATER:
            due = due_after(self._clock(), self._schedule.awaiting_s)
            await self._settler.handed_over(case, handed_over_at, due, attempts)
            return Landed.HANDED_OVER
        return await self.take_answer(case, token, handed_over_at, attempts)

    async def take_answer(self, case: Case, token: str, handed_over_at: datetime, attempts: Attempts) -> Landed:
        """Verifies and settles, now or after a late answer. Raises `JobcenterError(answer-invalid)`, `OurError`."""
        answer = self.verify(case, token, handed_over_at)
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

    def verify(self, case: Case, token: str, handed_over_at: datetime) -> Answer:
        """Raises `JobcenterError(answer-invalid)`. Asks the directory as it is now: a key that was revoked while the
        parts went out must not sign any more."""
        try:
            return verify_answer(
                token,
                destination=self._known(case.manifest.destination)[1],
                delivery_id=case.delivery_id,
                manifest=case.manifest,
                manifest_token=case.token,
                handed_over_at=handed_over_at,
            )
        except InvalidSignature:
            raise JobcenterError(Reason.ANSWER_INVALID) from None

    def _known(self, destination_id: str) -> tuple[JobcenterEntry, Destination]:
        found = self._directory().destination(destination_id)
        if found is None:
            raise NotConnected
        return found

    def _connected(self, destination_id: str) -> Destination:
        """Where to push today. A Jobcenter that is not connected yet, in preparation or paused is waited for; one in
        preparation may be served by its fallback meanwhile."""
        entry, destination = self._known(destination_id)
        if entry.rollout is Rollout.IN_PREPARATION:
            destination = destination.model_copy(update={"adapter": destination.fallback})
        if destination.adapter is None or entry.rollout is Rollout.PAUSED:
            raise NotConnected
        return destination

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
