"""A batch is routed to its end, whatever fails meanwhile: never raised, never skipped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from services.router.batches import Batches, Message
from services.router.carry import Carrier, Origin
from shared.contracts import topics
from shared.contracts.manifest import CLEARING
from shared.directory.snapshot import Directory
from shared.errors import KafkaUnavailable
from shared.kafka.cloudevents import CloudMessage
from shared.kafka.producer import Outgoing
from shared.store import keys as store_keys
from shared.store.memory import MemoryStore
from tests import keys
from tests.services.delivery.support import AT, Submission, decoded, make_submission
from tests.services.router.test_route import OSNABRUECK, jobcenter_of, tables


class Topics:
    """Keeps what is published; fails as told."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.failures = 0
        self.error: Exception = KafkaUnavailable("switched off")
        self.refuse: dict[tuple[str, str], int] = {}
        """How often for a topic and key."""
        self.missing: Set[str] = set()
        self.ensured: list[str] = []

    async def ensure(self, destinations: Set[str]) -> None:
        if destinations & self.missing:
            raise self.error
        self.ensured += sorted(destinations)

    async def send(self, topic: str, key: UUID | str, message: CloudMessage) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise self.error
        if self.refuse.get((topic, str(key)), 0):
            self.refuse[topic, str(key)] -= 1
            raise self.error
        self.sent.append((topic, str(key), json.loads(message.to_kafka()[0])))

    async def send_many(self, messages: Sequence[Outgoing]) -> list[Exception | None]:
        outcomes = await asyncio.gather(*(self.send(*message) for message in messages), return_exceptions=True)
        return [outcome if isinstance(outcome, Exception) else None for outcome in outcomes]

    def on(self, topic: str) -> list[dict[str, Any]]:
        return [body for where, _, body in self.sent if where == topic]


class Scene:
    def __init__(self, executor: Executor) -> None:
        self.topics, self.store = Topics(), MemoryStore()
        self.directory = Directory(keys.anchor())
        self.put_entry(keys.platform_entry())
        self.put_entry(keys.jobcenter_entry("a", jobcenter_of(OSNABRUECK)))
        carrier = Carrier(
            directory=lambda: self.directory,
            tables=tables(),
            store=self.store,
            publisher=self.topics,
            ensure_lanes=self.topics.ensure,
            executor=executor,
            clock=lambda: AT,
            source="/router/test",
        )
        self.batches = Batches(carrier, retry_first_s=0.001, retry_most_s=0.01, key_grace_s=0.05)
        self.offset = 0

    def put_entry(self, entry: Any) -> None:
        assert not self.directory.apply(entry.id, keys.signed(entry)).is_alarm

    def message(self, submission: Submission) -> Message:
        value, headers = submission.received().to_kafka()
        self.offset += 1
        return Message(Origin(topics.RECEIVED, 0, self.offset), value, headers)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ThreadPoolExecutor(2) as executor:
        yield Scene(executor)


def fine(**claims: Any) -> Submission:
    return make_submission(jobcenter_of(OSNABRUECK), postcode=OSNABRUECK, **claims)


async def test_a_batch_is_out_lane_first_then_event(scene: Scene) -> None:
    made = [fine() for _ in range(20)]
    assert await scene.batches.run([scene.message(each) for each in made])
    lane = topics.lane(jobcenter_of(OSNABRUECK))
    assert {body["submission_id"] for body in scene.topics.on(lane)} == {str(each.id) for each in made}
    assert [body["delivery_id"] for body in scene.topics.on(lane)] == [str(each.delivery_id) for each in made]
    for each in made:
        where = [topic for topic, key, _ in scene.topics.sent if key == str(each.id)]
        assert where == [lane, topics.EVENTS]
    assert all("postcode" not in json.dumps(event) for event in scene.topics.on(topics.EVENTS))


