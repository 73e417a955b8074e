"""Routes one batch to its end. Never raises, never skips: a message is out, or the router is stopping.

What goes to a lane goes together, in a few requests for the whole batch. Everything else, and whatever could not be
sent so, is carried out message by message, each with its own patience:

| what happens to a message | what is done |
|---|---|
| routed, to clearing, to the dead letter | out |
| `OurError` (Kafka, store, directory) | tried again for ever, with backoff |
| signed under an unknown key | waits `key_grace_s` for the directory, then to the dead letter |
| for clearing, and the door knew a newer entry than we do | waits `key_grace_s` for the directory, then to clearing |
| a defect of ours with this one message | after five attempts alone to the dead letter, whole: it must block no other |
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass

from services.router.carry import Carrier, Origin
from services.router.route import Clearing, DeadLetter, Decision, Lane
from shared.contracts.reasons import Reason
from shared.errors import OurError
from shared.kafka.cloudevents import AnyHeaders
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

DEFECT_ATTEMPTS = 5
KEY_POLL_S = 0.5


@dataclass(frozen=True)
class Message:
    """A raw message with its position."""

    origin: Origin
    value: bytes | None
    headers: AnyHeaders


class Batches:
    """`stop` makes every `run` answer soon; True still means that all of it is out."""

    def __init__(self, carrier: Carrier, *, retry_first_s: float, retry_most_s: float, key_grace_s: float) -> None:
        self._carrier = carrier
        self._first_s = retry_first_s
        self._most_s = retry_most_s
        self._key_grace_s = key_grace_s
        self._stopping = asyncio.Event()
        self.routed = 0
        self.waiting = 0
        """Messages that wait for something of ours."""

    def stop(self) -> None:
        """Gives up what cannot be sent now; it was not acknowledged and will be read again."""
        self._stopping.set()

    async def run(self, messages: Sequence[Message]) -> bool:
        """True when every message is out, acknowledged by the broker."""
        left = messages
        try:
            left = await self._together(messages)
        except OurError as error:
            emit(log, logging.WARNING, "routing waits", error=error, count=len(messages))
        except Exception as error:  # noqa: BLE001 - one of them; each by itself shows which, and the others go on
            emit(log, logging.ERROR, "routing failed", error=error, count=len(messages))
        return all(await asyncio.gather(*(self._one(message) for message in left)))

    async def _together(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Sends at once what goes to a lane; answers what is still to be done."""
        decisions = await self._carrier.decide_many([(message.value, message.headers) for message in messages])
        lanes: list[tuple[Message, Lane]] = []
        left = []
        for message, decision in zip(messages, decisions, strict=True):
            if isinstance(decision, Lane):
                lanes.append((message, decision))
            else:
                left.append(message)
        errors = await self._carrier.to_lanes([decision for _, decision in lanes])
        failed = [(message, error) for (message, _), error in zip(lanes, errors, strict=True) if error is not None]
        if failed:
            emit(log, logging.WARNING, "routing waits", error=failed[0][1], count=len(failed))
        self.routed += len(lanes) - len(failed)
        return left + [message for message, _ in failed]

    async def _one(self, message: Message) -> bool:
        failures = defects = 0
        while not self._stopping.is_set():
            try:
                decision = await self._decide(message) if defects < DEFECT_ATTEMPTS else _DEFECT
                await self._carrier.carry_out(decision, message.origin, message.value)
            except OurError as error:
                failures += 1
                if failures == 1:
                    emit(log, logging.WARNING, "routing waits", error=error)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other messages go on
                defects += 1
                failures += 1
                emit(log, logging.ERROR, "routing failed", error=error)
            else:
                self.routed += 1
                return True
            self.waiting += 1
            try:
                await self._pause_for(min(self._first_s * 2.0 ** min(failures - 1, 32), self._most_s))
            finally:
                self.waiting -= 1
        return False

    async def _decide(self, message: Message) -> Decision:
        give_up_at = asyncio.get_running_loop().time() + self._key_grace_s
        while True:
            decision = self._carrier.decide(message.value, message.headers)
            heals = isinstance(decision, DeadLetter | Clearing) and decision.may_heal
            if not heals or asyncio.get_running_loop().time() >= give_up_at or self._stopping.is_set():
                return decision
            await self._pause_for(KEY_POLL_S)

    async def _pause_for(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter
                await self._stopping.wait()
        except TimeoutError:
            return


_DEFECT = DeadLetter(Reason.MESSAGE_UNREADABLE)
