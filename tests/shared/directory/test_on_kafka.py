"""Follower and publisher on the real broker: planted records, restarts, a topic made anew, changes within 2 s."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.directory import PLATFORM_ID, Destination, JobcenterEntry, Rollout
from shared.contracts.topics import Topic, lane
from shared.directory.folder import read_tokens, write_token
from shared.directory.follower import Alarm, DirectoryFollower
from shared.directory.publisher import Published, publish_directory
from shared.directory.reading import close, read_records
from shared.directory.snapshot import Applied, Directory
from shared.errors import DirectoryUnavailable, KafkaUnavailable, Misconfigured
from shared.kafka.admin import admin_client, apply_topics
from shared.trust.anchor import sign_entry
from tests import keys
from tests.support.servers import AnyKafka, make_kafka

pytestmark = pytest.mark.servers


@pytest.fixture
async def topic(kafka: str) -> str:
    """A new, empty directory topic."""
    name = f"test.directory.{uuid.uuid4().hex[:12]}"
    await apply_topics(kafka, [Topic(name, "id", "directory", 1, {"cleanup.policy": "compact"})])
    return name


async def send(kafka: str, topic: str, *records: tuple[str | None, str | bytes | None]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for key, value in records:
            raw = value.encode() if isinstance(value, str) else value
            await producer.send_and_wait(topic, raw, key.encode() if key is not None else None)
    finally:
        await producer.stop()


class Seen:
    """Records what a follower tells, and waits for more without sleeping."""

    def __init__(self) -> None:
        self.alarms: list[Alarm] = []
        self.changes: list[str] = []
        self._news = asyncio.Event()

    def alarm(self, alarm: Alarm) -> None:
        self.alarms.append(alarm)
        self._news.set()

    def change(self, entry_id: str) -> None:
        self.changes.append(entry_id)
        self._news.set()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 30) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def following(kafka: str, topic: str, seen: Seen, **options: Any) -> AsyncIterator[DirectoryFollower]:
    follower = DirectoryFollower(kafka, keys.anchor(), seen.alarm, seen.change, topic=topic, **options)
    try:
        await follower.start(30)
        yield follower
    finally:
        await follower.stop()


def entry(version: int = 1, identity: str = "jobcenter-a", **fields: Any) -> JobcenterEntry:
    return keys.jobcenter_entry("a", identity, version=version).model_copy(update=fields)


async def test_start_returns_when_everything_was_read(kafka: str, topic: str) -> None:
    await send(
        kafka,
        topic,
        (PLATFORM_ID, keys.signed(keys.platform_entry())),
        ("jobcenter-a", keys.signed(entry(1))),
        ("jobcenter-a", keys.signed(entry(2))),
    )
    async with following(kafka, topic, seen := Seen()) as follower:
        assert follower.ready.is_set()
        assert follower.directory.version("jobcenter-a") == 2
        assert follower.directory.platform is not None
        assert follower.age_s is not None
    assert seen.alarms == []
    assert seen.changes == [PLATFORM_ID, "jobcenter-a", "jobcenter-a"]


async def test_planted_records_are_ignored_and_alarmed(kafka: str, topic: str) -> None:
    good = keys.signed(entry(2))
    await send(kafka, topic, ("jobcenter-a", good))
    foreign = sign_entry(entry(9, rollout=Rollout.TEST), keys.private_jwk("receipt"))
    planted: list[tuple[str | None, str | bytes | None, Applied]] = [
        ("jobcenter-a", entry(9).to_bytes(), Applied.IGNORED_UNSIGNED),
        ("jobcenter-a", good[:-4] + "AAAA", Applied.IGNORED_UNSIGNED),
        ("jobcenter-a", foreign, Applied.IGNORED_FOREIGN),
        ("jobcenter-a", keys.signed(entry(1)), Applied.IGNORED_OLDER),
        ("jobcenter-a", keys.signed(entry(2, rollout=Rollout.PAUSED)), Applied.IGNORED_CONFLICT),
        ("jobcenter-b", keys.signed(entry(9)), Applied.IGNORED_MISPLACED),
        (PLATFORM_ID, keys.signed(entry(9)), Applied.IGNORED_MISPLACED),
        ("jobcenter-a", keys.signed(keys.platform_entry(version=9)), Applied.IGNORED_MISPLACED),
        (
            "jobcenter-b",
            keys.signed(entry(9, "jobcenter-b", destinations=entry().destinations)),
            Applied.IGNORED_CONFLICT,
        ),
        ("jobcenter-a", None, Applied.IGNORED_TOMBSTONE),
        ("\N{LATIN SMALL LETTER O WITH DIAERESIS}", b"\xff", Applied.IGNORED_UNSIGNED),
    ]
    async with following(kafka, topic, seen := Seen()) as follower:
        await send(kafka, topic, *[(key, value) for key, value, _ in planted])
        await seen.until(lambda: len(seen.alarms) == len(planted))
        assert [alarm.applied for alarm in seen.alarms] == [applied for _, _, applied in planted]
        assert [alarm.offset for alarm in seen.alarms] == list(range(1, len(planted) + 1))
        assert follower.directory.entries() == (entry(2),)
        assert follower.directory.platform is None
        # a later good entry is still taken
        await send(kafka, topic, ("jobcenter-a", keys.signed(entry(3))))
        await seen.until(lambda: follower.directory.version("jobcenter-a") == 3)
    # and a reader that starts afterwards comes to the same
    async with following(kafka, topic, again := Seen()) as late:
        assert late.directory.entries() == (entry(3),)
        assert [alarm.applied for alarm in again.alarms] == [alarm.applied for alarm in seen.alarms]


async def test_a_change_is_seen_within_two_seconds(kafka: str, topic: str) -> None:
    async with following(kafka, topic, seen := Seen()) as follower:
        for version in range(1, 4):
            await send(kafka, topic, ("jobcenter-a", keys.signed(entry(version))))
            acknowledged = time.monotonic()
            await seen.until(lambda wanted=version: follower.directory.version("jobcenter-a") == wanted)  # type: ignore[misc]
            assert time.monotonic() - acknowledged < 2


async def test_without_a_broker_or_topic_it_says_so_and_goes_on_trying(kafka: str) -> None:
    name = f"test.directory.{uuid.uuid4().hex[:12]}"
    seen = Seen()
    follower = DirectoryFollower(kafka, keys.anchor(), seen.alarm, seen.change, topic=name)
    try:
        with pytest.raises(DirectoryUnavailable):
            await follower.start(0.2)
        assert follower.age_s is None
        await apply_topics(kafka, [Topic(name, "id", "directory", 1, {})])
        await send(kafka, name, ("jobcenter-a", keys.signed(entry())))
        await seen.until(lambda: seen.changes == ["jobcenter-a"])
        async with asyncio.timeout(30):
            await follower.ready.wait()
    finally:
        await follower.stop()


async def test_a_broker_that_is_not_there() -> None:
    follower = DirectoryFollower("127.0.0.1:1", keys.anchor())
    with pytest.raises(DirectoryUnavailable):
        await follower.start(0.5)
    await follower.stop()
    with pytest.raises(KafkaUnavailable):
        await publish_directory("127.0.0.1:1", keys.anchor(), Directory(keys.anchor()))


async def test_a_topic_made_anew_is_read_from_its_beginning(kafka: str, topic: str) -> None:
    await send(kafka, topic, *[("jobcenter-a", keys.signed(entry(version))) for version in range(1, 6)])
    async with following(kafka, topic, seen := Seen()) as follower:
        assert follower.directory.version("jobcenter-a") == 5
        async with admin_client(kafka) as admin:
            await _delete(admin, topic)
        await _create_again(kafka, topic)
        await send(kafka, topic, ("jobcenter-a", keys.signed(entry(6))))
        await seen.until(lambda: follower.directory.version("jobcenter-a") == 6, 60)


async def _delete(admin: AIOKafkaAdminClient, topic: str) -> None:
    await admin.delete_topics([topic])


async def _create_again(kafka: str, topic: str) -> None:
    async with asyncio.timeout(30):
        # deleting ends a moment after its answer; until then the old one "exists"
        while topic not in await apply_topics(kafka, [Topic(topic, "id", "directory", 1, {})]):
            continue


async def test_a_cache_finds_out_that_the_topic_lost_a_good_entry(kafka: str, topic: str, tmp_path: Path) -> None:
    write_token(tmp_path, "jobcenter-a", keys.signed(entry(7)))
    await send(
        kafka, topic, ("jobcenter-a", keys.signed(entry(3))), ("jobcenter-b", keys.signed(entry(1, "jobcenter-b")))
    )
    async with following(kafka, topic, seen := Seen(), cache=tmp_path) as follower:
        assert follower.directory.version("jobcenter-a") == 7
        assert [(alarm.applied, alarm.key) for alarm in seen.alarms] == [(Applied.IGNORED_OLDER, "jobcenter-a")]
        assert set(read_tokens(tmp_path)) == {"jobcenter-a", "jobcenter-b"}
        await send(kafka, topic, ("jobcenter-b", newer := keys.signed(entry(2, "jobcenter-b"))))
        await seen.until(lambda: follower.directory.version("jobcenter-b") == 2)
        assert read_tokens(tmp_path)["jobcenter-b"] == newer


def signed_directory(*entries: JobcenterEntry) -> Directory:
    directory = Directory(keys.anchor())
    for each in entries:
        assert directory.apply(each.id, keys.signed(each)) is Applied.OK
    return directory


async def test_publishing_creates_topics_first_and_is_idempotent(kafka: str) -> None:
    suffix = uuid.uuid4().hex[:8]
    name, first, town = f"test.directory.{suffix}", f"first-{suffix}", f"town-{suffix}"
    directory = signed_directory(entry(1, first))
    assert directory.apply(PLATFORM_ID, keys.signed(keys.platform_entry())) is Applied.OK
    assert await publish_directory(kafka, keys.anchor(), directory, topic=name) == Published((PLATFORM_ID, first), ())
    assert await publish_directory(kafka, keys.anchor(), directory, topic=name) == Published((), (PLATFORM_ID, first))
    assert len(await read_records(kafka, name)) == 2
    destinations = (Destination(id=first), Destination(id=town, municipality_keys=("05958020",)))
    assert directory.apply(first, keys.signed(entry(2, first, destinations=destinations))) is Applied.OK
    assert await publish_directory(kafka, keys.anchor(), directory, only=[first], topic=name) == Published((first,), ())
    async with admin_client(kafka) as admin:
        existing = set(await admin.list_topics())
    assert {lane(first), lane(town)} <= existing


async def test_publishing_heals_what_was_planted(kafka: str, topic: str) -> None:
    directory = signed_directory(entry(2, f"heal-{uuid.uuid4().hex[:8]}"))
    (name,) = directory.ids()
    await publish_directory(kafka, keys.anchor(), directory, topic=topic)
    await send(kafka, topic, (name, b"planted"))
    assert await publish_directory(kafka, keys.anchor(), directory, topic=topic) == Published((name,), ())
    records = await read_records(kafka, topic)
    assert records[-1] == (name, (directory.token(name) or "").encode())


async def test_a_folder_that_is_behind_publishes_nothing(kafka: str, topic: str) -> None:
    name = f"behind-{uuid.uuid4().hex[:8]}"
    await send(kafka, topic, (name, keys.signed(entry(5, name))))
    with pytest.raises(Misconfigured, match="the folder is behind"):
        await publish_directory(kafka, keys.anchor(), signed_directory(entry(4, name)), topic=topic)
    with pytest.raises(Misconfigured, match="another content"):
        other = signed_directory(entry(5, name, rollout=Rollout.TEST))
        await publish_directory(kafka, keys.anchor(), other, topic=topic)
    with pytest.raises(Misconfigured, match="no entry nobody"):
        await publish_directory(kafka, keys.anchor(), Directory(keys.anchor()), only=["nobody"], topic=topic)
    assert len(await read_records(kafka, topic)) == 1


@pytest.mark.slow
async def test_it_survives_a_restart_of_the_broker(tmp_path: Path) -> None:
    """On a broker of its own: stopped and started again with what it stored."""
    with make_kafka(tmp_path) as server:
        name = "test.directory"
        await apply_topics(server.bootstrap, [Topic(name, "id", "directory", 1, {})])
        await send(server.bootstrap, name, *[("jobcenter-a", keys.signed(entry(v))) for v in (1, 2)])
        async with following(server.bootstrap, name, seen := Seen()) as follower:
            await asyncio.to_thread(server.stop)
            assert follower.directory.version("jobcenter-a") == 2
            await asyncio.to_thread(server.start)
            await send(server.bootstrap, name, ("jobcenter-a", keys.signed(entry(3))))
            await seen.until(lambda: follower.directory.version("jobcenter-a") == 3, 60)
            assert seen.alarms == []
            assert seen.changes == ["jobcenter-a"] * 3
            await _stops_and_goes_on_while_frozen(server, name, follower, seen)


async def _stops_and_goes_on_while_frozen(
    server: AnyKafka, topic: str, follower: DirectoryFollower, seen: Seen
) -> None:
    """A frozen broker keeps its connections: nobody may wait for it for ever, and nobody may miss its return."""
    async with following(server.bootstrap, topic, Seen()) as another:
        server.process.pause()
        started = time.monotonic()
        await another.stop()
        assert time.monotonic() - started < 8
    server.process.resume()
    await send(server.bootstrap, topic, ("jobcenter-a", keys.signed(entry(4))))
    await seen.until(lambda: follower.directory.version("jobcenter-a") == 4, 60)


class StopsBadly:
    """A consumer as aiokafka's sometimes is: its own pending fetch cancels whoever stops it."""

    def __init__(self) -> None:
        self._client = self
        self.closed = False

    async def stop(self) -> None:
        raise asyncio.CancelledError

    async def close(self) -> None:
        self.closed = True


async def test_closing_a_consumer_never_cancels_its_reader() -> None:
    consumer = StopsBadly()
    await close(consumer)
    assert consumer.closed