async def test_all_of_a_batch_are_on_their_lanes_before_the_first_event(scene: Scene) -> None:
    assert await scene.batches.run([scene.message(fine()) for _ in range(20)])
    lane = topics.lane(jobcenter_of(OSNABRUECK))
    assert [topic for topic, _, _ in scene.topics.sent] == [lane] * 20 + [topics.EVENTS] * 20
    assert scene.topics.ensured == [jobcenter_of(OSNABRUECK)]
    assert scene.batches.routed == 20


async def test_only_what_failed_is_sent_again_and_no_event_goes_ahead(scene: Scene) -> None:
    made = [fine() for _ in range(10)]
    lane = topics.lane(jobcenter_of(OSNABRUECK))
    scene.topics.refuse = {(lane, str(made[3].id)): 2, (topics.EVENTS, str(made[7].id)): 1}
    assert await scene.batches.run([scene.message(each) for each in made])
    for number, each in enumerate(made):
        where = [topic for topic, key, _ in scene.topics.sent if key == str(each.id)]
        # of the eighth the event failed alone: it is routed again, and told once
        assert where == ([lane, lane, topics.EVENTS] if number == 7 else [lane, topics.EVENTS])
    assert scene.batches.routed == 10


async def test_without_a_lanes_topic_nothing_is_sent_and_the_others_go_on(scene: Scene) -> None:
    scene.put_entry(keys.jobcenter_entry("b", jobcenter_of("27283")))
    scene.topics.missing = {jobcenter_of("27283")}
    good, waiting = fine(), make_submission(jobcenter_of("27283"), postcode="27283")
    running = asyncio.create_task(scene.batches.run([scene.message(waiting), scene.message(good)]))
    while len(scene.topics.sent) < 2 or not scene.batches.waiting:
        await asyncio.sleep(0)
    assert {key for _, key, _ in scene.topics.sent} == {str(good.id)}
    scene.topics.missing = set()
    assert await running
    assert len(scene.topics.on(topics.lane(jobcenter_of("27283")))) == 1


async def test_what_makes_us_fail_to_read_the_batch_stops_only_itself(scene: Scene) -> None:
    """A defect that shows before anything is sent: headers of a shape that nobody thought of."""
    strange: Any = [("ce_id", b"1", "three")]
    good = [fine() for _ in range(3)]
    messages = [scene.message(each) for each in good]
    assert await scene.batches.run([messages[0], Message(Origin(topics.RECEIVED, 5, 7), b"x", strange), *messages[1:]])
    assert len(scene.topics.on(topics.lane(jobcenter_of(OSNABRUECK)))) == 3
    assert [key for topic, key, _ in scene.topics.sent if topic == topics.DEAD_LETTER] == ["submissions.received/5/7"]


async def test_poison_among_the_good_is_kept_whole_under_its_position(scene: Scene) -> None:
    poison = Message(Origin(topics.RECEIVED, 3, 99), b"\xff poison", [])
    good = fine()
    assert await scene.batches.run([poison, scene.message(good), Message(Origin(topics.RECEIVED, 3, 100), None, [])])
    letters = {key: body for topic, key, body in scene.topics.sent if topic == topics.DEAD_LETTER}
    assert letters.keys() == {"submissions.received/3/99", "submissions.received/3/100"}
    assert decoded(letters["submissions.received/3/99"]["original"]) == b"\xff poison"
    assert len(scene.topics.on(topics.lane(good.manifest.destination))) == 1


async def test_clearing_is_marked_published_and_told(scene: Scene) -> None:
    submission = make_submission(
        CLEARING, jobcenter=None, postcode="10115", clearing_reason="joint-jobcenter", directory_version=0
    )
    assert await scene.batches.run([scene.message(submission)])
    mark = json.loads(scene.store.objects[store_keys.clearing(submission.id, 0)])
    assert mark["reason"] == "joint-jobcenter"
    [human] = scene.topics.on(topics.CLEARING)
    assert (human["submission_id"], human["manifest"]) == (str(submission.id), submission.token)
    assert [event["step"] for event in scene.topics.on(topics.EVENTS)] == ["clearing"]


