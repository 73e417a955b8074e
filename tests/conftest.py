"""Fixtures that everyone uses: the real broker and the real store, started once for a session."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import pytest

from tests.support.servers import AnyKafka, AnyStore, chosen, make_kafka, make_store


class S3Access(TypedDict):
    """How to reach the store; `endpoint` is host:port, plain HTTP."""

    endpoint: str
    access_key: str
    secret_key: str


def pytest_report_header() -> str:
    return f"servers: {chosen()} (SERVERS)"


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyKafka]:
    """The broker itself, for tests that pause or restart it: they must leave it running."""
    with make_kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(kafka_server: AnyKafka) -> str:
    """Bootstrap address of a fresh real broker. No topics exist: create your own, with names of your own."""
    return kafka_server.bootstrap


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyStore]:
    """The store itself, for tests that pause it or search what it holds."""
    with make_store(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def s3(s3_server: AnyStore) -> S3Access:
    return {
        "endpoint": s3_server.endpoint,
        "access_key": s3_server.access_key,
        "secret_key": s3_server.secret_key,
    }


@pytest.fixture
def bucket(s3: S3Access) -> str:
    """Name of a new, empty bucket."""
    from minio import Minio

    name = f"test-{uuid.uuid4().hex[:20]}"
    client = Minio(s3["endpoint"], access_key=s3["access_key"], secret_key=s3["secret_key"], secure=False)
    client.make_bucket(name)
    client._http.clear()  # else its sockets would warn when collected
    return name


@pytest.fixture
def bucket_folder(s3_server: AnyStore, bucket: str) -> Path:
    """Where the store keeps the bucket's bytes on disk."""
    return s3_server.folder / "data" / bucket
