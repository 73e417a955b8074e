"""Routes one batch to its end. Never raises, never skips: a message is out, or the router is stopping.

| what happens to a message | what is done |
|---|---|
| routed, to clearing, to the dead letter | out |
| `OurError` (Kafka, store, directory) | tried again for ever, with backoff |
| signed under an unknown key | waits `key_grace_s` for the directory, then to the dead letter |
| for clearing, and the door knew a newer entry than we do | waits `key_grace_s` for the directory, then to clearing |
| a defect of ours with this one message | after five attempts to the dead letter, whole: it must not block the others |
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable
from dataclasses import dataclass

from services.router.carry import Carrier, Origin
from services.router.route import Clearing, DeadLetter, Decision
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

    async def run(self, messages: Iterable[Message]) -> bool:
        """True when every message is out, acknowledged by the broker."""
        return all(await asyncio.gather(*(self._one(message) for message in messages)))

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
