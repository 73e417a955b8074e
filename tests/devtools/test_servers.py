"""The servers that all other tests stand on are the real ones, and answer."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from minio import Minio

from tests.conftest import S3Access
from tests.support.servers import make_kafka

pytestmark = pytest.mark.servers


async def test_broker_keeps_what_was_acknowledged(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic("servers-check", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait("servers-check", b"value", key=b"key")
    await producer.stop()
    consumer = AIOKafkaConsumer("servers-check", bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    record = await consumer.getone()
    await consumer.stop()
    assert (record.key, record.value) == (b"key", b"value")


def test_store_keeps_objects_in_the_bucket(s3: S3Access, bucket: str, bucket_folder: Path) -> None:
    client = Minio(s3["endpoint"], access_key=s3["access_key"], secret_key=s3["secret_key"], secure=False)
    client.put_object(bucket, "a/b", io.BytesIO(b"bytes"), 5)
    assert (bucket_folder / "a/b").read_bytes() == b"bytes"
    client._http.clear()


@pytest.mark.slow
async def test_broker_restarts_with_its_data(tmp_path: Path) -> None:
    with make_kafka(tmp_path) as server:
        admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("survives", 1, 1)])
        await admin.close()
        server.stop()
        server.start()
        admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap)
        await admin.start()
        assert "survives" in await admin.list_topics()
        await admin.close()
