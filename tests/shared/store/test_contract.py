"""The store port's guarantees, for the real server and for the double alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest

from shared.store.memory import MemoryStore
from shared.store.port import Store
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from tests.conftest import S3Access

RACES = 100
WRITERS = 4


@dataclass(frozen=True)
class Subject:
    """A store, and a way to write conditionally with a body that arrives slowly."""

    store: Store
    put_new_slowly: Callable[[str, bytes], Awaitable[bool]]


async def dribble(body: bytes) -> AsyncIterator[bytes]:
    """Small pieces with pauses: the writers' bodies overlap, as those of slow networks do."""
    step = max(1, len(body) // 4)
    for start in range(0, len(body), step):
        yield body[start : start + step]
        await asyncio.sleep(0.02)


@pytest.fixture(params=[pytest.param("s3", marks=pytest.mark.servers), "memory"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        memory = MemoryStore()

        async def slowly(key: str, body: bytes) -> bool:
            collected = b"".join([chunk async for chunk in dribble(body)])
            return await memory.put_new(key, collected)

        yield Subject(memory, slowly)
        return
    access: S3Access = request.getfixturevalue("s3")
    settings = StoreSettings(**access, bucket=request.getfixturevalue("bucket"), secure=False)
    async with S3Store.open(settings) as store:

        async def raw_slowly(key: str, body: bytes) -> bool:
            headers = {"If-None-Match": "*", "Content-Length": str(len(body))}
            async with store.session.put(store.presign("PUT", key), data=dribble(body), headers=headers) as response:
                assert response.status in (200, 409, 412), response.status
                return response.status == 200

        yield Subject(store, raw_slowly)


async def chunks(*parts: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if error is not None:
        raise error


class TestStore:
    async def test_a_free_key_holds_nothing(self, subject: Subject) -> None:
        store = subject.store
        assert await store.get("free/key") is None
        assert not await store.exists("free/key")
        assert await store.size("free/key") is None
        async with store.get_stream("free/key") as stream:
            assert stream is None
        await store.delete("free/key")

    @pytest.mark.parametrize("body", [b"", b"x", b"\x00\xff\r\n" * 50_000], ids=["empty", "byte", "binary"])
    async def test_what_was_put_is_there_until_deleted(self, subject: Subject, body: bytes) -> None:
        store = subject.store
        await store.put("a/object", b"earlier and longer than a byte")
        await store.put("a/object", body)
        assert await store.get("a/object") == body
        assert await store.size("a/object") == len(body)
        assert await store.exists("a/object")
        async with store.get_stream("a/object") as stream:
            assert stream is not None
            assert stream.size == len(body)
            assert b"".join([chunk async for chunk in stream.chunks]) == body
        await store.delete("a/object")
        assert await store.get("a/object") is None
        assert not await store.exists("a/object")

    async def test_the_first_conditional_write_wins(self, subject: Subject) -> None:
        store = subject.store
        assert await store.put_new("a/outcome", b"first") is True
        assert await store.put_new("a/outcome", b"second") is False
        assert await store.get("a/outcome") == b"first"
        await store.delete("a/outcome")
        assert await store.put_new("a/outcome", b"third") is True

    async def test_put_new_does_not_replace_what_put_wrote(self, subject: Subject) -> None:
        await subject.store.put("a/outcome", b"")
        assert await subject.store.put_new("a/outcome", b"second") is False
        assert await subject.store.get("a/outcome") == b""

    async def test_a_stream_is_stored_exactly(self, subject: Subject) -> None:
        parts = [bytes([number]) * 100_000 for number in range(12)]
        await subject.store.put_stream("a/parts/1", 1_200_000, chunks(*parts))
        assert await subject.store.get("a/parts/1") == b"".join(parts)

    @pytest.mark.parametrize("sent", [0, 1, 99_999, 6_000_000], ids=["none", "byte", "almost", "megabytes"])
    async def test_a_stream_that_breaks_leaves_nothing(self, subject: Subject, sent: int) -> None:
        with pytest.raises(LookupError, match="the sender is gone"):
            await subject.store.put_stream(
                "a/parts/2", sent + 1, chunks(b"x" * sent, error=LookupError("the sender is gone"))
            )
        assert await stays_absent(subject.store, "a/parts/2")

    @pytest.mark.parametrize(("size", "sent"), [(10, 9), (10, 11), (8_000_000, 7_999_999), (8_000_000, 8_000_001)])
    async def test_a_stream_of_another_size_leaves_nothing(self, subject: Subject, size: int, sent: int) -> None:
        with pytest.raises(ValueError, match="than announced"):
            await subject.store.put_stream("a/parts/3", size, chunks(b"x" * (sent // 2), b"x" * (sent - sent // 2)))
        assert await stays_absent(subject.store, "a/parts/3")

    async def test_a_cancelled_stream_leaves_nothing(self, subject: Subject) -> None:
        started = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield b"x" * 5_000_000
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(subject.store.put_stream("a/parts/4", 9_000_000, endless()))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await stays_absent(subject.store, "a/parts/4")

    async def test_a_list_is_complete_and_sorted(self, subject: Subject) -> None:
        store, submission, other = subject.store, str(uuid4()), str(uuid4())
        wanted = [f"{submission}/parts/{number:02d}" for number in range(30)] + [f"{submission}/outcome"]
        await asyncio.gather(*(store.put(key, b"x") for key in [*wanted, f"{other}/outcome", f"open/{submission}/o"]))
        assert await store.list(f"{submission}/") == sorted(wanted)
        assert await store.list(f"{submission}/parts/") == sorted(wanted[:-1])
        assert await store.list("open/") == [f"open/{submission}/o"]
        assert await store.list("nothing/") == []

    async def test_the_bucket_answers(self, subject: Subject) -> None:
        await subject.store.check()

    async def test_four_writers_with_slow_bodies_have_one_winner_each_time(self, subject: Subject) -> None:
        """Earlier versions of the default server let several win: versitygw 1.7.0 in 49 of 300 races."""
        began = time.monotonic()

        async def race(number: int) -> None:
            key = f"race/{number}/outcome"
            bodies = [f"{number}:{writer}:".encode() * 400 for writer in range(WRITERS)]
            won = await asyncio.gather(*(subject.put_new_slowly(key, body) for body in bodies))
            assert won.count(True) == 1
            assert await subject.store.get(key) == bodies[won.index(True)]

        for start in range(0, RACES, 10):
            await asyncio.gather(*(race(number) for number in range(start, start + 10)))
        assert time.monotonic() - began < 25


async def stays_absent(store: Store, key: str) -> bool:
    """Absent now, and free for another, whose bytes then stay."""
    if await store.get(key) is not None:
        return False
    assert await store.put_new(key, b"now taken") is True
    return await store.get(key) == b"now taken"
