"""What operators do, and what happens without them: on a real broker and store, with delivery as processes."""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from typer.testing import CliRunner

from cli import dead_letter
from cli.control import change
from cli.dead_letter import Item, read_items, replay_all
from cli.lanes import read_lanes
from cli.prune import Pruner, delete, readers
from shared.contracts import topics
from shared.contracts.answer import Verdict
from shared.contracts.control import Aspect, BreakerOrder, Hold, Override
from shared.contracts.directory import KeyState, Rollout
from shared.contracts.stored import Settled
from shared.kafka.settings import KafkaSettings
from shared.store import keys as store_keys
from tests import keys
from tests.services.delivery.running import Service, World, until
from tests.services.delivery.support import Push, Receiver, Submission, accept, make_submission, publish_lane

pytestmark = [pytest.mark.servers]

QUICK = {
    "backoff_first_s": "0.2",
    "backoff_most_s": "0.5",
    "probe_first_s": "0.2",
    "probe_most_s": "0.5",
    "metadata_max_age_ms": "1000",
    "session_timeout_ms": "6000",
    "lane_report_s": "1",
    "retry_delays_s": "[0.5, 0.5, 0.5, 0.5, 0.5, 0.5]",
}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().serve() as receiver:
        yield receiver


async def connect(world: World, receiver: Receiver, **changes: Any) -> str:
    name = f"jobcenter-{uuid4().hex[:10]}"
    entry = keys.jobcenter_entry("a", name, url=receiver.url_of(name))
    await world.publish(entry.model_copy(update=changes))
    return name


async def send(world: World, name: str, count: int) -> list[Submission]:
    made = [await make_submission(name).store(world.store) for _ in range(count)]
    await publish_lane(world.producer, *made)
    return made


async def settled(world: World, submission: Submission) -> Settled | None:
    body = await world.store.get(store_keys.settled(submission.id, 0))
    return None if body is None else Settled.model_validate_json(body)


async def all_settled(world: World, submissions: list[Submission]) -> bool:
    return all([await settled(world, each) is not None for each in submissions])


async def steps(world: World, submission: Submission) -> list[str]:
    events = await world.bodies(topics.EVENTS)
    return [event["step"] for event in events if event["submission_id"] == str(submission.id)]


async def lane(world: World, name: str) -> dict[str, Any]:
    return next(row for row in await read_lanes(world.kafka, datetime.now(UTC)) if row["destination"] == name)


async def hold(world: World, name: str, **span: Any) -> None:
    wanted = Hold(**{"start": datetime.now(UTC), "reason": "maintenance"} | span)
    await change(world.kafka, name, Aspect.HOLD, wanted)


async def release(world: World, name: str) -> None:
    await change(world.kafka, name, Aspect.HOLD, None)


async def test_a_hold_takes_effect_at_once_survives_kills_and_replicas_and_ends_at_once(
    world: World, receiver: Receiver
) -> None:
    held, other = await connect(world, receiver), await connect(world, receiver)
    first = await world.service("delivery", **QUICK)
    await until(lambda: all_settled_after(world, held))
    await hold(world, held)
    await until(lambda: is_in(world, held, "held"))
    waiting, fine = await send(world, held, 3), await send(world, other, 3)
    await until(lambda: all_settled(world, fine))
    await first.end(signal.SIGKILL)
    again = await world.service("delivery", **QUICK)
    second = await world.service("delivery", number=1, **QUICK)
    fine = await send(world, other, 3)
    await until(lambda: all_settled(world, fine))
    row = await lane(world, held)
    assert (row["state"], row["hold"]["reason"]) == ("held", "maintenance")
    assert not any([await settled(world, each) for each in waiting])
    await release(world, held)
    await until(lambda: all_settled(world, waiting))
    assert {await again.end(), await second.end()} == {0}


async def all_settled_after(world: World, name: str) -> bool:
    """One application through the lane: its owner is at work."""
    return await all_settled(world, await send(world, name, 1)) or await is_in(world, name, "flowing")


async def is_in(world: World, name: str, state: str) -> bool:
    return bool((await lane(world, name))["state"] == state)


