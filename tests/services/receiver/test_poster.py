"""Answers reach the platform, whatever it says at first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.receiver.journal import Journal
from services.receiver.poster import Poster
from tests.services.receiver.support import Clock


class World:
    def __init__(self, journal: Journal, session: aiohttp.ClientSession) -> None:
        self.journal, self.session, self.clock = journal, session, Clock()
        self.statuses: list[int] = []
        self.seen: list[tuple[str, str]] = []
        self.url = ""

    def poster(self) -> Poster:
        return Poster(self.journal, self.url, self.session, self.clock, first_s=0.001, most_s=0.002)

    async def take(self, request: web.Request) -> web.Response:
        self.seen.append((request.match_info["id"], await request.text()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    journal = Journal(tmp_path / "journal.sqlite3")
    async with aiohttp.ClientSession() as session:
        world = World(journal, session)
        app = web.Application()
        app.router.add_post("/base/v1/deliveries/{id}/events", world.take)
        async with TestServer(app) as server:
            world.url = str(server.make_url("/base"))
            yield world
    journal.close()


async def test_an_answer_that_was_taken_is_not_posted_again(world: World) -> None:
    poster, delivery = world.poster(), uuid4()
    await poster.enqueue(delivery, "a.b.c")
    await poster.post_due()
    await poster.post_due()
    assert world.seen == [(str(delivery), "a.b.c")]
    assert world.journal.outbox() == []


@pytest.mark.parametrize("status", [404, 429, 500, 502, 503, 302])
async def test_what_may_heal_is_posted_again(world: World, status: int) -> None:
    world.statuses = [status] * 3
    poster = world.poster()
    await poster.enqueue(uuid4(), "a.b.c")
    running = asyncio.create_task(poster.run())
    async with asyncio.timeout(10):
        while world.journal.outbox():
            await asyncio.sleep(0.005)
    running.cancel()
    assert len(world.seen) == 4


@pytest.mark.parametrize("status", [400, 401, 409, 413, 415])
async def test_what_never_heals_is_given_up_at_once(world: World, status: int) -> None:
    world.statuses = [status]
    poster = world.poster()
    await poster.enqueue(uuid4(), "a.b.c")
    await poster.post_due()
    assert world.journal.outbox() == []


async def test_one_answer_that_is_not_taken_does_not_hold_up_the_others(world: World) -> None:
    poster, first, second = world.poster(), uuid4(), uuid4()
    await poster.enqueue(first, "a.b.c")
    world.clock.now += timedelta(seconds=1)
    await poster.enqueue(second, "d.e.f")
    world.statuses = [404]
    await poster.post_due()
    assert [item.delivery_id for item in world.journal.outbox()] == [first]


async def test_nobody_listening_is_waited_for_and_not_for_ever(world: World) -> None:
    world.url = "http://127.0.0.1:1"
    poster = world.poster()
    await poster.enqueue(uuid4(), "a.b.c")
    await poster.post_due()
    assert len(world.journal.outbox()) == 1
    world.clock.now += timedelta(days=61)
    await asyncio.sleep(0.01)
    await poster.post_due()
    assert world.journal.outbox() == []


async def test_a_newer_answer_to_the_same_delivery_takes_the_older_ones_place(world: World) -> None:
    poster, delivery = world.poster(), uuid4()
    await poster.enqueue(delivery, "a.b.c")
    await poster.enqueue(delivery, "d.e.f")
    await poster.post_due()
    assert world.seen == [(str(delivery), "d.e.f")]
