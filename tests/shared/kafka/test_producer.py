"""The producer against the real broker: running, frozen, and back again."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.events import Step, SubmissionEvent
from shared.errors import KafkaUnavailable
from shared.kafka.cloudevents import CloudMessage, read
from shared.kafka.events import event_message
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from tests.support.servers import AnyKafka

pytestmark = pytest.mark.servers
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


def message(submission_id: UUID) -> CloudMessage:
    event = SubmissionEvent(submission_id=submission_id, step=Step.OPENED, at=datetime.now(UTC))
    return event_message(event, source="/test", traceparent=TRACE)


async def read_all(bootstrap: str, topic: str) -> list[tuple[bytes, UUID]]:
    """Key and submission id of every record on the topic."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found = []
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    _, event = read(SubmissionEvent, record.headers, record.value)
                    found.append((record.key, event.submission_id))
        return found
    finally:
        await consumer.stop()


async def becomes(producer: Producer, *, healthy: bool, within_s: float) -> float:
    """Seconds until the producer's health is as wanted."""
    began = time.monotonic()
    async with asyncio.timeout(within_s):
        while producer.healthy is not healthy:
            await asyncio.sleep(0.01)
    return time.monotonic() - began


async def test_what_was_sent_concurrently_is_all_there(patient: Producer, kafka: str, topic: str) -> None:
    ids = [uuid4() for _ in range(500)]
    await asyncio.gather(*(patient.send(topic, id_, message(id_)) for id_ in ids))
    found = await read_all(kafka, topic)
    assert sorted(found) == sorted((str(id_).encode(), id_) for id_ in ids)


async def test_a_tombstone_can_be_sent(producer: Producer, kafka: str, topic: str) -> None:
    await producer.send_raw(topic, b"key", None)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 10)
    finally:
        await consumer.stop()
    assert (record.key, record.value) == (b"key", None)


async def test_a_missing_topic_is_unavailable_and_harms_no_other(producer: Producer, topic: str) -> None:
    began = time.monotonic()
    with pytest.raises(KafkaUnavailable):
        await producer.send("test.never-created", "key", message(uuid4()))
    assert time.monotonic() - began < 2.1
    assert producer.healthy
    await producer.send(topic, "key", message(uuid4()))


async def test_a_message_that_is_too_large_is_refused_before_it_is_sent(producer: Producer, topic: str) -> None:
    with pytest.raises(ValueError, match="larger than"):
        await producer.send_raw(topic, b"key", b"x" * 1_000_000)
    assert producer.healthy


async def test_without_a_broker_start_fails_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    producer = Producer(KafkaSettings(bootstrap=f"127.0.0.1:{port}"), client_id="test")
    began = time.monotonic()
    with pytest.raises(KafkaUnavailable):
        await producer.start()
    assert time.monotonic() - began < 2.1
    await producer.stop()


async def test_after_stop_nothing_is_sent(kafka: str, topic: str) -> None:
    producer = Producer(KafkaSettings(bootstrap=kafka), client_id="test")
    await producer.start()
    await producer.stop()
    assert not producer.healthy
    with pytest.raises(KafkaUnavailable):
        await producer.send(topic, "key", message(uuid4()))


async def test_a_frozen_broker_is_noticed_without_sending(producer: Producer, kafka_server: AnyKafka) -> None:
    assert producer.healthy
    kafka_server.process.pause()
    try:
        assert await becomes(producer, healthy=False, within_s=4) < 3
    finally:
        kafka_server.process.resume()
    await becomes(producer, healthy=True, within_s=10)


async def test_sends_to_a_frozen_broker_fail_in_time_and_the_producer_recovers(
    producer: Producer, kafka_server: AnyKafka, kafka: str, topic: str
) -> None:
    before, during, after = ([uuid4() for _ in range(20)] for _ in range(3))
    await asyncio.gather(*(producer.send(topic, id_, message(id_)) for id_ in before))
    kafka_server.process.pause()
    try:
        began = time.monotonic()
        results = await asyncio.gather(
            *(producer.send(topic, id_, message(id_)) for id_ in during), return_exceptions=True
        )
        assert time.monotonic() - began < 2.1
        assert {type(result) for result in results} == {KafkaUnavailable}
        began = time.monotonic()
        with pytest.raises(KafkaUnavailable):
            await producer.send(topic, "key", message(uuid4()))
        assert time.monotonic() - began < 0.1
    finally:
        kafka_server.process.resume()
    await becomes(producer, healthy=True, within_s=10)
    await asyncio.gather(*(producer.send(topic, id_, message(id_)) for id_ in after))
    found = {id_ for _, id_ in await read_all(kafka, topic)}
    assert set(before) | set(after) <= found


@pytest.mark.slow
async def test_a_killed_broker_that_returns_is_used_again(
    producer: Producer, kafka_server: AnyKafka, kafka: str, topic: str
) -> None:
    before, after = [uuid4() for _ in range(20)], [uuid4() for _ in range(20)]
    await asyncio.gather(*(producer.send(topic, id_, message(id_)) for id_ in before))
    await asyncio.to_thread(kafka_server.process.kill)
    try:
        await becomes(producer, healthy=False, within_s=4)
        with pytest.raises(KafkaUnavailable):
            await producer.send(topic, "key", message(uuid4()))
    finally:
        await asyncio.to_thread(kafka_server.start)
    await becomes(producer, healthy=True, within_s=10)
    await asyncio.gather(*(producer.send(topic, id_, message(id_)) for id_ in after))
    assert {id_ for _, id_ in await read_all(kafka, topic)} == set(before) | set(after)
