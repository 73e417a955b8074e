"""Replicas that come and go, and a Jobcenter that says when to come again: delivery as processes."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web

from shared.contracts.control import LaneState
from shared.contracts.topics import LANES
from tests.services.delivery.running import Service, World, until
from tests.services.delivery.support import Receiver
from tests.services.delivery.test_operations import QUICK, all_settled, connect, send

pytestmark = [pytest.mark.servers]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().serve() as receiver:
        yield receiver


async def owners(world: World, names: list[str]) -> dict[str, str]:
    """Lane → the replica that last said it has it."""
    states = [LaneState.model_validate(body) for body in await world.bodies(LANES)]
    return {state.destination: state.owner for state in states if state.destination in names}


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_moves_no_lane(world: World, receiver: Receiver, ending: signal.Signals) -> None:
    names = [await connect(world, receiver) for _ in range(6)]
    patient = QUICK | {"session_timeout_ms": "30000"}
    replicas: list[Service] = [await world.service("delivery", number=number, **patient) for number in range(2)]

    async def both_work() -> bool:
        found = await owners(world, names)
        return found.keys() == set(names) and set(found.values()) == {"delivery-0", "delivery-1"}

    await until(both_work)
    before = await owners(world, names)
    assigned = [len(each.lines("lanes assigned")) for each in replicas]
    code = await replicas[0].end(ending)
    assert code == (0 if ending is signal.SIGTERM else -signal.SIGKILL)
    await replicas[0].start()
    made = [each for name in names for each in await send(world, name, 1)]
    await until(lambda: all_settled(world, made))
    assert len(replicas[1].lines("lanes assigned")) == assigned[1], "the other one noticed nothing"
    assert await owners(world, names) == before


async def test_retry_after_of_a_refusal_is_honoured_by_the_probe(world: World, receiver: Receiver) -> None:
    name = await connect(world, receiver)
    await world.service("delivery", **QUICK)
    refused_at: list[datetime] = []
    probed_at: list[datetime] = []

    def refuse() -> web.StreamResponse | None:
        if refused_at:
            return None
        refused_at.append(datetime.now(UTC))
        return web.Response(status=503, headers={"Retry-After": "3"})

    def probed() -> None:
        probed_at.append(datetime.now(UTC))

    receiver.before, receiver.before_probe = refuse, probed
    made = await send(world, name, 1)
    await until(lambda: all_settled(world, made))
    assert (probed_at[0] - refused_at[0]).total_seconds() >= 3
    assert len(probed_at) == 1
