"""Keeps a `Directory` up to date from Kafka.

Order of use: `start` (returns when everything that was on the topic has been read), read `directory` at any time,
`stop`. A change is visible within two seconds of its acknowledgement. The broker may go and come back: the directory
keeps what it had, `age_s` grows meanwhile, and reading goes on where it stopped.

A topic that holds an older entry than this reader once had (somebody wrote over it, and compaction took the good one)
is found out by a reader with a `cache` folder: it keeps its own copy and alarms.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts import topics
from shared.directory.folder import read_tokens, write_token
from shared.directory.reading import POLL_MS, assign_all, behind, close, key_text, make_consumer
from shared.directory.snapshot import Applied, Directory, EntryVerifier
from shared.errors import DirectoryUnavailable, KafkaUnavailable
from shared.kafka.settings import KafkaSettings

STALL_S = 10.0
"""A consumer that gets nothing for so long although there is something is thrown away: after a broker's restart one
can stall without saying so."""
RETRY_S = 0.5
STOP_S = 2.0


@dataclass(frozen=True)
class Alarm:
    """A record that was ignored. `key` is the record's, shortened; never its content."""

    applied: Applied
    key: str
    partition: int
    offset: int


class DirectoryFollower:
    """See the module. `on_change` is called with the id of each entry that became visible, after it did.

    Both callbacks run on the event loop, must be quick, and must not raise.
    """

    def __init__(
        self,
        kafka: KafkaSettings | str,
        anchor: EntryVerifier,
        on_alarm: Callable[[Alarm], None] | None = None,
        on_change: Callable[[str], None] | None = None,
        *,
        topic: str = topics.DIRECTORY,
        cache: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = Directory(anchor)
        self.ready = asyncio.Event()
        self._kafka = kafka
        self._on_alarm = on_alarm
        self._on_change = on_change
        self._topic = topic
        self._cache = cache
        self._clock = clock
        self._caught_up_at: float | None = None
        self._next_offset: dict[TopicPartition, int] = {}
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def age_s(self) -> float | None:
        """Seconds since the directory was last known to be complete; `None` before the first time."""
        return None if self._caught_up_at is None else self._clock() - self._caught_up_at

    async def start(self, timeout_s: float | None = None) -> None:
        """Begin, and wait until the topic has been read to its end.

        Waits for broker and topic to appear. Raises `DirectoryUnavailable` after `timeout_s`; the follower goes on
        trying all the same, until `stop`.
        """
        self._task = asyncio.create_task(self._run(), name="directory follower")
        waiting = asyncio.create_task(self.ready.wait())
        done, _ = await asyncio.wait({self._task, waiting}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task in done:
            self._task.result()  # a programming error: say so instead of waiting for ever
        if not self.ready.is_set():
            raise DirectoryUnavailable("the directory could not be read to its end")

    async def stop(self) -> None:
        """Let go of the broker: after the current poll, or after `STOP_S` when the broker does not answer."""
        self._stopping.set()
        if self._task is None:
            return
        await asyncio.wait({self._task}, timeout=STOP_S)
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._session()
            except (KafkaError, KafkaUnavailable, OSError, TimeoutError):
                # nothing to blame and nothing to lose: the directory stands; `age_s` tells whoever asks
                await self._pause()
            except asyncio.CancelledError:
                # aiokafka 0.14 lets cancellations of its own tasks out when the broker vanishes; ours would count here
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), RETRY_S)

    async def _session(self) -> None:
        """One consumer's life. Ends when stopping, or with an error after which another one must be made."""
        consumer = make_consumer(self._kafka)
        try:
            await consumer.start()
            partitions = await assign_all(consumer, self._topic)
            await self._seek(consumer, partitions)
            progress_at = self._clock()
            while not self._stopping.is_set():
                async with asyncio.timeout(STALL_S):
                    lag = await behind(consumer, partitions)
                if min(lag.values()) < 0:
                    self._next_offset.clear()
                    raise KafkaUnavailable("the topic was made anew")
                if not any(lag.values()):
                    progress_at = self._clock()
                    self._caught_up()
                elif self._clock() - progress_at > STALL_S:
                    raise KafkaUnavailable("the consumer stalls")
                # never cancelled: in aiokafka that would disable the consumer's poll check
                if await self._poll(consumer):
                    progress_at = self._clock()
        finally:
            await close(consumer)

    async def _seek(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        starts = await consumer.beginning_offsets(partitions)
        for partition in partitions:
            # going on where it stopped: read twice, the history would look like planted older entries
            consumer.seek(partition, max(starts[partition], self._next_offset.get(partition, 0)))

    async def _poll(self, consumer: AIOKafkaConsumer) -> bool:
        polled = await consumer.getmany(timeout_ms=POLL_MS)
        for partition, records in polled.items():
            for record in records:
                self._take(key_text(record.key), record.value, partition.partition, record.offset)
                self._next_offset[partition] = record.offset + 1
        return bool(polled)

    def _take(self, key: str, value: bytes | None, partition: int, offset: int) -> None:
        applied = self.directory.apply(key, value)
        if applied.is_alarm and self._on_alarm is not None:
            self._on_alarm(Alarm(applied, key[:100], partition, offset))
        if applied is Applied.OK:
            token = self.directory.token(key)
            if self._cache is not None and self.ready.is_set() and token is not None:
                write_token(self._cache, key, token)
            if self._on_change is not None:
                self._on_change(key)

    def _caught_up(self) -> None:
        if not self.ready.is_set() and self._cache is not None:
            self._merge_cache(self._cache)
        self._caught_up_at = self._clock()
        self.ready.set()

    def _merge_cache(self, cache: Path) -> None:
        """What this reader once had may be newer than what the topic still holds; then the topic is wrong."""
        for entry_id, token in read_tokens(cache).items():
            if self.directory.apply(entry_id, token) is Applied.OK:
                self.directory.alarms[Applied.IGNORED_OLDER] += 1
                if self._on_alarm is not None:
                    self._on_alarm(Alarm(Applied.IGNORED_OLDER, entry_id, -1, -1))
                if self._on_change is not None:
                    self._on_change(entry_id)
        for entry_id in self.directory.ids():
            token_now = self.directory.token(entry_id)
            if token_now is not None:
                write_token(cache, entry_id, token_now)
