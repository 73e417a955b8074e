"""Puts signed entries on `directory.jobcenters`, the topics of their destinations first.

Idempotent: what stands on the topic already is not sent again; what was planted over a good entry is written over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.contracts import topics
from shared.contracts.directory import JobcenterEntry
from shared.contracts.topics import Topic
from shared.directory.reading import client_options, read_records
from shared.directory.snapshot import Directory, EntryVerifier
from shared.errors import KafkaUnavailable, Misconfigured
from shared.kafka.admin import apply_topics
from shared.kafka.settings import KafkaSettings

CONTENT_TYPE = "application/jose"


class Sender(Protocol):
    """What is needed of an `AIOKafkaProducer`: the call returns when the broker has acknowledged."""

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, *, headers: Sequence[tuple[str, bytes]]
    ) -> object: ...


@dataclass(frozen=True)
class Published:
    """Ids that were sent, and ids that stood there already."""

    sent: tuple[str, ...]
    unchanged: tuple[str, ...]


async def publish(producer: Sender, tokens: dict[str, str], *, topic: str = topics.DIRECTORY) -> None:
    """Send signed entries (id → compact JWS), one after the other, each acknowledged."""
    for entry_id, token in tokens.items():
        headers = [("content-type", CONTENT_TYPE.encode())]
        await producer.send_and_wait(topic, token.encode("ascii"), entry_id.encode("ascii"), headers=headers)


def lane_topics(directory: Directory, entry_ids: Iterable[str]) -> tuple[Topic, ...]:
    """Topics of all destinations of these entries."""
    found = (directory.entry(entry_id) for entry_id in entry_ids)
    entries = [entry for entry in found if isinstance(entry, JobcenterEntry)]
    return tuple(topics.lane_topic(destination.id) for entry in entries for destination in entry.destinations)


async def publish_directory(
    kafka: KafkaSettings | str,
    anchor: EntryVerifier,
    directory: Directory,
    *,
    only: Iterable[str] | None = None,
    topic: str = topics.DIRECTORY,
) -> Published:
    """Publish a verified directory (of the operator's folder), or some of its entries.

    Raises `Misconfigured` when the topic holds a newer good entry: then the folder is not the source of truth, and
    signing on would contradict it. Raises `KafkaUnavailable`; what was sent until then stays and is not sent again.
    """
    chosen = sorted(set(directory.ids() if only is None else only))
    declared = next(each for each in topics.COMMON if each.name == topics.DIRECTORY)
    wanted = Topic(topic, declared.key, declared.content, declared.partitions, declared.config)
    await apply_topics(kafka, (wanted, *lane_topics(directory, chosen)))
    try:
        records = await read_records(kafka, topic)
        missing = _missing(anchor, directory, chosen, records)
        await _send(kafka, missing, topic)
    except KafkaError as error:
        raise KafkaUnavailable(type(error).__name__) from error
    return Published(tuple(missing), tuple(entry_id for entry_id in chosen if entry_id not in missing))


def _missing(
    anchor: EntryVerifier, directory: Directory, chosen: Iterable[str], records: Iterable[tuple[str, bytes | None]]
) -> dict[str, str]:
    published = Directory(anchor)
    latest: dict[str, bytes | None] = {}
    for key, value in records:
        published.apply(key, value)
        latest[key] = value
    missing = {}
    for entry_id in chosen:
        token = directory.token(entry_id)
        if token is None:
            raise Misconfigured(f"no entry {entry_id}")
        if published.version(entry_id) > directory.version(entry_id):
            raise Misconfigured(f"{entry_id}: version {published.version(entry_id)} is published, the folder is behind")
        same_version = published.version(entry_id) == directory.version(entry_id)
        if same_version and published.get(entry_id) != directory.get(entry_id):
            raise Misconfigured(f"{entry_id}: this version was published with another content")
        if latest.get(entry_id) != token.encode("ascii"):
            missing[entry_id] = token
    return missing


async def _send(kafka: KafkaSettings | str, tokens: dict[str, str], topic: str) -> None:
    if not tokens:
        return
    producer = AIOKafkaProducer(**client_options(kafka), acks="all", enable_idempotence=True, linger_ms=0)
    await producer.start()
    try:
        await publish(producer, tokens, topic=topic)
    finally:
        await producer.stop()
