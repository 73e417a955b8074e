"""Intake as processes on real servers: two replicas behind one store and one broker, and what happens when they die."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from devtools.portal import Portal, sha512_hex
from devtools.servers import KafkaServer, S3Server
from shared.contracts.topics import COMMON, RECEIVED
from tests.conftest import S3Access
from tests.services.intake.process import Running, environment, intake, prepare_kafka
from tests.services.intake.world import PDF, PORTAL, POSTCODE, SECRET, make_application
from tests.support.canary import find

pytestmark = pytest.mark.servers
PARTITIONS = next(topic.partitions for topic in COMMON if topic.name == RECEIVED)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker of its own: intake's topics have fixed names, and one test freezes it."""
    with KafkaServer(tmp_path_factory.mktemp("intake-kafka")) as server:
        asyncio.run(prepare_kafka(server.bootstrap))
        yield server


@pytest.fixture
def env(tmp_path: Path, broker: KafkaServer, s3: S3Access, bucket: str) -> dict[str, str]:
    return environment(tmp_path, broker.bootstrap, s3, bucket, INTAKE_SWEEP_INTERVAL_S="1", INTAKE_SWEEP_GRACE_S="2")


@asynccontextmanager
async def portal(running: Running) -> AsyncIterator[Portal]:
    async with aiohttp.ClientSession() as session:
        found = Portal(session, running.url, PORTAL, SECRET)
        await found.authenticate()
        yield found


async def opened(where: Portal) -> str:
    answer = await where.request("POST", "/v1/submissions", json={"service": "sgb2-hauptantrag", "postcode": POSTCODE})
    assert answer.status == 201, answer.body
    return str(answer.json["submission_id"])


async def uploaded(where: Portal, submission: str) -> str:
    answer = await where.upload(
        submission,
        filename="Bescheid.pdf",
        media_type="application/pdf",
        purpose="attachment",
        size=len(PDF),
        sha512_hex=sha512_hex(PDF),
        chunks=iter([PDF[:100], PDF[100:]]),
    )
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


async def received(bootstrap: str, submission: str) -> list[dict[str, Any]]:
    """Bodies on `submissions.received` with this key, read from the beginning."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(RECEIVED, number) for number in range(PARTITIONS)]
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        found = []
        while any([await consumer.position(part) < ends[part] for part in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [json.loads(record.value) for record in records if record.key == submission.encode()]
        return found
    finally:
        await consumer.stop()


async def test_two_replicas_and_a_clean_end(tmp_path: Path, env: dict[str, str], broker: KafkaServer) -> None:
    async with intake("one", tmp_path, env) as one, intake("two", tmp_path, env) as two:
        async with portal(one) as first, portal(two) as second:
            submission = await opened(first)
            document = await uploaded(second, submission)
            answers = await asyncio.gather(
                *(each.complete(submission, make_application(), [document]) for each in (first, second))
            )
            assert sorted(answer.status for answer in answers) == [200, 201]
            assert answers[0].body == answers[1].body
            again = await second.complete(submission, make_application(), [document])
            assert (again.status, again.body) == (200, answers[0].body)
            view = await first.status(submission)
            assert view.json["status"] == "accepted"
            async with aiohttp.ClientSession() as session, session.get(one.url + "/health/ready") as health:
                assert health.status == 200, await health.text()
        manifests = {body["manifest"] for body in await received(broker.bootstrap, submission)}
        assert manifests == {answers[0].json["receipt"]}
        assert await asyncio.to_thread(one.process.stop) == 0


async def test_kafka_frozen_after_the_opening(tmp_path: Path, env: dict[str, str], broker: KafkaServer) -> None:
    async with intake("one", tmp_path, env) as one, portal(one) as sender:
        submission = await opened(sender)
        broker.process.pause()
        try:
            began = asyncio.get_running_loop().time()
            stored = await sender.complete(submission, make_application(), [])
            took = asyncio.get_running_loop().time() - began
            # Which of the two depends on whether the probe noticed first; either is clear, and in time.
            assert stored.status in (202, 503), stored.body
            assert took < 2.5
            refused = await sender.request(
                "POST", "/v1/submissions", json={"service": "sgb2-hauptantrag", "postcode": POSTCODE}
            )
            assert refused.status == 503
            assert refused.headers["Retry-After"]
        finally:
            broker.process.resume()
        async with asyncio.timeout(60):
            while (answer := await sender.complete(submission, make_application(), [])).status not in (200, 201):
                assert answer.status in (202, 503), answer.body
                await asyncio.sleep(0.2)
        messages = await received(broker.bootstrap, submission)
        assert {body["manifest"] for body in messages} == {answer.json["receipt"]}


def peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


async def test_large_documents_take_no_memory_and_nothing_leaks(
    tmp_path: Path, env: dict[str, str], s3_server: S3Server
) -> None:
    """Four uploads of 40 MB at once grow the process by less than one of them; no word is in clear anywhere."""
    canary = "Kanarienvogelbescheid"
    line = f"{canary} ".encode() * 1000
    rounds = 40_000_000 // len(line)
    digest = hashlib.sha512(b"%PDF-1.7\n")
    for _ in range(rounds):
        digest.update(line)

    def chunks() -> Iterator[bytes]:
        yield b"%PDF-1.7\n"
        for _ in range(rounds):
            yield line

    async with intake("one", tmp_path, env) as one, portal(one) as sender:
        submission = await opened(sender)
        before = peak_kib(one.process.pid)

        async def send(number: int) -> str:
            answer = await sender.upload(
                submission,
                filename=f"{canary} {number}.pdf",
                media_type="application/pdf",
                purpose="attachment",
                size=9 + rounds * len(line),
                sha512_hex=digest.hexdigest(),
                chunks=chunks(),
            )
            assert answer.status == 201, answer.body
            return str(answer.json["id"])

        documents = await asyncio.gather(*(send(number) for number in range(4)))
        grown = peak_kib(one.process.pid) - before
        assert grown < 40_000, f"{grown} KiB"
        answer = await sender.complete(submission, make_application(canary=canary), list(documents))
        assert answer.status == 201, answer.body
        assert canary not in one.log.read_text()
    assert await asyncio.to_thread(find, [canary], [s3_server.folder]) == []