async def test_kafkas_failures_are_outlasted(scene: Scene) -> None:
    scene.topics.failures = 30
    made = [fine() for _ in range(5)]
    assert await scene.batches.run([scene.message(each) for each in made])
    told = {event["submission_id"] for event in scene.topics.on(topics.EVENTS)}
    assert told == {str(each.id) for each in made}


async def test_the_stores_failures_are_outlasted(scene: Scene) -> None:
    scene.store.unavailable = True
    submission = make_submission(CLEARING, jobcenter=None, clearing_reason="unresolved", directory_version=0)
    running = asyncio.create_task(scene.batches.run([scene.message(submission)]))
    while not scene.batches.waiting:
        await asyncio.sleep(0)
    assert scene.topics.sent == []
    scene.store.unavailable = False
    assert await running


async def test_stopping_while_kafka_is_away_acknowledges_nothing(scene: Scene) -> None:
    scene.topics.failures = 10**9
    running = asyncio.create_task(scene.batches.run([scene.message(fine())]))
    while not scene.batches.waiting:
        await asyncio.sleep(0)
    scene.batches.stop()
    assert await running is False


async def test_nothing_is_judged_before_the_directory_is_there(scene: Scene) -> None:
    complete, scene.directory = scene.directory, Directory(keys.anchor())
    running = asyncio.create_task(scene.batches.run([Message(Origin(topics.RECEIVED, 0, 1), b"poison", [])]))
    while not scene.batches.waiting:
        await asyncio.sleep(0)
    assert scene.topics.sent == []
    scene.directory = complete
    assert await running
    assert len(scene.topics.on(topics.DEAD_LETTER)) == 1


async def test_a_defect_of_ours_does_not_block_for_ever(scene: Scene) -> None:
    scene.topics.failures, scene.topics.error = 6, ValueError("too large")  # once with others, five times alone
    submission = fine()
    assert await scene.batches.run([scene.message(submission)])
    [letter] = scene.topics.on(topics.DEAD_LETTER)
    assert json.loads(decoded(letter["original"]))["submission_id"] == str(submission.id)


async def test_an_unknown_key_is_given_time(scene: Scene) -> None:
    entry = keys.platform_entry()
    scene.directory = Directory(keys.anchor())
    scene.put_entry(entry.model_copy(update={"keys": entry.keys[1:]}))
    scene.put_entry(keys.jobcenter_entry("a", jobcenter_of(OSNABRUECK)))
    forged = fine()
    assert await scene.batches.run([scene.message(forged)])
    assert [body["reason"] for body in scene.topics.on(topics.DEAD_LETTER)] == ["manifest-invalid"]


async def test_an_entry_that_only_the_door_knows_yet_is_waited_for(scene: Scene) -> None:
    """A Jobcenter that was connected a moment ago: the router's copy of the directory is the older one."""
    carrier, entry = scene.batches._carrier, keys.jobcenter_entry("a", jobcenter_of(OSNABRUECK))
    patient = Batches(carrier, retry_first_s=0.001, retry_most_s=0.01, key_grace_s=30)
    scene.directory = Directory(keys.anchor())
    scene.put_entry(keys.platform_entry())
    running = asyncio.create_task(patient.run([scene.message(fine())]))
    await asyncio.sleep(0)
    assert scene.topics.sent == []
    scene.put_entry(entry)
    assert await running
    assert len(scene.topics.on(topics.lane(jobcenter_of(OSNABRUECK)))) == 1
    assert scene.topics.on(topics.CLEARING) == []


async def test_what_the_door_did_not_know_better_goes_to_clearing_at_once(scene: Scene) -> None:
    patient = Batches(scene.batches._carrier, retry_first_s=0.001, retry_most_s=0.01, key_grace_s=30)
    scene.put_entry(keys.jobcenter_entry("a", jobcenter_of(OSNABRUECK), version=2).model_copy(update={"deleted": True}))
    async with asyncio.timeout(10):
        assert await patient.run([scene.message(fine())])
    assert len(scene.topics.on(topics.CLEARING)) == 1
