"""Watches that the topics a service stands on are as declared; a service is unready while they are weaker.

In the development profile only a missing topic counts: one broker on loopback cannot be durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from shared.contracts.topics import Topic
from shared.errors import KafkaUnavailable
from shared.kafka.admin import WeaknessCode, check_topics
from shared.kafka.settings import KafkaSettings
from shared.settings import Profile
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)


class TopicWatch:
    """`start`, read `good` at any time, `stop`. A broker that is away changes nothing about what is known."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: Callable[[], Iterable[Topic]],
        *,
        interval_s: float = 60.0,
        retry_s: float = 1.0,
    ) -> None:
        """`topics` is asked in each round. While they are not good the round is `retry_s` long."""
        self.good = False
        self._kafka = kafka
        self._topics = topics
        self._interval_s = interval_s
        self._retry_s = retry_s
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="topic watch")

    async def stop(self) -> None:
        """Takes no longer than the request that is under way."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._look()
            except KafkaUnavailable as error:
                emit(log, logging.WARNING, "topics unknown", error=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._interval_s if self.good else self._retry_s)

    async def _look(self) -> None:
        strict = self._kafka.profile is Profile.PRODUCTION
        found = await check_topics(self._kafka, self._topics())
        weak = [each for each in found if strict or each.code is WeaknessCode.MISSING]
        for each in weak:
            emit(log, logging.ERROR, "topic too weak", topic=each.topic, code=each.code.value)
        self.good = not weak