class Watch:
    """Says when an operator's record was about to be written."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        self.at = datetime.now(UTC)
        return self.at


async def keep_sending(world: World, name: str) -> None:
    while True:
        await send(world, name, 1)
        await asyncio.sleep(0.1)


def opened() -> Override:
    return Override(order=BreakerOrder.OPEN, since=datetime.now(UTC))


async def test_what_operators_say_takes_effect_within_two_seconds(world: World, receiver: Receiver) -> None:
    """By delivery's own times, of two replicas. `test_prompt.py` proves the bound; this shows it on real parts, where
    a busy machine may spoil one of the rounds, but a slow design would spoil them all."""
    name = await connect(world, receiver)
    for number in range(2):
        await world.service("delivery", number=number, **QUICK)
    await until(lambda: all_settled_after(world, name))
    sending = asyncio.create_task(keep_sending(world, name))
    rounds: list[tuple[datetime, datetime]] = []
    stops: list[tuple[Aspect, Any]] = [(Aspect.HOLD, lambda: Hold(start=datetime.now(UTC))), (Aspect.BREAKER, opened)]
    for aspect, stop in stops * 2:
        begin, end = Watch(), Watch()
        await change(world.kafka, name, aspect, stop(), begin)
        await asyncio.sleep(2.5)
        await change(world.kafka, name, aspect, None, end)
        rounds.append((begin.at, end.at))
        pushes = len(receiver.pushes)
        await until(lambda pushes=pushes: len(receiver.pushes) > pushes)
    sending.cancel()
    events = [event for event in await world.events("pushing") if event["destination"] == name]
    begun = sorted(datetime.fromisoformat(event["at"]) for event in events)
    stopped = [max((at - begin).total_seconds() for at in begun if at < end) for begin, end in rounds]
    went_on = [min((at - end).total_seconds() for at in begun if at >= end) for _, end in rounds]
    print(f"stopped after {stopped} s, went on after {went_on} s")
    assert statistics.median(stopped) <= 2
    assert statistics.median(went_on) <= 2


async def test_hold_limit_and_override_stand_side_by_side_over_restarts(world: World, receiver: Receiver) -> None:
    name = await connect(world, receiver)
    in_flight, most, released = 0, 0, asyncio.Event()

    async def count(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await released.wait()
        in_flight -= 1
        return await accept(receiver, request, push)

    receiver.behaviour = count
    # Three operators at once; none waits for the others.
    await asyncio.gather(
        hold(world, name),
        change(world.kafka, name, Aspect.IN_FLIGHT, 2),
        change(world.kafka, name, Aspect.BREAKER, opened()),
    )
    first = await world.service("delivery", **QUICK)
    made = await send(world, name, 6)
    await until(lambda: is_in(world, name, "held"))
    await first.end(signal.SIGKILL)
    await world.service("delivery", **QUICK)
    await release(world, name)
    await until(lambda: is_in(world, name, "broken"))
    row = await lane(world, name)
    assert (row["breaker"], row["forced"], row["limit"], row["hold"]) == ("open", True, 2, None)
    assert (receiver.attempts, receiver.probes) == (0, 0)
    close = Override(order=BreakerOrder.CLOSE, since=datetime.now(UTC))
    await change(world.kafka, name, Aspect.BREAKER, close)
    await until(lambda: in_flight == 2)
    assert receiver.probes >= 1
    released.set()
    await until(lambda: all_settled(world, made))
    assert most == 2
    await change(world.kafka, name, Aspect.IN_FLIGHT, None)
    released.clear()
    await send(world, name, 4)
    await until(lambda: in_flight == 4)
    released.set()


async def test_one_application_that_is_refused_goes_through_the_tiers_and_comes_back(
    world: World, receiver: Receiver
) -> None:
    """500 for one application only: the others pass, it comes again with trace and counts, a cure lets it pass."""
    name = await connect(world, receiver)
    [poison] = await send(world, name, 1)
    ill = True

    async def behave(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        if ill and push.manifest.submission_id == poison.id:
            return web.Response(status=500)
        return await accept(receiver, request, push)

    receiver.behaviour = behave
    fine = await send(world, name, 20)
    await world.service("delivery", **QUICK)
    await until(lambda: all_settled(world, fine))
    await until(lambda: hops(world, poison, 2))
    ill = False
    await until(lambda: all_settled(world, [poison]))
    records = [each for each in await world.read(topics.retry("5m")) if each.key == str(poison.id).encode()]
    headers = dict(records[0].headers)
    assert headers["traceparent"].decode() == poison.traceparent
    assert int(headers["ce_attempts"]) >= 6
    assert {"ce_firstattempt", "ce_spent", "ce_openmark", "ce_due"} <= headers.keys()
    told = await steps(world, poison)
    assert told[0] == "pushing"
    assert told[-1] == "acknowledged"
    assert told.count("retry") >= 2
    assert (await lane(world, name))["breaker"] == "closed"


async def hops(world: World, submission: Submission, count: int) -> bool:
    return (await steps(world, submission)).count("retry") >= count


async def test_a_spent_budget_ends_in_the_dead_letter_and_a_replay_begins_anew(
    world: World, receiver: Receiver
) -> None:
    name = await connect(world, receiver)
    ill = True

    async def behave(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        return web.Response(status=422) if ill else await accept(receiver, request, push)

    receiver.behaviour = behave
    made = await send(world, name, 2)
    await world.service("delivery", **QUICK | {"budget_s": "4"})
    await until(lambda: dead(world, made), 60)
    item = (await read_items(world.kafka))[str(made[0].id)]
    assert item.body.reason == "http-status"
    assert item.body.attempts.spent_s >= 4
    assert item.body.attempts.hops >= 1
    assert item.body.attempts.first_at is not None
    ill = False
    items = await read_items(world.kafka)
    assert await replay_all(world.kafka, [items[str(each.id)] for each in made]) == 0
    await until(lambda: all_settled(world, made))
    assert not {str(each.id) for each in made} & (await read_items(world.kafka)).keys()
    assert "replayed" in await steps(world, made[0])


async def test_dead_letters_are_replayed_one_by_one_by_destination_or_all(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command itself. The broker is the session's, so "all" is all of this test's."""
    first, second = await connect(world, receiver), await connect(world, receiver)
    made = [*await send(world, first, 3), *await send(world, second, 2)]
    ill = True

    async def behave(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
        return web.Response(status=500) if ill else await accept(receiver, request, push)

    receiver.behaviour = behave
    await world.service("delivery", **QUICK | {"budget_s": "0.5"})
    await until(lambda: dead(world, made))
    ill = False
    everything = read_items

    async def mine(kafka: KafkaSettings) -> dict[str, Item]:
        ids = {str(each.id) for each in made}
        return {key: item for key, item in (await everything(kafka)).items() if key in ids}

    monkeypatch.setattr(dead_letter, "read_items", mine)
    keys_of = [str(each.id) for each in made]

    async def command(*arguments: str) -> tuple[int, str]:
        options = [*arguments, "--bootstrap", world.kafka.bootstrap]
        env = {"KAFKA_PROFILE": "development"}
        shown = await asyncio.to_thread(CliRunner().invoke, dead_letter.app, options, env=env)
        return shown.exit_code, shown.output

    async def replay(*arguments: str) -> tuple[int, list[str]]:
        code, output = await command("replay", *arguments)
        return code, [line.partition(":")[0] for line in output.splitlines() if "back to" in line]

    listed = json.loads((await command("list", "--json", "--destination", second))[1])
    assert {each["key"] for each in listed} == set(keys_of[3:])
    code, output = await command("show", keys_of[0])
    why = json.loads(output)
    assert (code, why["reason"], why["destination"], why["source_topic"]) == (
        0,
        "http-status",
        first,
        topics.lane(first),
    )
    assert why["attempts"]["spent_s"] >= 0.5
    assert "manifest" not in why, "what the receipt says is nobody's business here"

    assert await replay(keys_of[0]) == (0, [keys_of[0]])
    await until(lambda: all_settled(world, made[:1]))
    assert set(await mine(world.kafka)) == set(keys_of[1:])
    assert await replay(keys_of[0]) == (1, [])
    code, back = await replay("--destination", first)
    assert (code, set(back)) == (0, set(keys_of[1:3]))
    await until(lambda: all_settled(world, made[:3]))
    assert set(await mine(world.kafka)) == set(keys_of[3:])
    code, back = await replay("--all")
    assert (code, set(back)) == (0, set(keys_of[3:]))
    await until(lambda: all_settled(world, made))
    assert await mine(world.kafka) == {}


async def dead(world: World, made: list[Submission]) -> bool:
    return {str(each.id) for each in made} <= (await read_items(world.kafka)).keys()


async def post(service: Service, delivery_id: Any, token: str) -> int:
    port = service.lines("ready")[-1]["port"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/deliveries/{delivery_id}/events",
        data=token.encode(),
        headers={"Content-Type": "application/jose"},
    )

    def ask() -> int:
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code

    return await asyncio.to_thread(ask)


async def answer_later(receiver: Receiver, request: web.Request, push: Push) -> web.StreamResponse:
    return web.Response(status=202)


async def test_a_late_answer_settles_once_and_a_contradicting_one_is_a_finding(
    world: World, receiver: Receiver
) -> None:
    name = await connect(world, receiver)
    receiver.behaviour = answer_later
    [submission] = await send(world, name, 1)
    # Any replica takes it, also one that has no lane at all.
    services = [await world.service("delivery", number=number, **QUICK) for number in range(2)]
    await until(lambda: told(world, submission, "handed-over"))
    assert await settled(world, submission) is None
    [push] = receiver.pushes
    accepted = receiver.answer(push)
    assert await post(services[0], uuid4(), accepted) == 404
    assert await post(services[0], push.delivery_id, "no.answer.atall") == 401
    forger = Receiver("b")
    assert await post(services[0], push.delivery_id, forger.answer(push)) == 401
    assert await settled(world, submission) is None
    assert await post(services[1], push.delivery_id, accepted) == 204
    first = await settled(world, submission)
    assert first is not None
    assert first.settlement == "acknowledged"
    assert await told(world, submission, "acknowledged")
    assert await post(services[0], push.delivery_id, accepted) == 204
    assert await post(services[0], push.delivery_id, receiver.answer(push, Verdict.REJECT, tags={})) == 409
    assert await settled(world, submission) == first
    alarms = [each for each in await world.events("alarm") if each["submission_id"] == str(submission.id)]
    assert [each["reason"] for each in alarms] == ["answer-contradicts"]


async def told(world: World, submission: Submission, step: str) -> bool:
    return step in await steps(world, submission)


async def test_an_answer_that_does_not_come_is_asked_for_again_then_alarmed(world: World, receiver: Receiver) -> None:
    name = await connect(world, receiver)
    receiver.behaviour = answer_later
    [submission] = await send(world, name, 1)
    await world.service("delivery", **QUICK | {"awaiting_s": "0.5"})
    await until(lambda: told(world, submission, "alarm"))
    assert len({push.delivery_id for push in receiver.pushes}) == 1
    assert len(receiver.pushes) >= 2
    [reason, *_] = [e["reason"] for e in await world.events("alarm") if e["submission_id"] == str(submission.id)]
    assert reason == "answer-overdue"
    receiver.behaviour = accept
    await until(lambda: all_settled(world, [submission]))


async def test_a_jobcenter_in_preparation_is_waited_for_or_served_by_its_fallback(
    world: World, receiver: Receiver
) -> None:
    waiting = await connect(world, receiver, rollout=Rollout.IN_PREPARATION)
    name = f"jobcenter-{uuid4().hex[:10]}"
    entry = keys.jobcenter_entry("a", name, url="http://127.0.0.1:1/x")
    fallback = entry.destinations[0].adapter
    assert fallback is not None
    fallback = fallback.model_copy(update={"url": receiver.url_of(name)})
    destination = entry.destinations[0].model_copy(update={"fallback": fallback})
    await world.publish(entry.model_copy(update={"rollout": Rollout.IN_PREPARATION, "destinations": (destination,)}))
    await world.service("delivery", **QUICK)
    held, served = await send(world, waiting, 1), await send(world, name, 1)
    await until(lambda: all_settled(world, served))
    await until(lambda: is_in(world, waiting, "waiting"))
    assert not await all_settled(world, held)
    live = keys.jobcenter_entry("a", waiting, url=receiver.url_of(waiting), version=2)
    await world.publish(live)
    await until(lambda: all_settled(world, held))


async def test_more_replicas_than_lanes_do_no_harm(world: World, receiver: Receiver) -> None:
    name = await connect(world, receiver)
    services = [await world.service("delivery", number=number, **QUICK) for number in range(3)]
    made = await send(world, name, 30)
    await until(lambda: all_settled(world, made))
    await services[0].end(signal.SIGKILL)
    more = await send(world, name, 10)
    await until(lambda: all_settled(world, more), 60)
    assert {push.manifest.submission_id for push in receiver.pushes} == {each.id for each in made + more}


async def test_the_prune_job_deletes_only_what_is_settled_and_a_held_application_survives_everything(
    world: World, receiver: Receiver
) -> None:
    busy, held = await connect(world, receiver), await connect(world, receiver)
    service = await world.service("delivery", **QUICK)
    done = await send(world, busy, 5)
    before_hold = await send(world, held, 2)
    await until(lambda: all_settled(world, done + before_hold))
    await hold(world, held, until=datetime.now(UTC) + timedelta(days=365))
    await until(lambda: is_in(world, held, "held"))
    waiting = await send(world, held, 2)
    group = f"delivery-{world.folder.name}"
    groups = readers([topics.lane(busy), topics.lane(held)], delivery_group=group, router_group="none")
    young = Pruner(world.kafka, world.store, older_than=timedelta(days=30), now=datetime.now(UTC))
    await until(lambda: committed(young, groups, {busy: "young", held: "young"}))
    old = Pruner(world.kafka, world.store, older_than=timedelta(days=30), now=datetime.now(UTC) + timedelta(days=31))
    cuts = await old.plan(groups)
    assert {cut.topic: cut.count for cut in cuts} == {topics.lane(busy): 5, topics.lane(held): 2}
    assert await delete(world.kafka, cuts) == 7
    assert await world.read(topics.lane(busy)) == []
    assert [each.key for each in await world.read(topics.lane(held))] == [str(each.id).encode() for each in waiting]
    # Whatever else happens: the process dies, the job runs again, and the lane is released a year later.
    await service.end(signal.SIGKILL)
    assert sum(cut.count for cut in await old.plan(groups)) == 0
    await world.service("delivery", **QUICK)
    assert not await all_settled(world, waiting)
    await release(world, held)
    await until(lambda: all_settled(world, waiting))
    late = await send(world, busy, 1)
    await until(lambda: all_settled(world, late))


async def committed(pruner: Pruner, groups: dict[str, str], wanted: dict[str, str]) -> bool:
    """Everything that is done is committed, and nothing may go: it is too young."""
    cuts = await pruner.plan(groups)
    return {cut.topic: (cut.count, cut.why) for cut in cuts} == {
        topics.lane(name): (0, why) for name, why in wanted.items()
    }


async def test_a_rotated_key_makes_nothing_unreadable(world: World, receiver: Receiver) -> None:
    """The Jobcenter signs with a new key while what was sealed for the old one is on its way; then the old one is
    only accepted, and what it signs still counts; revoked, it does not."""
    name = await connect(world, receiver)
    await hold(world, name)
    service = await world.service("delivery", **QUICK)
    made = await send(world, name, 3)
    entry = keys.jobcenter_entry("a", name, url=receiver.url_of(name), version=2)
    old = tuple(key.model_copy(update={"state": KeyState.ACCEPT}) for key in entry.destinations[0].keys)
    rotated = entry.destinations[0].model_copy(update={"keys": (*old, *keys.destination_keys("b"))})
    await world.publish(entry.model_copy(update={"destinations": (rotated,)}))
    await release(world, name)
    await until(lambda: all_settled(world, made))
    receiver.letter = "b"
    more = await send(world, name, 2)
    await until(lambda: all_settled(world, more))
    assert await service.end() == 0
