"""A replica that dies, or stands still, at any step; another one goes on. The store decides, and nothing is lost.

Every operation of store and Kafka is counted; each test dies before or after one of them, for all of them in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake import documents, openings
from services.intake.completion import Completed, complete
from services.intake.door import Door
from services.intake.dossier import Order
from services.intake.openings import Request
from services.intake.records import Document
from services.intake.uploads import Announced
from services.intake.withdraw import withdraw
from shared.contracts.manifest import Manifest
from shared.contracts.stored import Outcome, OutcomeKind
from shared.errors import OurError, SenderError
from shared.form.metadata import Purpose
from shared.sealing.jwe import open_part
from shared.store import keys
from shared.trust.manifests import verify_manifest
from tests import keys as test_keys
from tests.services.intake.world import PDF, PORTAL, POSTCODE, World, make_application

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Died(BaseException):
    """The process is gone: nothing of it, not even a `finally`, may reach store or Kafka any more."""


@dataclass
class Reaper:
    """Counts what reaches store and Kafka, and ends it all at one step."""

    world: World
    at: int | None = None
    when: str = "before"
    count: int = 0
    dead: bool = False

    def __post_init__(self) -> None:
        store, kafka = self.world.store, self.world.kafka
        store.before = lambda what, key: self._step("before")
        store.after = lambda what, key: self._step("after")
        kafka.before = lambda topic: self._step("before")
        kafka.after = lambda topic: self._step("after")

    def _step(self, when: str) -> None:
        if self.dead:
            raise Died
        if when == "before":
            self.count += 1
        if self.at == self.count and when == self.when:
            self.dead = True
            raise Died

    def bury(self) -> None:
        """Another process lives on."""
        self.at, self.dead = None, False


async def body() -> AsyncIterator[bytes]:
    yield PDF[:50]
    yield PDF[50:]


async def open_and_upload(door: Door) -> tuple[UUID, Document]:
    opened = await openings.open_submission(
        door, PORTAL, Request("sgb2-hauptantrag", POSTCODE), "key", TRACE, test_client=False
    )
    assert opened.opening is not None
    announced = Announced(len(PDF), "application/pdf", "Bescheid.pdf", Purpose.ATTACHMENT, {})
    document = await documents.upload(door, door.settings.upload_limits, opened.opening, announced, body())
    return opened.submission_id, document


async def whole_way(door: Door) -> Completed:
    submission, document = await open_and_upload(door)
    return await complete(door, PORTAL, submission, Order(make_application(), (document.id,)), TRACE)


def check(world: World, submission: UUID) -> Manifest | None:
    """What must hold of a submission that nobody is working on any more. The manifest, if it was accepted."""
    objects = world.store.objects
    assert not [key for key in objects if key.startswith("open/") and key != keys.SWEEPER], "left open"
    raw = objects.get(keys.outcome(submission))
    received = set(world.kafka.received(str(submission)))
    if raw is None:
        assert not received
        return None
    outcome = Outcome.model_validate_json(raw)
    if outcome.kind is not OutcomeKind.ACCEPTED:
        assert not received
        assert sorted(key for key in objects if str(submission) in key) == [keys.outcome(submission)]
        return None
    assert outcome.manifest is not None
    assert received == {outcome.manifest}, "exactly the outcome's manifest is on Kafka"
    manifest = verify_manifest(outcome.manifest, test_keys.platform_keys())
    parts = {UUID(key.rpartition("/")[2]) for key in objects if key.startswith(keys.parts_prefix(submission))}
    assert parts == {part.id for part in manifest.parts[2:]}, "all parts named, and no other"
    key_for = test_keys.key_for("a-encrypt")
    for part in manifest.parts[2:]:
        assert open_part(objects[keys.part(submission, part.id)], key_for)[0] == PDF
    return manifest


async def settle(world: World) -> None:
    """Time passes and another replica sweeps until nothing is open."""
    for _ in range(2):
        world.clock.advance(86_400)
        await world.sweeper().sweep()


async def steps_of(world: World) -> int:
    reaper = Reaper(world)
    done = await whole_way(world.door())
    assert done.status == 201
    return reaper.count


@pytest.mark.parametrize("when", ["before", "after"])
async def test_death_at_every_step(tmp_path: Path, when: str) -> None:
    total = await steps_of(World(tmp_path))
    assert total > 12
    for step in range(1, total + 1):
        world = World(tmp_path)
        reaper = Reaper(world, at=step, when=when)
        done: Completed | None = None
        with contextlib.suppress(Died):
            done = await whole_way(world.door())
        assert reaper.dead or when == "after", step
        reaper.bury()
        await settle(world)
        submissions = {key for _, key, _ in world.kafka.sent} | {
            key.split("/")[0] for key in world.store.objects if not key.startswith("open/")
        }
        for submission in submissions:
            manifest = check(world, UUID(submission))
            if done is not None:
                assert manifest is not None, (step, "a receipt without a delivery")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_sender_goes_on_with_another_replica(tmp_path: Path, when: str) -> None:
    """Whatever step the first replica died at, repeating everything ends in exactly one receipt."""
    total = await steps_of(World(tmp_path))
    for step in range(1, total + 1):
        world = World(tmp_path)
        reaper = Reaper(world, at=step, when=when)
        try:
            await whole_way(world.door())
        except Died:
            reaper.bury()
        door = world.door()
        opened = await openings.open_submission(
            door, PORTAL, Request("sgb2-hauptantrag", POSTCODE), "key", TRACE, test_client=False
        )
        submission = opened.submission_id
        if opened.outcome is None:
            world.clock.advance(door.settings.upload_timeout_s)
            stored = [each for each in await door.documents(submission) if each.stands(world.clock())]
            if not stored and opened.opening is not None:
                announced = Announced(len(PDF), "application/pdf", "Bescheid.pdf", Purpose.ATTACHMENT, {})
                limits = door.settings.upload_limits
                stored = [await documents.upload(door, limits, opened.opening, announced, body())]
            order = Order(make_application(), tuple(each.id for each in stored))
            assert (await complete(door, PORTAL, submission, order, TRACE)).receipt is not None
        await settle(world)
        assert check(world, submission) is not None


async def test_death_of_the_sweeper_at_every_step(tmp_path: Path) -> None:
    async def prepared() -> tuple[World, UUID]:
        world = World(tmp_path)
        submission, document = await open_and_upload(world.door())
        deleted = await open_and_upload_more(world, submission)
        await documents.delete(world.door(), await world.door().open_for(PORTAL, submission), deleted)
        world.kafka.silent = True
        done = await complete(world.door(), PORTAL, submission, Order(make_application(), (document.id,)), TRACE)
        assert done.status == 202
        world.kafka.silent = False
        world.clock.advance(11)
        return world, submission

    world, submission = await prepared()
    reaper = Reaper(world)
    await world.sweeper().sweep()
    assert check(world, submission) is not None
    total = reaper.count
    for when in ("before", "after"):
        for step in range(1, total + 1):
            world, submission = await prepared()
            reaper = Reaper(world, at=step, when=when)
            with pytest.raises(Died) if when == "before" else _maybe():
                await world.sweeper().sweep()
            reaper.bury()
            await world.sweeper().sweep()
            assert check(world, submission) is not None


async def open_and_upload_more(world: World, submission: UUID) -> UUID:
    door = world.door()
    opening = await door.open_for(PORTAL, submission)
    announced = Announced(len(PDF), "application/pdf", "Zweitens.pdf", Purpose.ATTACHMENT, {})
    return (await documents.upload(door, door.settings.upload_limits, opening, announced, body())).id


class _maybe:
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return kind is Died


async def test_completions_race_from_many_replicas(tmp_path: Path) -> None:
    for _ in range(20):
        world = World(tmp_path)
        submission, document = await open_and_upload(world.door())
        order = Order(make_application(), (document.id,))
        done = await asyncio.gather(*(complete(world.door(), PORTAL, submission, order, TRACE) for _ in range(4)))
        assert sorted(each.status for each in done) == [200, 200, 200, 201]
        assert len({each.receipt for each in done}) == 1
        assert check(world, submission) is not None


Act = Callable[[World, UUID, UUID], Awaitable[object]]


async def _complete(world: World, submission: UUID, document: UUID) -> object:
    return await complete(world.door(), PORTAL, submission, Order(make_application(), (document,)), TRACE)


async def _complete_without(world: World, submission: UUID, _document: UUID) -> object:
    return await complete(world.door(), PORTAL, submission, Order(make_application(), ()), TRACE)


async def _withdraw(world: World, submission: UUID, _document: UUID) -> object:
    return await withdraw(world.door(), PORTAL, submission, TRACE)


async def _delete(world: World, submission: UUID, document: UUID) -> object:
    door = world.door()
    return await documents.delete(door, await door.open_for(PORTAL, submission), document)


async def _upload(world: World, submission: UUID, _document: UUID) -> object:
    return await open_and_upload_more(world, submission)


async def _sweep(world: World, _submission: UUID, _document: UUID) -> object:
    return await world.sweeper().sweep()


async def _expire(world: World, _submission: UUID, _document: UUID) -> object:
    world.clock.advance(86_400)
    return await world.sweeper().sweep()


ACTS: dict[str, Act] = {
    "complete": _complete,
    "complete without": _complete_without,
    "withdraw": _withdraw,
    "delete": _delete,
    "upload": _upload,
    "sweep": _sweep,
    "expire": _expire,
}


@given(
    st.lists(st.sampled_from(sorted(ACTS)), min_size=2, max_size=5),
    st.lists(st.integers(0, 12), min_size=5, max_size=5),
)
@settings(max_examples=150, deadline=None)
def test_whatever_happens_at_once_ends_in_one_outcome(names: list[str], delays: list[int]) -> None:
    """Requests of several replicas interleaved at every store operation."""

    async def run() -> None:
        world = World(Path("/nonexistent"))
        submission, document = await open_and_upload(world.door())

        async def act(name: str, delay: int) -> object:
            for _ in range(delay):
                await asyncio.sleep(0)
            try:
                return await ACTS[name](world, submission, document.id)
            except (SenderError, OurError) as error:
                return error

        results = await asyncio.gather(*(act(name, delay) for name, delay in zip(names, delays, strict=False)))
        await settle(world)
        manifest = check(world, submission)
        receipts = {result.receipt for result in results if isinstance(result, Completed)}
        assert len(receipts) <= 1
        if receipts:
            assert manifest is not None

    asyncio.run(run())
