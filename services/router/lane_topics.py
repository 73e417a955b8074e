"""Makes sure that a lane's topic exists before anything is sent to it.

A destination's topic is made before its entry is published. Should one be missing all the same (deleted by hand, a
broker set up anew), a send to it would time out and make the shared producer fail for every other lane. So existence
is known beforehand, and a missing one is made from the one declaration; where that is refused, sending waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Set

from shared.contracts.topics import lane_topic
from shared.kafka.admin import apply_topics
from shared.kafka.settings import KafkaSettings


class LaneTopics:
    """Asks the broker once for each destination."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._known: set[str] = set()
        self._lock = asyncio.Lock()

    async def ensure(self, destinations: Set[str]) -> None:
        """Returns when all their topics exist, after one request at most; raises `KafkaUnavailable`."""
        if destinations <= self._known:
            return
        async with self._lock:
            missing = destinations - self._known
            if missing:
                await apply_topics(self._kafka, [lane_topic(name) for name in sorted(missing)])
                self._known |= missing
