"""One producer for each process: every send is awaited to the acknowledgement of all in-sync replicas.

What aiokafka 0.14 does not do by itself, and is done here:

- A send ends within `send_timeout_s`, whatever state the broker is in (stopped, gone, half open).
- After a timeout an idempotent producer may have lost a sequence number and then fails for good. It is replaced as soon
  as a broker answers again; nobody restarts the process.
- A frozen broker keeps its TCP connections. `healthy` therefore rests on a metadata request each second, not on
  sockets; while it is False, sends fail at once instead of filling the queue.

Failure is ambiguous: what was given up may still be written. All consumers tolerate repetition.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerClosed
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.errors import KafkaUnavailable
from shared.kafka.cloudevents import CloudMessage, Headers
from shared.kafka.settings import KafkaSettings
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

HEADER_ALLOWANCE_BYTES: Final = 2048
FIND_SHARE: Final = 0.8
"""Share of a send's time that finding its topic may take."""
MAX_BATCH_BYTES: Final = 262_144
"""What one request carries for one partition; aiokafka's own 16 KiB are ten messages. A larger message goes alone."""

_partition_for: Final = DefaultPartitioner()


class Outgoing(NamedTuple):
    """One of many messages that are sent together."""

    topic: str
    key: UUID | str
    message: CloudMessage


class _Record(NamedTuple):
    key: bytes
    value: bytes | None
    headers: Headers


