"""Drafts in the store: sealed, never overwritten unseen, erased in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from services.portal.drafts import CHUNK_BYTES, Drafts, NewerDraft
from services.portal.records import Record
from services.portal.vault import Vault
from shared.errors import CannotOpen, StoreUnavailable
from shared.store.memory import MemoryStore
from tests.services.portal.conftest import Clock

DAY = 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def drafts(store: MemoryStore, clock: Clock) -> Drafts:
    return Drafts(store, clock)


def with_answer(name: str, value: object = "x"):  # type: ignore[no-untyped-def]
    return lambda record: record.changed(answers=record.answers | {name: value})


async def test_nothing_readable_lies_in_the_store(drafts: Drafts, store: MemoryStore) -> None:
    vault = Vault.new()
    await drafts.create(vault, Record(answers={"applicant.family_name": "Geheim"}), DAY)
    await drafts.write_file(vault, "f1", pieces(b"%PDF-1.7 Geheim"))
    everything = b"".join(store.objects.values()) + "".join(store.objects).encode()
    assert b"Geheim" not in everything
    assert b"family_name" not in everything
    assert vault.secret not in everything
    assert vault.cookie().encode() not in everything


async def test_every_writer_s_answer_survives(drafts: Drafts, store: MemoryStore) -> None:
    vault = Vault.new()
    await drafts.create(vault, Record(), DAY)
    await asyncio.gather(*(drafts.change(vault, with_answer(f"q{n}"), DAY) for n in range(6)))
    loaded = await drafts.load(vault)
    assert loaded is not None
    assert set(loaded.record.answers) == {f"q{n}" for n in range(6)}
    assert len(await store.list("drafts/")) == 1


async def test_a_stale_writer_two_revisions_behind_loses_nothing(drafts: Drafts, store: MemoryStore) -> None:
    """Its revision's key is free again, because the others have tidied up: it must notice all the same."""
    vault = Vault.new()
    await drafts.create(vault, Record(), DAY)
    stale = await drafts.load(vault)
    await drafts.change(vault, with_answer("a"), DAY)
    await drafts.change(vault, with_answer("b"), DAY)
    await drafts.change(vault, with_answer("c"), DAY, found=stale)
    loaded = await drafts.load(vault)
    assert loaded is not None
    assert set(loaded.record.answers) == {"a", "b", "c"}


async def test_a_revision_moved_or_put_back_does_not_open(drafts: Drafts, store: MemoryStore) -> None:
    vault = Vault.new()
    await drafts.create(vault, Record(answers={"a": "old"}), DAY)
    [key] = await store.list("drafts/")
    old = store.objects[key]
    await drafts.change(vault, with_answer("a", "new"), DAY)
    [newer] = await store.list("drafts/")
    store.objects[newer] = old
    assert await drafts.load(vault) is None


async def test_the_clear_head_cannot_be_changed(drafts: Drafts, store: MemoryStore) -> None:
    vault = Vault.new()
    await drafts.create(vault, Record(), DAY)
    [key] = await store.list("drafts/")
    raw = bytearray(store.objects[key])
    raw[5] ^= 1  # lives longer
    store.objects[key] = bytes(raw)
    assert await drafts.load(vault) is None


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 5])
async def test_files_come_back_whole(drafts: Drafts, store: MemoryStore, size: int) -> None:
    vault = Vault.new()
    content = bytes(range(256)) * (size // 256 + 1)
    written = await drafts.write_file(vault, "f1", pieces(content[:size]))
    assert written.size == size
    assert b"".join([chunk async for chunk in drafts.read_file(vault, "f1", written.chunks)]) == content[:size]
    await drafts.delete_file(vault, "f1")
    assert await store.list("drafts/") == []


async def test_a_broken_upload_leaves_nothing(drafts: Drafts, store: MemoryStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * (CHUNK_BYTES + 1)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await drafts.write_file(Vault.new(), "f1", broken())
    assert store.objects == {}


async def test_the_sweeper_erases_what_is_over_and_nothing_else(
    drafts: Drafts, store: MemoryStore, clock: Clock
) -> None:
    over, kept = Vault.new(), Vault.new()
    await drafts.create(over, Record(), DAY)
    await drafts.write_file(over, "f1", pieces(b"abc"))
    await drafts.create(kept, Record(), 3 * DAY)
    await drafts.write_file(kept, "f1", pieces(b"abc"))
    clock.pass_(days=1, seconds=1)
    assert await drafts.load(over) is None, "past its time even before the sweeper comes"
    assert await drafts.sweep() == 1
    assert await drafts.load(kept) is not None
    assert len(await store.list("drafts/")) == 2
    assert all(kept.draft_id in key for key in store.objects)


async def test_the_sweeper_goes_on_where_it_was_interrupted(drafts: Drafts, store: MemoryStore, clock: Clock) -> None:
    vault = Vault.new()
    await drafts.create(vault, Record(), DAY)
    await drafts.write_file(vault, "f1", pieces(b"abc"))
    clock.pass_(days=2)

    def stop(what: str, key: str) -> None:
        if what == "delete" and "/r/" in key:
            raise StoreUnavailable("off")

    store.before = stop
    with pytest.raises(StoreUnavailable):
        await drafts.sweep()
    store.before = lambda *_: None
    assert await drafts.sweep() == 1
    assert store.objects == {}


async def test_changing_what_is_gone_says_so(drafts: Drafts) -> None:
    with pytest.raises(CannotOpen):
        await drafts.change(Vault.new(), with_answer("a"), DAY)


class Newer(Record):
    """What a later version of the portal may write."""

    invented: str = ""


async def test_an_old_replica_neither_reads_nor_changes_what_a_newer_one_wrote(
    drafts: Drafts, store: MemoryStore
) -> None:
    vault = Vault.new()
    await drafts.create(vault, Newer(answers={"applicant.family_name": "Geheim"}, invented="Geheim"), DAY)
    before = dict(store.objects)
    for attempt in (lambda: drafts.load(vault), lambda: drafts.change(vault, with_answer("a"), DAY)):
        with pytest.raises(NewerDraft) as raised:
            await attempt()
        assert "Geheim" not in f"{raised.value!r}{raised.value.__cause__!r}"
    assert store.objects == before


def test_what_older_replicas_wrote_is_read() -> None:
    """Fields that came later have defaults: these are all that there were at first."""
    first = {"answers": {"applicant.family_name": "Muster"}, "stage": "editing", "attempt": 0, "files": []}
    record = Record.model_validate_json(json.dumps(first))
    assert record.answers == first["answers"]
    assert Record.model_validate({}).answers == {}


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]
