"""The lanes' shell with a deliverer that does as told: isolation, bounds, rebalances, our own failures."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import TopicPartition

from services.delivery.backoff import Backoff
from services.delivery.deliver import Landed, NotConnected
from services.delivery.lanes import Lanes
from services.delivery.runner import Limits
from services.delivery.settle import Record
from services.delivery.tiers import with_attempts
from shared.contracts.control import BreakerOrder, Control, Hold, Override
from shared.contracts.messages import Attempts
from shared.errors import JobcenterError, KafkaUnavailable, StoreUnavailable

A, B, C = (TopicPartition(f"delivery.to.{name}", 0) for name in ("a1", "b1", "c1"))


class Told:
    """Implements `Observer`; also the deliverer."""

    def __init__(self) -> None:
        self.how: dict[str, Callable[[Record, Attempts], Awaitable[Landed]]] = {}
        self.started: list[tuple[str, int]] = []
        self.done: list[tuple[str, int]] = []
        self.flying: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.most_in_all = 0
        self.failures: list[tuple[str, str, float]] = []
        self.ours: list[float] = []
        self.surprises: list[Exception] = []
        self.moved: list[tuple[str, int, Attempts]] = []
        self.kafka_away = False
        self.probes: list[str] = []
        self.probe_fails: dict[str, Exception] = {}
        self.probe_waits: dict[str, asyncio.Event] = {}

    async def deliver(self, record: Record, attempts: Attempts) -> Landed:
        self.started.append((record.topic, record.offset))
        self.flying[record.topic] += 1
        self.most[record.topic] = max(self.most[record.topic], self.flying[record.topic])
        self.most_in_all = max(self.most_in_all, self.flying.total())
        try:
            await asyncio.sleep(0)
            landed = await self.how.get(record.topic, answer)(record, attempts)
        finally:
            self.flying[record.topic] -= 1
        self.done.append((record.topic, record.offset))
        return landed

    async def move_on(self, record: Record, attempts: Attempts) -> Landed:
        self.moved.append((record.topic, record.offset, attempts))
        if self.kafka_away:
            raise KafkaUnavailable("switched off")
        return Landed.RETRY

    async def probe(self, destination_id: str) -> None:
        self.probes.append(destination_id)
        await asyncio.sleep(0)
        if destination_id in self.probe_waits:
            await self.probe_waits[destination_id].wait()
        error = self.probe_fails.get(destination_id)
        if error is not None:
            raise error

    def probed(self, topic: str, code: str | None, wait_s: float) -> None: ...

    def landed(self, topic: str, landed: Landed) -> None: ...

    def jobcenter_failed(self, topic: str, code: str, wait_s: float) -> None:
        self.failures.append((topic, code, wait_s))

    def ours_failed(self, error: Exception, wait_s: float) -> None:
        self.ours.append(wait_s)

    def unexpected(self, topic: str, error: Exception) -> None:
        self.surprises.append(error)


async def answer(record: Record, attempts: Attempts) -> Landed:
    return Landed.ANSWERED


def raising(error: Exception) -> Callable[[Record, Attempts], Awaitable[Landed]]:
    async def fail(record: Record, attempts: Attempts) -> Landed:
        raise error

    return fail


def blocking(event: asyncio.Event) -> Callable[[Record, Attempts], Awaitable[Landed]]:
    async def wait(record: Record, attempts: Attempts) -> Landed:
        await event.wait()
        return Landed.ANSWERED

    return wait


@pytest.fixture
def told() -> Told:
    return Told()


def make(told: Told, control: Callable[[str], Control | None] = lambda destination: None, **limits: float) -> Lanes:
    return Lanes(
        told,
        told,
        limits=Limits(**limits),  # type: ignore[arg-type]
        backoff=Backoff(first_s=0.05, most_s=0.1, jitter=0),
        clock=lambda: datetime.now(UTC),
        chance=lambda: 0.5,
        control=control,
    )


def load(lanes: Lanes, partition: TopicPartition, count: int, start: int = 0) -> None:
    lanes.load(partition, (Record(partition.topic, 0, start + number, b"", []) for number in range(count)))
    lanes.pump()


async def until(condition: Callable[[], bool], timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_dead_and_a_hanging_jobcenter_cost_the_others_nothing(told: Told) -> None:
    lanes, never = make(told), asyncio.Event()
    told.how[A.topic] = raising(JobcenterError("connect"))
    told.how[B.topic] = blocking(never)
    lanes.assign([A, B, C])
    for partition in (A, B, C):
        load(lanes, partition, 50)
    await until(lambda: lanes.committable().get(C) == 50)
    assert A not in lanes.committable()
    assert B not in lanes.committable()
    assert told.most[B.topic] == 4
    await lanes.drain(0)


async def test_only_the_done_prefix_is_committable(told: Told) -> None:
    lanes, held = make(told), asyncio.Event()

    async def first_hangs(record: Record, attempts: Attempts) -> Landed:
        if record.offset == 1:
            await held.wait()
        return Landed.ANSWERED

    told.how[A.topic] = first_hangs
    lanes.assign([A])
    load(lanes, A, 20)
    await until(lambda: len(told.done) == 19)
    assert lanes.committable() == {A: 1}
    held.set()
    await until(lambda: lanes.committable() == {A: 20})
    lanes.committed({A: 20})
    assert lanes.committable() == {}


async def test_the_cap_holds_and_every_lane_has_its_slot(told: Told) -> None:
    lanes, released = make(told, slots=5), asyncio.Event()
    partitions = [TopicPartition(f"delivery.to.{number}", 0) for number in range(3)]
    for partition in partitions:
        told.how[partition.topic] = blocking(released)
    lanes.assign(partitions)
    load(lanes, partitions[0], 10)
    await until(lambda: told.flying.total() == 3)  # its own slot and the two that nobody owns
    load(lanes, partitions[1], 10)
    load(lanes, partitions[2], 10)
    await until(lambda: told.flying.total() == 5)
    assert told.flying[partitions[1].topic] == told.flying[partitions[2].topic] == 1
    released.set()
    await until(lambda: len(told.done) == 30)
    assert told.most_in_all <= 5


async def test_our_failure_stops_all_lanes_and_blames_nobody(told: Told) -> None:
    lanes = make(told)
    broken = [True]

    async def store_away(record: Record, attempts: Attempts) -> Landed:
        assert attempts.count == 0
        if broken[0]:
            raise StoreUnavailable("switched off")
        return Landed.ANSWERED

    told.how[A.topic] = told.how[B.topic] = store_away
    lanes.assign([A, B])
    load(lanes, A, 3)
    load(lanes, B, 3)
    await until(lambda: len(told.ours) >= 20)
    assert told.failures == []
    broken[0] = False
    await until(lambda: lanes.committable() == {A: 3, B: 3})


async def test_a_defect_of_ours_with_one_lane_leaves_the_others_alone(told: Told) -> None:
    lanes = make(told)
    told.how[A.topic] = raising(ZeroDivisionError())
    lanes.assign([A, B])
    load(lanes, A, 3)
    load(lanes, B, 30)
    await until(lambda: lanes.committable() == {B: 30})
    assert isinstance(told.surprises[0], ZeroDivisionError)
    assert told.ours == []
    await lanes.drain(0)


async def test_attempts_are_counted_and_remembered(told: Told) -> None:
    lanes, seen = make(told), []

    async def third_time_lucky(record: Record, attempts: Attempts) -> Landed:
        seen.append((attempts.count, attempts.last_reason, attempts.first_at is not None))
        if attempts.count < 2:
            raise JobcenterError("timeout")
        return Landed.ANSWERED

    told.how[A.topic] = third_time_lucky
    lanes.assign([A])
    load(lanes, A, 1)
    await until(lambda: lanes.committable() == {A: 1})
    assert seen == [(0, None, False), (1, "timeout", True), (2, "timeout", True)]


async def test_retry_after_is_honoured(told: Told) -> None:
    lanes = make(told)
    told.how[A.topic] = raising(JobcenterError("http-status", retry_after_s=300))
    lanes.assign([A])
    load(lanes, A, 1)
    await until(lambda: bool(told.failures))
    assert told.failures == [(A.topic, "http-status", pytest.approx(300))]


async def test_a_new_endpoint_ends_the_wait_at_once(told: Told) -> None:
    lanes = make(told)
    told.how[A.topic] = raising(NotConnected())
    lanes.assign([A])
    load(lanes, A, 2)
    await until(lambda: bool(told.failures))
    assert told.failures[0][2] == 60
    told.how[A.topic] = answer
    lanes.directory_changed(["b1"])
    assert lanes.committable() == {}
    lanes.directory_changed(["a1"])
    await until(lambda: lanes.committable() == {A: 2})


async def test_a_rebalance_keeps_what_stays_and_abandons_what_goes(told: Told) -> None:
    lanes, held = make(told), asyncio.Event()
    told.how[A.topic] = told.how[B.topic] = blocking(held)
    lanes.assign([A, B])
    load(lanes, A, 2)
    load(lanes, B, 2)
    await until(lambda: told.flying.total() == 4)
    lanes.suspend()
    load(lanes, A, 2, start=2)
    for _ in range(20):  # turns of the loop in which something could start
        await asyncio.sleep(0)
    assert told.flying.total() == 4
    lanes.assign([A, C])
    await until(lambda: told.flying[B.topic] == 0)
    load(lanes, A, 4)  # the consumer begins at the committed offset again
    load(lanes, B, 2)  # late records of a partition that is not ours any more
    held.set()
    await until(lambda: lanes.committable() == {A: 4})
    assert Counter(told.started)[(A.topic, 0)] == 1
    assert {topic for topic, _ in told.done} == {A.topic}


async def test_a_topic_made_anew_is_read_anew(told: Told) -> None:
    lanes = make(told)
    lanes.assign([A])
    load(lanes, A, 5)
    await until(lambda: lanes.committable() == {A: 5})
    lanes.committed({A: 5})
    load(lanes, A, 2)
    await until(lambda: lanes.committable() == {A: 2})
    assert Counter(told.done)[(A.topic, 0)] == 2


async def test_draining_waits_within_its_budget_and_starts_nothing(told: Told) -> None:
    lanes, held = make(told, window=1), asyncio.Event()
    told.how[A.topic] = told.how[B.topic] = blocking(held)
    lanes.assign([A])
    load(lanes, A, 3)
    await until(lambda: told.flying.total() == 1)
    asyncio.get_running_loop().call_later(0.05, held.set)
    assert await lanes.drain(5) == 0
    assert told.done == [(A.topic, 0)]
    assert lanes.committable() == {A: 1}


async def test_what_outlasts_the_budget_is_given_up_uncommitted(told: Told) -> None:
    lanes = make(told)
    told.how[A.topic] = blocking(asyncio.Event())
    lanes.assign([A])
    load(lanes, A, 3)
    await until(lambda: told.flying.total() == 3)
    assert await lanes.drain(0.02) == 3
    assert lanes.committable() == {}


async def test_a_full_lane_says_so_and_asks_for_more_when_half_empty(told: Told) -> None:
    lanes, held, asked = make(told, loaded=10, window=2), asyncio.Event(), []
    lanes.on_space = asked.append
    told.how[A.topic] = blocking(held)
    lanes.assign([A])
    load(lanes, A, 9)
    assert lanes.wants_more(A)
    load(lanes, A, 1, start=9)
    assert not lanes.wants_more(A)
    assert not lanes.hungry(A)
    held.set()
    await until(lambda: lanes.committable() == {A: 10})
    assert asked == [A]
    assert lanes.hungry(A)


async def test_a_lane_far_ahead_of_its_first_undone_record_reads_no_further(told: Told) -> None:
    lanes = make(told, span=20)

    async def head_fails(record: Record, attempts: Attempts) -> Landed:
        if record.offset == 0:
            raise JobcenterError("http-status")
        return Landed.ANSWERED

    told.how[A.topic] = head_fails
    lanes.assign([A])
    load(lanes, A, 20)
    await until(lambda: len(told.done) == 19)
    assert not lanes.wants_more(A)
    assert not lanes.hungry(A)
    await lanes.drain(0)


async def test_a_dead_jobcenter_is_probed_not_pushed_and_drained_when_the_probe_succeeds(told: Told) -> None:
    lanes = make(told)
    told.how[A.topic] = raising(JobcenterError("connect"))
    told.probe_fails["a1"] = JobcenterError("connect")
    lanes.assign([A])
    load(lanes, A, 20)
    await until(lambda: len(told.probes) >= 3)
    assert len(told.started) == 4  # its window, once
    told.how[A.topic] = answer
    del told.probe_fails["a1"]
    await until(lambda: lanes.committable() == {A: 20})


async def test_a_message_that_fails_alone_moves_on_and_leaves_its_lane_to_the_others(told: Told) -> None:
    lanes = make(told)

    async def one_fails(record: Record, attempts: Attempts) -> Landed:
        if record.offset == 0:
            raise JobcenterError("http-status")
        return Landed.ANSWERED

    told.how[A.topic] = one_fails
    lanes.assign([A])
    load(lanes, A, 10)
    await until(lambda: lanes.committable() == {A: 10})
    [(topic, offset, attempts)] = told.moved
    assert (topic, offset, attempts.count, attempts.last_reason) == (A.topic, 0, 3, "http-status")


async def test_moving_on_is_repeated_until_kafka_takes_it(told: Told) -> None:
    lanes = make(told)
    told.how[A.topic] = raising(ZeroDivisionError())
    told.kafka_away = True
    lanes.assign([A])
    load(lanes, A, 1)
    await until(lambda: len(told.moved) >= 2)
    assert lanes.committable() == {}
    told.kafka_away = False
    await until(lambda: lanes.committable() == {A: 1})
    assert {attempts.count for _, _, attempts in told.moved} == {3}


async def test_a_hold_stops_what_has_not_begun_and_its_end_lets_go(told: Told) -> None:
    now = [datetime(2026, 10, 25, 0, 0, tzinfo=UTC)]
    controls: dict[str, Control] = {}
    lanes = Lanes(
        told,
        told,
        limits=Limits(window=1),
        backoff=Backoff(first_s=0.05, most_s=0.1, jitter=0),
        clock=lambda: now[0],
        chance=lambda: 0.5,
        control=controls.get,
    )
    released = asyncio.Event()
    told.how[A.topic] = blocking(released)
    lanes.assign([A, B])
    load(lanes, A, 3)
    await until(lambda: told.flying.total() == 1)
    start = now[0]
    controls["a1"] = Control(
        destination="a1", at=start, hold=Hold(start=start, until=start + timedelta(hours=3), reason="Umzug")
    )
    lanes.tick()
    released.set()
    load(lanes, B, 5)
    await until(lambda: lanes.committable() == {A: 1, B: 5})  # what was in flight is finished, others go on
    state = next(each for each in lanes.states("me", {A: 3}) if each.destination == "a1")
    assert (state.condition, state.lag, state.hold and state.hold.reason) == ("held", 2, "Umzug")
    now[0] = start + timedelta(hours=2, minutes=59)
    lanes.tick()
    assert told.flying.total() == 0
    now[0] = start + timedelta(hours=3)
    lanes.tick()
    await until(lambda: lanes.committable()[A] == 3)
    assert {each.condition for each in lanes.states("me", {})} == {"flowing"}


async def test_states_say_what_operators_need(told: Told) -> None:
    lanes = make(told)
    told.how[A.topic] = raising(JobcenterError("timeout", retry_after_s=300))
    told.how[B.topic] = raising(NotConnected())
    lanes.assign([A, B, C])
    at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    lanes.load(A, [Record(A.topic, 0, 7, b"", [], at)])
    load(lanes, B, 1)
    await until(lambda: len(told.failures) == 2)
    found = {state.destination: state for state in lanes.states("me", {A: 20})}
    broken = found["a1"]
    assert (broken.condition, broken.breaker, broken.failures, broken.last_reason) == ("broken", "open", 1, "timeout")
    assert (broken.lag, broken.oldest_pending_at, broken.in_flight) == (13, at, 0)
    assert broken.next_probe_at is not None
    assert 290 < (broken.next_probe_at - datetime.now(UTC)).total_seconds() <= 300
    assert (found["b1"].condition, found["c1"].condition) == ("waiting", "flowing")
    await lanes.drain(0)


async def test_an_operators_orders_are_shown_and_obeyed_also_by_the_next_owner(told: Told) -> None:
    at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    order = Override(order=BreakerOrder.OPEN, since=at, reason="Wartung")
    controls = {"a1": Control(destination="a1", at=at, in_flight=1, breaker=order)}
    for owner in ("one", "other"):
        lanes = make(told, control=controls.get)
        lanes.assign([A, B])
        load(lanes, A, 3)
        load(lanes, B, 3)
        await until(lambda lanes=lanes: lanes.committable() == {B: 3})
        shown, plain = sorted(lanes.states(owner, {}), key=lambda state: state.destination)
        assert (shown.condition, shown.breaker, shown.is_forced, shown.window) == ("broken", "open", True, 1)
        assert shown.next_probe_at is None
        assert (plain.condition, plain.is_forced, plain.window) == ("flowing", False, 4)
    controls["a1"] = Control(destination="a1", at=at, in_flight=1)
    lanes.tick()
    await until(lambda: lanes.committable() == {A: 3, B: 3})
    assert (told.probes, told.most[A.topic]) == (["a1"], 1)


async def test_one_order_to_close_is_one_probe(told: Told) -> None:
    controls: dict[str, Control] = {}
    lanes = make(told, control=controls.get)
    told.how[A.topic] = raising(JobcenterError("http-status", retry_after_s=600))
    told.probe_fails["a1"] = JobcenterError("http-status", retry_after_s=600)
    lanes.assign([A])
    load(lanes, A, 1)
    await until(lambda: bool(told.failures))
    for number in (1, 2):
        since = datetime(2026, 11, 22, 12, number, tzinfo=UTC)
        order = Override(order=BreakerOrder.CLOSE, since=since)
        controls["a1"] = Control(destination="a1", at=since, breaker=order)
        for _ in range(3):
            lanes.tick()
            await until(lambda number=number: len(told.probes) == number)
            await asyncio.sleep(0)
    assert len(told.probes) == 2
    await lanes.drain(0)


@pytest.mark.parametrize("change", ["order", "directory"])
async def test_a_probe_that_hangs_keeps_nobody_waiting(told: Told, change: str) -> None:
    """The operator, or the directory, knows better than a probe that got no answer yet."""
    controls: dict[str, Control] = {}
    lanes, answers = make(told, control=controls.get), asyncio.Event()
    told.how[A.topic] = raising(JobcenterError("connect"))
    told.probe_waits["a1"] = answers
    lanes.assign([A])
    load(lanes, A, 5)
    await until(lambda: told.probes == ["a1"])
    told.how[A.topic] = answer
    del told.probe_waits["a1"]
    if change == "order":
        at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        order = Override(order=BreakerOrder.CLOSE, since=at)
        controls["a1"] = Control(destination="a1", at=at, breaker=order)
        lanes.tick()
    else:
        lanes.directory_changed(["a1"])
    await until(lambda: lanes.committable() == {A: 5})
    assert told.probes == ["a1", "a1"]
    assert not answers.is_set()


async def test_a_probe_that_is_given_up_before_its_first_step_is_made_again(told: Told) -> None:
    lanes = make(told)
    told.how[A.topic] = raising(JobcenterError("connect", retry_after_s=600))
    lanes.assign([A])
    load(lanes, A, 5)
    await until(lambda: bool(told.failures))
    told.how[A.topic] = answer
    for _ in range(3):  # the loop has no turn in between
        lanes.directory_changed(["a1"])
    await until(lambda: lanes.committable() == {A: 5})
    assert told.probes == ["a1"]


async def test_the_budget_of_a_message_goes_on_where_it_was(told: Told) -> None:
    lanes = make(told)
    told.how[A.topic] = raising(JobcenterError("http-status"))
    carried = Attempts(count=5, hops=2, spent_s=1000.0, open_mark_s=0.0, first_at=datetime(2026, 11, 1, tzinfo=UTC))
    lanes.assign([A])
    lanes.load(A, [Record(A.topic, 0, 0, b"", with_attempts([], carried))])
    lanes.pump()
    await until(lambda: bool(told.moved))
    attempts = told.moved[0][2]
    assert (attempts.count, attempts.hops, attempts.first_at) == (8, 2, carried.first_at)
    assert 1000 <= attempts.spent_s < 1005
