"""A follower of holds outlives whatever its consumer dies of."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from aiokafka.errors import NodeNotReadyError

from services.delivery import tables
from services.delivery.tables import TableFollower
from shared.contracts import topics
from shared.contracts.control import Aspect, Control, Hold
from shared.kafka.events import control_message
from shared.kafka.settings import KafkaSettings

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Moody(TableFollower[Control]):
    """Its sessions end as told; the last one stays."""

    def __init__(self, ends: list[BaseException]) -> None:
        super().__init__(KafkaSettings(bootstrap="127.0.0.1:1"), topics.CONTROL, Control)
        self.ends = ends
        self.sessions = 0

    async def _session(self) -> None:
        self.sessions += 1
        if self.ends:
            raise self.ends.pop(0)
        self._ready.set()
        await self._stopping.wait()


async def test_it_goes_on_after_every_failure_a_leaked_cancellation_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "RETRY_S", 0.001)
    follower = Moody([NodeNotReadyError(), TimeoutError(), asyncio.CancelledError(), OSError()])
    async with asyncio.timeout(10):
        await follower.start()
    assert follower.sessions == 5
    await follower.stop()


async def test_a_real_cancellation_ends_it() -> None:
    follower = Moody([])
    await follower.start()
    assert follower._task is not None
    follower._task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await follower._task


def test_what_cannot_be_read_or_stands_elsewhere_changes_nothing() -> None:
    follower = Moody([])
    hold = Control(destination="jobcenter-a", at=AT, hold=Hold(start=AT, reason="Umzug"))
    value, headers = control_message(hold, source="/test").to_kafka()
    follower._take("jobcenter-a", value, headers)
    follower._take("jobcenter-a", b"\xff", headers)
    follower._take("jobcenter-a", b"{}", [])
    follower._take("jobcenter-b", value, headers)
    assert follower.get("jobcenter-a") == hold
    assert follower.get("jobcenter-b") is None
    follower._take("jobcenter-a", None, [])
    assert follower.get("jobcenter-a") is None


def test_of_two_operators_who_did_not_see_each_other_both_are_obeyed() -> None:
    follower = TableFollower(KafkaSettings(bootstrap="127.0.0.1:1"), topics.CONTROL, Control, upon=Control.upon)
    hold = Control(destination="jobcenter-a", at=AT, hold=Hold(start=AT, reason="Umzug"), changes=Aspect.HOLD)
    limit = Control(destination="jobcenter-a", at=AT, in_flight=2, changes=Aspect.IN_FLIGHT)
    for said in (hold, limit):
        value, headers = control_message(said, source="/test").to_kafka()
        follower._take("jobcenter-a", value, headers)
    counts = follower.get("jobcenter-a")
    assert counts is not None
    assert (counts.hold, counts.in_flight) == (hold.hold, 2)
