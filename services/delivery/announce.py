"""Says on `delivery.lanes` how each lane is: at once when something changed, otherwise while messages wait.

What it publishes is for operators, with one exception: the lane's open clock, from which the next owner goes on. A
failure to publish costs nothing but that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from services.delivery.settle import Publisher
from shared.contracts import topics
from shared.contracts.control import LaneState
from shared.errors import OurError
from shared.kafka.events import lane_state_message
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

_MATERIAL = ("owner", "condition", "breaker", "failures", "last_reason", "hold", "window", "is_forced")
_IDLE_FACTOR = 20
"""An idle lane says that it is well so much less often than one with messages."""


def material(state: LaneState) -> tuple[Any, ...]:
    """What must be told at once. Pure."""
    return (*(getattr(state, name) for name in _MATERIAL), state.lag > 0)


class Announcer:
    """Call `announce` often; it decides what to publish."""

    def __init__(self, publisher: Publisher, *, every_s: float, source: str, now: Callable[[], float]) -> None:
        self._publisher = publisher
        self._every_s = every_s
        self._source = source
        self._now = now
        self._told: dict[str, tuple[tuple[Any, ...], float]] = {}

    async def announce(self, states: Iterable[LaneState]) -> None:
        """Never raises `OurError`: the next call tells it."""
        for state in states:
            told, at = self._told.get(state.destination, ((), float("-inf")))
            every_s = self._every_s * (1 if state.lag or state.in_flight else _IDLE_FACTOR)
            if told == material(state) and self._now() - at < every_s:
                continue
            try:
                message = lane_state_message(state, source=self._source)
                await self._publisher.send(topics.LANES, state.destination, message)
            except OurError as error:
                emit(log, logging.WARNING, "lane states not published", error=error)
                return
            self._told[state.destination] = (material(state), self._now())

    def forget(self, mine: set[str]) -> None:
        """Lanes that went to another owner: told anew when they come back."""
        self._told = {destination: told for destination, told in self._told.items() if destination in mine}
