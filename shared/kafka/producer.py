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
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerClosed

from shared.errors import KafkaUnavailable
from shared.kafka.cloudevents import CloudMessage, Headers
from shared.kafka.settings import KafkaSettings
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

HEADER_ALLOWANCE_BYTES: Final = 2048
FIND_SHARE: Final = 0.8
"""Share of a send's time that finding its topic may take."""


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
        if len(value or b"") + len(key) + HEADER_ALLOWANCE_BYTES > self._settings.max_message_bytes:
            raise ValueError(f"message for {topic} is larger than {self._settings.max_message_bytes} bytes")
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                try:
                    await self._attempt(topic, key, value, headers)
                except ProducerClosed:
                    # Replaced between our look at it and our call: nothing was sent.
                    await self._attempt(topic, key, value, headers)
        except MessageSizeTooLargeError:
            raise ValueError(f"message for {topic} is larger than the broker allows") from None
        except (KafkaError, TimeoutError) as error:
            self._fail()
            raise KafkaUnavailable(f"send to {topic}: {type(error).__name__}") from None

    async def _attempt(self, topic: str, key: bytes, value: bytes | None, headers: Headers | None) -> None:
        inner = self._inner
        if inner is None or not self._healthy:
            raise KafkaUnavailable(f"send to {topic}: no broker answers")
        if inner.client.cluster.partitions_for_topic(topic) is None:
            await self._find(inner, topic)
        await (await inner.send(topic, value=value, key=key, headers=headers or []))

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
