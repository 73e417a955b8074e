"""Many messages in few requests, against the real broker: nothing else differs from sending each by itself."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from shared.contracts.messages import Delivery
from shared.contracts.topics import Topic
from shared.errors import KafkaUnavailable
from shared.kafka.admin import apply_topics
from shared.kafka.events import delivery_message
from shared.kafka.producer import MAX_BATCH_BYTES, Outgoing, Producer
from tests.shared.kafka.test_producer import TRACE, becomes
from tests.support.servers import AnyKafka

pytestmark = pytest.mark.servers


def outgoing(topic: str, *, size: int = 1500) -> Outgoing:
    """A message of about `size` bytes."""
    body = Delivery(
        submission_id=uuid4(),
        generation=0,
        destination="kreis-offenbach",
        delivery_id=uuid4(),
        manifest="x" * size,
        routed_at=datetime.now(UTC),
    )
    return Outgoing(topic, body.submission_id, delivery_message(body, source="/test", traceparent=TRACE))


async def made(kafka: str, *topics: Topic) -> list[str]:
    return await apply_topics(kafka, topics)


def one(partitions: int = 1, **config: str) -> Topic:
    return Topic(f"test.many.{uuid4()}", "id", "test", partitions, config)


async def records(bootstrap: str, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """All that stands on the topic, each partition's in its order."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found: list[ConsumerRecord[bytes, bytes]] = []
        ends = await consumer.end_offsets(consumer.assignment())
        while len(found) < sum(ends.values()):
            for some in (await consumer.getmany(timeout_ms=200)).values():
                found += some
        return found
    finally:
        await consumer.stop()


def key(message: Outgoing) -> bytes:
    return str(message.key).encode()


async def test_all_are_there_whole_and_in_order(patient: Producer, kafka: str) -> None:
    """More than a request carries for a partition, and several topics."""
    lanes = await made(kafka, one(), one())
    messages = [outgoing(lanes[number % 7 == 0]) for number in range(600)]
    assert sum(len(each.message.to_kafka()[0]) for each in messages) > 3 * MAX_BATCH_BYTES
    assert await patient.send_many(messages) == [None] * 600
    for lane in lanes:
        expected = [each for each in messages if each.topic == lane]
        found = await records(kafka, lane)
        assert [record.key for record in found] == [key(each) for each in expected]
        assert [(record.value, list(record.headers)) for record in found] == [
            each.message.to_kafka() for each in expected
        ]


async def test_a_key_has_one_partition_however_it_is_sent(patient: Producer, kafka: str, topic: str) -> None:
    messages = [outgoing(topic) for _ in range(40)]
    await asyncio.gather(*(patient.send(*each) for each in messages))
    assert await patient.send_many(messages) == [None] * 40
    await asyncio.gather(*(patient.send(*each) for each in messages))
    where: dict[bytes | None, list[int]] = {}
    for record in await records(kafka, topic):
        where.setdefault(record.key, []).append(record.partition)
    assert {len(partitions) for partitions in where.values()} == {3}
    assert {len(set(partitions)) for partitions in where.values()} == {1}
    assert len({partitions[0] for partitions in where.values()}) == 4  # and all partitions are used


async def test_many_at_the_same_time_share_a_producer(patient: Producer, kafka: str, topic: str) -> None:
    """Batches and single messages go to the same partitions meanwhile: the sequence numbers must stay in order."""
    groups = [[outgoing(topic) for _ in range(50)] for _ in range(8)]
    single = [outgoing(topic) for _ in range(50)]
    outcomes, *_ = await asyncio.gather(
        asyncio.gather(*(patient.send_many(group) for group in groups)),
        *(patient.send(*each) for each in single),
    )
    assert outcomes == [[None] * 50] * 8
    found = [record.key for record in await records(kafka, topic)]
    assert sorted(found) == sorted(key(each) for group in [*groups, single] for each in group)
    assert patient.healthy


async def test_one_that_is_too_large_is_refused_alone(patient: Producer, kafka: str, topic: str) -> None:
    messages = [outgoing(topic), outgoing(topic, size=1_000_000), outgoing(topic, size=900_000), outgoing(topic)]
    first, second, *rest = await patient.send_many(messages)
    assert (first, rest) == (None, [None, None])
    assert isinstance(second, ValueError)
    found = {record.key for record in await records(kafka, topic)}
    assert found == {key(each) for each in messages if each is not messages[1]}


async def test_what_the_broker_refuses_fails_with_its_topic_only(patient: Producer, kafka: str, topic: str) -> None:
    [narrow] = await made(kafka, one(**{"max.message.bytes": "4000"}))
    messages = [outgoing(narrow, size=100), outgoing(topic), outgoing(narrow, size=5_000)]
    refused, sent, large = await patient.send_many(messages)
    assert sent is None
    assert isinstance(refused, ValueError)
    assert isinstance(large, ValueError)
    assert patient.healthy
    assert await patient.send_many([messages[0]]) == [None]
    assert [record.key for record in await records(kafka, narrow)] == [key(messages[0])]


async def test_a_missing_topic_fails_alone(producer: Producer, kafka: str, topic: str) -> None:
    began = time.monotonic()
    missing, sent = await producer.send_many([outgoing("test.never-created"), outgoing(topic)])
    assert time.monotonic() - began < 2.1
    assert isinstance(missing, KafkaUnavailable)
    assert sent is None
    assert producer.healthy
    assert len(await records(kafka, topic)) == 1


async def test_nothing_is_sent_without_messages(producer: Producer) -> None:
    assert await producer.send_many([]) == []


async def test_a_frozen_broker_fails_all_in_time_and_the_producer_recovers(
    producer: Producer, kafka_server: AnyKafka, kafka: str, topic: str
) -> None:
    before, during, after = ([outgoing(topic) for _ in range(300)] for _ in range(3))
    assert await producer.send_many(before) == [None] * 300
    kafka_server.process.pause()
    try:
        began = time.monotonic()
        outcomes = await producer.send_many(during)
        assert time.monotonic() - began < 2.1
        assert {type(outcome) for outcome in outcomes} == {KafkaUnavailable}
    finally:
        kafka_server.process.resume()
    await becomes(producer, healthy=True, within_s=10)
    assert await producer.send_many(after) == [None] * 300
    found = [record.key for record in await records(kafka, topic)]
    assert {key(each) for each in before + after} <= set(found)


async def test_after_stop_nothing_is_sent(kafka: str, topic: str, producer: Producer) -> None:
    await producer.stop()
    [outcome] = await producer.send_many([outgoing(topic)])
    assert isinstance(outcome, KafkaUnavailable)