class Producer:
    """`start`, any number of concurrent `send`s, `stop`. Safe for concurrent use within one event loop."""

    def __init__(self, settings: KafkaSettings, *, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._inner: AIOKafkaProducer | None = None
        self._healthy = False
        self._broken = asyncio.Event()
        self._probe: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def healthy(self) -> bool:
        """A broker answered the last probe, and the producer in use has not failed."""
        return self._healthy

    async def start(self) -> None:
        """Connects; raises `KafkaUnavailable` when no broker answers in time."""
        await self._renew()
        self._probe = asyncio.create_task(self._watch(), name="kafka-probe")

    async def stop(self) -> None:
        """Waits up to `stop_timeout_s` for what is on its way, then closes."""
        if self._probe is not None:
            self._probe.cancel()
            with suppress(asyncio.CancelledError):
                await self._probe
            self._probe = None
        self._healthy = False
        if self._inner is not None:
            self._retire(self._inner)
            self._inner = None
        if self._retiring:
            await asyncio.gather(*self._retiring)

    async def send(self, topic: str, key: UUID | str, message: CloudMessage) -> None:
        """Returns when all in-sync replicas have the message.

        Raises `KafkaUnavailable` after `send_timeout_s` at the latest, ValueError for a message that is too large.
        """
        value, headers = message.to_kafka()
        await self.send_raw(topic, str(key).encode("ascii"), value, headers)

    async def send_raw(self, topic: str, key: bytes, value: bytes | None, headers: Headers | None = None) -> None:
        """Like `send`, for what is no CloudEvent: directory entries, and tombstones (`value` None)."""
        record = _Record(key, value, headers or [])
        self._check_size(topic, record)

        async def attempt(inner: AIOKafkaProducer) -> None:
            await (await inner.send(topic, value=value, key=key, headers=record.headers))

        await self._acknowledged(topic, attempt)

    async def send_many(self, messages: Sequence[Outgoing]) -> list[KafkaUnavailable | ValueError | None]:
        """Sends all of them in as few requests as possible; answers for each, in order, what `send` would have raised.

        For the same key it is the same partition as `send`'s, and the order on a partition is the order given. A topic
        fails as a whole: of what failed some may be written, as with every failure.
        """
        errors: list[KafkaUnavailable | ValueError | None] = [None] * len(messages)
        by_topic: dict[str, dict[int, _Record]] = defaultdict(dict)
        for number, (topic, key, message) in enumerate(messages):
            record = _Record(str(key).encode("ascii"), *message.to_kafka())
            try:
                self._check_size(topic, record)
            except ValueError as error:
                errors[number] = error
            else:
                by_topic[topic][number] = record

        async def send(topic: str, records: dict[int, _Record]) -> None:
            try:
                await self._acknowledged(topic, lambda inner: _send_together(inner, topic, records.values()))
            except (KafkaUnavailable, ValueError) as error:
                for number in records:
                    errors[number] = error

        await asyncio.gather(*(send(topic, records) for topic, records in by_topic.items()))
        return errors

    def _check_size(self, topic: str, record: _Record) -> None:
        if len(record.value or b"") + len(record.key) + HEADER_ALLOWANCE_BYTES > self._settings.max_message_bytes:
            raise ValueError(f"message for {topic} is larger than {self._settings.max_message_bytes} bytes")

    async def _acknowledged(self, topic: str, attempt: Callable[[AIOKafkaProducer], Awaitable[None]]) -> None:
        """Lets `attempt` send to the topic and wait for the answer, within `send_timeout_s`, and names what fails."""
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                try:
                    await attempt(await self._producer_for(topic))
                except ProducerClosed:
                    # Replaced between our look at it and our call. Nothing was sent, or, of many, some.
                    await attempt(await self._producer_for(topic))
        except MessageSizeTooLargeError:
            raise ValueError(f"message for {topic} is larger than the broker allows") from None
        except (KafkaError, TimeoutError) as error:
            self._fail()
            raise KafkaUnavailable(f"send to {topic}: {type(error).__name__}") from None

    async def _producer_for(self, topic: str) -> AIOKafkaProducer:
        inner = self._inner
        if inner is None or not self._healthy:
            raise KafkaUnavailable(f"send to {topic}: no broker answers")
        if inner.client.cluster.partitions_for_topic(topic) is None:
            await self._find(inner, topic)
        return inner

    async def _find(self, inner: AIOKafkaProducer, topic: str) -> None:
        """Waits for a topic's metadata. A topic that is missing is no reason to give up the producer for all others."""
        try:
            async with asyncio.timeout(self._settings.send_timeout_s * FIND_SHARE):
                await inner.partitions_for(topic)
        except ProducerClosed:
            raise
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailable(f"find {topic}: {type(error).__name__}") from None

    # -- keeping a producer that works -------------------------------------------------------------------------------

    def _fail(self) -> None:
        self._healthy = False
        self._broken.set()

    async def _watch(self) -> None:
        """Probes for ever; renews the producer after a failure."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.probe_interval_s):
                    await self._broken.wait()
            try:
                if self._broken.is_set():
                    await self._renew()
                elif self._inner is not None and not await self._answers(self._inner):
                    emit(log, logging.WARNING, "kafka does not answer")
                    self._fail()
            except KafkaUnavailable:
                await asyncio.sleep(self._settings.probe_interval_s)
            except Exception:
                # Whatever it is, the watch must go on: it is what repairs.
                log.exception("kafka probe failed")
                self._fail()
                await asyncio.sleep(self._settings.probe_interval_s)

    async def _answers(self, inner: AIOKafkaProducer) -> bool:
        update = asyncio.ensure_future(inner.client.force_metadata_update())
        done, _ = await asyncio.wait({update}, timeout=self._settings.probe_timeout_s)
        if not done:
            update.cancel()
            return False
        return update.exception() is None and bool(update.result())

    async def _renew(self) -> None:
        """Puts a fresh producer in place of the failed one; raises `KafkaUnavailable` when no broker answers."""
        fresh = AIOKafkaProducer(
            **self._settings.client_options(),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=self._settings.linger_ms,
            request_timeout_ms=int(self._settings.send_timeout_s * 1000),
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=self._settings.max_message_bytes,
            metadata_max_age_ms=30_000,
        )
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                await fresh.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._discard(fresh)
            raise KafkaUnavailable(f"connect: {type(error).__name__}") from None
        except BaseException:
            await self._discard(fresh)
            raise
        previous, self._inner = self._inner, fresh
        self._broken.clear()
        self._healthy = True
        if previous is not None:
            emit(log, logging.WARNING, "kafka producer replaced")
            self._retire(previous)

    def _retire(self, inner: AIOKafkaProducer) -> None:
        task = asyncio.create_task(self._close(inner), name="kafka-retire")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _close(self, inner: AIOKafkaProducer) -> None:
        """Lets it finish what is on its way, then closes it for good."""
        try:
            async with asyncio.timeout(self._settings.stop_timeout_s):
                await inner.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            emit(log, logging.WARNING, "kafka producer did not stop cleanly", error=error)
            await self._discard(inner)

    @staticmethod
    async def _discard(inner: AIOKafkaProducer) -> None:
        """Frees sockets and tasks of a producer that cannot be stopped in the ordinary way."""
        private: Any = inner
        private._closed = True
        task = private._sender.sender_task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1)
        await inner.client.close()


async def _send_together(inner: AIOKafkaProducer, topic: str, records: Iterable[_Record]) -> None:
    """In batches, each partition's one after the other. Returns, or raises, when all of them are answered."""
    partitions = sorted(inner.client.cluster.partitions_for_topic(topic) or ())
    by_partition: dict[int, list[BatchBuilder]] = defaultdict(list)
    for key, value, headers in records:
        batches = by_partition[_partition_for(key, partitions, partitions) if len(partitions) > 1 else partitions[0]]
        if batches and batches[-1].append(timestamp=None, key=key, value=value, headers=headers) is not None:
            continue
        batches.append(inner.create_batch())
        batches[-1].append(timestamp=None, key=key, value=value, headers=headers)  # an empty one takes any message

    async def send(partition: int, batches: list[BatchBuilder]) -> None:
        for batch in batches:
            await (await inner.send_batch(batch, topic, partition=partition))

    sending = (send(partition, batches) for partition, batches in by_partition.items())
    for outcome in await asyncio.gather(*sending, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
