"""One attempt, from the record to its end: what is stored, what is published, whose fault it was; crashes between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.delivery.adapters.port import Consignment, HandedOver
from services.delivery.deliver import Courier, Landed, NotConnected
from services.delivery.late import AnswerRefused, LateAnswers, Taken, UnknownDelivery
from services.delivery.settle import Record, Settler
from services.delivery.tiers import Schedule, read_attempts
from shared.contracts import topics
from shared.contracts.answer import Answer, Problem, Verdict
from shared.contracts.directory import Destination, HttpsAdapter, KeyState, Rollout
from shared.contracts.messages import Attempts
from shared.contracts.stored import Claim, Claimant, Settled
from shared.contracts.stored import HandedOver as HandedOverMark
from shared.directory.snapshot import Directory
from shared.errors import JobcenterError, KafkaUnavailable, MessageError, OurError, StoreUnavailable
from shared.kafka.cloudevents import CloudMessage
from shared.store import keys as store_keys
from shared.store.memory import MemoryStore
from shared.trust.answers import sign_answer
from shared.trust.manifests import manifest_digest
from tests import keys
from tests.services.delivery.support import AT, Submission, decoded, make_submission

URL = "https://receiver.example/jobcenter-a"


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> Any:
        return self.now


class Topics:
    """Keeps what is published; `fail_after` messages it fails."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.raw: list[tuple[str, str, bytes | None, list[tuple[str, bytes]]]] = []
        self.fail_after: int | None = None

    async def send(self, topic: str, key: UUID | str, message: CloudMessage) -> None:
        await asyncio.sleep(0)
        if self.fail_after is not None:
            if self.fail_after == 0:
                raise KafkaUnavailable("switched off")
            self.fail_after -= 1
        value, _ = message.to_kafka()
        self.sent.append((topic, str(key), json.loads(value)))

    async def send_raw(self, topic: str, key: bytes, value: bytes | None, headers: Any = None) -> None:
        await asyncio.sleep(0)
        if self.fail_after is not None:
            if self.fail_after == 0:
                raise KafkaUnavailable("switched off")
            self.fail_after -= 1
        self.raw.append((topic, key.decode(), value, list(headers or [])))

    def on(self, topic: str) -> list[dict[str, Any]]:
        return [body for where, _, body in self.sent if where == topic]

    @property
    def steps(self) -> list[str]:
        return [event["step"] for event in self.on(topics.EVENTS)]


class Jobcenter:
    """An adapter that reads everything and answers, or raises, as told."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.deliveries: list[Consignment] = []
        self.error: Exception | None = None
        self.verdict = Verdict.ACCEPT
        self.problems: tuple[Problem, ...] = ()
        self.changes: dict[str, Any] = {}
        self.signer = "a-verify"
        self.later = False
        self.probed: list[Destination] = []

    async def probe(self, destination: Destination) -> None:
        self.probed.append(destination)

    async def deliver(self, consignment: Consignment) -> str | HandedOver:
        self.deliveries.append(consignment)
        for part in consignment.manifest.parts:
            async for _ in consignment.open_part(part):
                pass
        if self.error is not None:
            raise self.error
        return HandedOver.ANSWER_LATER if self.later else self.sign(consignment)

    def sign(self, consignment: Consignment) -> str:
        manifest = consignment.manifest
        answer = Answer(
            **{
                "iss": manifest.destination,
                "jti": uuid4(),
                "iat": int(self.clock.now.timestamp()),
                "delivery_id": consignment.delivery_id,
                "submission_id": manifest.submission_id,
                "manifest": manifest_digest(consignment.manifest_token),
                "verdict": self.verdict,
                "tags": {part.id: part.tag for part in manifest.parts} if self.verdict == "accept" else {},
                "problems": self.problems,
            }
            | self.changes
        )
        return sign_answer(answer, keys.private_key(self.signer), keys.kid(self.signer))


class Scene:
    """Everything around one attempt."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.topics = Topics()
        self.jobcenter = Jobcenter(self.clock)
        self.directory = Directory(keys.anchor())
        self.put_entry(keys.platform_entry())
        self.put_entry(keys.jobcenter_entry("a", url=URL))
        self.slept: list[float] = []
        self.courier = self.restarted()

    def restarted(self) -> Courier:
        """A new process on the same world."""
        settler = Settler(self.store, self.topics, clock=self.clock, source="/delivery/test")
        return Courier(
            store=self.store,
            parts_store=self.store,
            settler=settler,
            directory=lambda: self.directory,
            adapter=self.jobcenter,
            clock=self.clock,
            schedule=Schedule(),
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now += timedelta(seconds=seconds)

    def put_entry(self, entry: Any) -> None:
        assert not self.directory.apply(entry.id, keys.signed(entry)).is_alarm

    async def deliver(self, submission: Submission, attempts: Attempts | None = None) -> Landed:
        return await self.courier.deliver(record_of(submission), attempts or Attempts())

    def settled(self, submission: Submission) -> Settled | None:
        body = self.store.objects.get(store_keys.settled(submission.id, submission.manifest.generation))
        return None if body is None else Settled.model_validate_json(body)


def record_of(submission: Submission, topic: str | None = None) -> Record:
    value, headers = submission.delivery().to_kafka()
    return Record(topic or topics.lane(submission.manifest.destination), 0, 7, value, headers)


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
async def submission(scene: Scene) -> AsyncIterator[Submission]:
    yield await make_submission("jobcenter-a", b"attachment" * 1000).store(scene.store)


async def test_an_accept_is_settled_then_told(scene: Scene, submission: Submission) -> None:
    assert await scene.deliver(submission) is Landed.ANSWERED
    settled = scene.settled(submission)
    assert settled is not None
    assert (settled.settlement, settled.delivery_id) == ("acknowledged", submission.delivery_id)
    assert settled.answer
    assert scene.topics.steps == ["pushing", "acknowledged"]
    [_, event] = scene.topics.on(topics.EVENTS)
    assert (event["documents"], event["destination"]) == (1, "jobcenter-a")
    assert "postcode" not in event
    claim = Claim.model_validate_json(scene.store.objects[store_keys.claim(submission.id, 0)])
    assert claim.by is Claimant.DELIVERY


async def test_a_final_reject_is_settled_and_its_text_stays_in_the_store(scene: Scene, submission: Submission) -> None:
    scene.jobcenter.verdict = Verdict.REJECT
    scene.jobcenter.problems = (Problem(code="schema-unsupported", detail="Geheimnis im Freitext"),)
    assert await scene.deliver(submission) is Landed.ANSWERED
    settled = scene.settled(submission)
    assert settled is not None
    assert settled.settlement == "rejected"
    assert settled.problems[0].detail == "Geheimnis im Freitext"
    assert scene.topics.on(topics.EVENTS)[-1]["reason"] == "schema-unsupported"
    assert "Geheimnis" not in json.dumps(scene.topics.sent)


async def test_not_responsible_goes_to_clearing(scene: Scene, submission: Submission) -> None:
    scene.jobcenter.verdict = Verdict.REJECT
    scene.jobcenter.problems = (Problem(code="not-responsible", detail="Geheimnis im Freitext"),)
    assert await scene.deliver(submission) is Landed.ANSWERED
    assert scene.settled(submission) is None
    mark = json.loads(scene.store.objects[store_keys.clearing(submission.id, 0)])
    assert mark["reason"] == "not-responsible"
    assert mark["answer"]
    [human] = scene.topics.on(topics.CLEARING)
    assert (human["submission_id"], human["manifest"]) == (str(submission.id), submission.token)
    assert scene.topics.steps == ["pushing", "clearing"]
    assert "Geheimnis" not in json.dumps(scene.topics.sent)


async def test_what_went_to_clearing_is_not_pushed_again(scene: Scene, submission: Submission) -> None:
    scene.jobcenter.verdict = Verdict.REJECT
    scene.jobcenter.problems = (Problem(code="not-responsible"),)
    await scene.deliver(submission)
    assert await scene.deliver(submission) is Landed.CLEARING
    assert len(scene.jobcenter.deliveries) == 1


@pytest.mark.parametrize("crash_at", range(5))
async def test_a_crash_anywhere_ends_in_one_settlement(scene: Scene, submission: Submission, crash_at: int) -> None:
    """Kafka fails after so many messages, or the store's answer is lost; then a new process reads the record again."""
    if crash_at < 2:
        scene.topics.fail_after = crash_at
    else:
        lost = {2: "put_new", 3: "get", 4: "get"}[crash_at]
        suffix = {2: "/settled", 3: "/outcome", 4: "/settled"}[crash_at]

        def lose(what: str, key: str) -> None:
            if what == lost and key.endswith(suffix):
                raise StoreUnavailable("lost")

        if crash_at == 2:
            scene.store.after = lose
        else:
            scene.store.before = lose
    with pytest.raises(OurError):
        await scene.deliver(submission)
    scene.topics.fail_after = None
    scene.store.before = scene.store.after = lambda what, key: None
    first = scene.settled(submission)
    scene.courier = scene.restarted()
    assert await scene.deliver(submission) in (Landed.ANSWERED, Landed.SETTLED_BEFORE)
    assert "acknowledged" in scene.topics.steps
    settled = scene.settled(submission)
    assert settled is not None
    assert first is None or first == settled


async def test_what_was_settled_before_is_told_again_and_not_pushed(scene: Scene, submission: Submission) -> None:
    await scene.deliver(submission)
    assert await scene.deliver(submission) is Landed.SETTLED_BEFORE
    assert len(scene.jobcenter.deliveries) == 1
    assert scene.topics.steps == ["pushing", "acknowledged", "acknowledged"]


async def test_two_at_once_leave_one_settlement(scene: Scene, submission: Submission) -> None:
    other = scene.restarted()
    landed = await asyncio.gather(scene.deliver(submission), other.deliver(record_of(submission), Attempts()))
    assert landed == [Landed.ANSWERED, Landed.ANSWERED]
    assert {event["step"] for event in scene.topics.on(topics.EVENTS)} == {"pushing", "acknowledged"}


async def test_a_withdrawal_that_was_first_wins(scene: Scene, submission: Submission) -> None:
    claim = Claim(by=Claimant.SENDER, at=AT)
    await scene.store.put_new(store_keys.claim(submission.id, 0), claim.to_bytes())
    assert await scene.deliver(submission) is Landed.WITHDRAWN
    settled = scene.settled(submission)
    assert settled is not None
    assert settled.settlement == "withdrawn"
    assert scene.jobcenter.deliveries == []
    assert scene.topics.steps == ["withdrawn"]


async def test_a_withdrawal_is_settled_even_where_nobody_is_connected(scene: Scene, submission: Submission) -> None:
    scene.put_entry(keys.jobcenter_entry("a", version=2))
    with pytest.raises(NotConnected):
        await scene.deliver(submission)
    assert store_keys.claim(submission.id, 0) not in scene.store.objects
    await scene.store.put_new(store_keys.claim(submission.id, 0), Claim(by=Claimant.SENDER, at=AT).to_bytes())
    assert await scene.deliver(submission) is Landed.WITHDRAWN


async def test_the_jobcenters_failure_is_told_and_passed_on(scene: Scene, submission: Submission) -> None:
    scene.jobcenter.error = JobcenterError("timeout")
    with pytest.raises(JobcenterError):
        await scene.deliver(submission, Attempts(count=4))
    assert scene.settled(submission) is None
    [event] = scene.topics.on(topics.EVENTS)
    assert (event["step"], event["attempt"], event["reason"]) == ("attempt-failed", 5, "timeout")


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {}},
        {"iss": "jobcenter-b"},
        {"delivery_id": uuid4()},
        {"submission_id": uuid4()},
        {"manifest": "x" * 43},
        {"iat": int((AT - timedelta(minutes=6)).timestamp())},
    ],
)
async def test_an_accept_of_anything_else_counts_for_nothing(
    scene: Scene, submission: Submission, changes: dict[str, Any]
) -> None:
    scene.jobcenter.changes = changes
    with pytest.raises(JobcenterError) as failure:
        await scene.deliver(submission)
    assert failure.value.code == "answer-invalid"
    assert scene.settled(submission) is None


async def test_another_jobcenters_signature_counts_for_nothing(scene: Scene, submission: Submission) -> None:
    scene.jobcenter.signer = "b-verify"
    with pytest.raises(JobcenterError):
        await scene.deliver(submission)
    assert scene.settled(submission) is None


async def test_a_key_revoked_while_the_parts_went_out_signs_no_more(scene: Scene, submission: Submission) -> None:
    entry = keys.jobcenter_entry("a", version=2, url=URL)
    destination = entry.destinations[0]
    revoked = tuple(key.model_copy(update={"state": KeyState.REVOKED}) for key in destination.keys)
    entry = entry.model_copy(update={"destinations": (destination.model_copy(update={"keys": revoked}),)})

    class Late(Jobcenter):
        async def deliver(self, consignment: Consignment) -> str | HandedOver:
            token = await super().deliver(consignment)
            scene.put_entry(entry)
            return token

    scene.jobcenter = Late(scene.clock)
    scene.courier = scene.restarted()
    with pytest.raises(JobcenterError):
        await scene.deliver(submission)
    assert scene.settled(submission) is None


async def test_a_changed_endpoint_is_used_at_once(scene: Scene, submission: Submission) -> None:
    scene.put_entry(keys.jobcenter_entry("a", version=2, url="https://new.example/x"))
    await scene.deliver(submission)
    assert scene.jobcenter.deliveries[0].destination.adapter == HttpsAdapter(url="https://new.example/x")


async def test_a_paused_jobcenter_is_waited_for(scene: Scene, submission: Submission) -> None:
    entry = keys.jobcenter_entry("a", version=2, url=URL).model_copy(update={"rollout": Rollout.PAUSED})
    scene.put_entry(entry)
    with pytest.raises(NotConnected):
        await scene.deliver(submission)
    assert scene.topics.sent == []


async def test_nothing_is_judged_before_the_directory_is_there(scene: Scene, submission: Submission) -> None:
    scene.directory = Directory(keys.anchor())
    with pytest.raises(OurError):
        await scene.deliver(submission)
    assert scene.topics.sent == []


async def test_a_missing_outcome_is_a_dead_letter(scene: Scene) -> None:
    submission = make_submission()
    assert await scene.deliver(submission) is Landed.DEAD_LETTER
    [human] = scene.topics.on(topics.DEAD_LETTER)
    assert (human["reason"], human["manifest"]) == ("outcome-missing", submission.token)
    assert scene.topics.steps == ["dead-letter"]


async def test_a_part_proven_absent_or_altered_is_a_dead_letter(scene: Scene) -> None:
    for spoil, reason in (("absent", "part-missing"), ("longer", "part-altered"), ("same length", "part-altered")):
        submission = await make_submission("jobcenter-a", b"attachment").store(scene.store)
        key = store_keys.part(submission.id, submission.manifest.parts[2].id)
        if spoil == "absent":
            del scene.store.objects[key]
        else:
            scene.store.objects[key] = b"attachmenT" if spoil == "same length" else b"attachment2"
        assert await scene.deliver(submission, Attempts(count=2)) is Landed.DEAD_LETTER
        human = scene.topics.on(topics.DEAD_LETTER)[-1]
        assert (human["reason"], human["attempts"]["count"]) == (reason, 2)
        assert scene.settled(submission) is None


async def test_a_store_that_fails_is_our_failure(scene: Scene, submission: Submission) -> None:
    scene.store.unavailable = True
    with pytest.raises(StoreUnavailable):
        await scene.deliver(submission)
    assert scene.topics.sent == []


class TestUnreadable:
    """Kept whole under its position; nothing about it is believed."""

    async def dead_letter(self, scene: Scene, record: Record) -> dict[str, Any]:
        assert await scene.courier.deliver(record, Attempts()) is Landed.DEAD_LETTER
        [(topic, key, body)] = scene.topics.sent
        assert topic == topics.DEAD_LETTER
        assert key == f"{record.topic}/{record.partition}/{record.offset}"
        if record.value is None:
            assert "original" not in body
        else:
            assert decoded(body["original"]) == record.value
        assert body.get("submission_id") is None
        assert scene.jobcenter.deliveries == []
        return body

    @pytest.mark.parametrize("value", [None, b"", b"\xff\x00", b"[]", b"{}"])
    async def test_no_message(self, scene: Scene, submission: Submission, value: bytes | None) -> None:
        record = record_of(submission)
        record = Record(record.topic, 0, 7, value, record.headers)
        assert (await self.dead_letter(scene, record))["reason"] == "message-unreadable"

    async def test_no_headers(self, scene: Scene, submission: Submission) -> None:
        record = record_of(submission)
        record = Record(record.topic, 0, 7, record.value, [])
        assert (await self.dead_letter(scene, record))["reason"] == "message-unreadable"

    async def test_a_forged_manifest(self, scene: Scene, submission: Submission) -> None:
        head, _, seal = submission.token.split(".")
        other = make_submission().token.split(".")[1]
        forged = Submission(submission.manifest, f"{head}.{other}.{seal}", submission.parts)
        assert (await self.dead_letter(scene, record_of(forged)))["reason"] == "manifest-invalid"

    async def test_on_another_destinations_lane(self, scene: Scene, submission: Submission) -> None:
        record = record_of(submission, topics.lane("jobcenter-b"))
        assert (await self.dead_letter(scene, record))["reason"] == "wrong-destination"

    async def test_a_message_that_says_otherwise_than_its_manifest(self, scene: Scene, submission: Submission) -> None:
        record = record_of(submission)
        assert record.value is not None
        changed = record.value.replace(str(submission.delivery_id).encode(), str(uuid4()).encode())
        record = Record(record.topic, 0, 7, changed, record.headers)
        assert (await self.dead_letter(scene, record))["reason"] == "manifest-invalid"

    async def test_an_unknown_key_is_given_time(self, scene: Scene) -> None:
        submission = make_submission()
        scene.directory = Directory(keys.anchor())
        entry = keys.platform_entry()
        scene.put_entry(entry.model_copy(update={"keys": entry.keys[1:]}))
        assert (await self.dead_letter(scene, record_of(submission)))["reason"] == "manifest-invalid"
        assert sum(scene.slept) >= 10


async def test_a_key_that_comes_in_time_saves_the_message(scene: Scene, submission: Submission) -> None:
    entry = keys.platform_entry()
    scene.directory = Directory(keys.anchor())
    scene.put_entry(entry.model_copy(update={"keys": entry.keys[1:]}))
    scene.put_entry(keys.jobcenter_entry("a", url=URL))

    async def bring(seconds: float) -> None:
        scene.put_entry(keys.platform_entry(version=2))

    scene.courier._sleep = bring
    assert await scene.deliver(submission) is Landed.ANSWERED


async def test_errors_of_reading_parts_are_dead_letters_only_when_proven(scene: Scene, submission: Submission) -> None:
    scene.jobcenter.error = MessageError("part-altered")
    assert await scene.deliver(submission) is Landed.DEAD_LETTER
    scene.jobcenter.error = StoreUnavailable("cut off")
    with pytest.raises(StoreUnavailable):
        await scene.deliver(submission)


async def test_an_answer_that_comes_later_is_handed_over_and_nothing_more(scene: Scene, submission: Submission) -> None:
    scene.jobcenter.later = True
    assert await scene.deliver(submission) is Landed.HANDED_OVER
    assert scene.settled(submission) is None
    assert scene.topics.steps == ["pushing", "handed-over"]
    mark = HandedOverMark.model_validate_json(scene.store.objects[store_keys.handed_over(submission.id, 0)])
    assert (mark.delivery_id, mark.manifest, mark.at) == (submission.delivery_id, submission.token, AT)
    [(topic, key, value, headers)] = scene.topics.raw
    assert (topic, key, value) == (topics.AWAITING, str(submission.id), record_of(submission).value)
    assert dict(headers)["traceparent"].decode() == submission.traceparent
    assert dict(headers)["ce_due"] == b"2026-11-22T16:00:00.000Z"


async def test_the_first_hand_over_is_what_a_late_answer_is_measured_by(scene: Scene, submission: Submission) -> None:
    scene.jobcenter.later = True
    await scene.deliver(submission)
    scene.clock.now += timedelta(hours=5)
    await scene.deliver(submission, Attempts(asked=1))
    mark = HandedOverMark.model_validate_json(scene.store.objects[store_keys.handed_over(submission.id, 0)])
    assert mark.at == AT
    assert "alarm" not in scene.topics.steps
    await scene.deliver(submission, Attempts(asked=2))
    alarm = next(event for event in scene.topics.on(topics.EVENTS) if event["step"] == "alarm")
    assert (alarm["reason"], alarm["attempt"]) == ("answer-overdue", 2)
    assert len({consignment.delivery_id for consignment in scene.jobcenter.deliveries}) == 1


class TestLate:
    """Answers that are posted after a hand-over."""

    async def handed_over(self, scene: Scene, submission: Submission) -> LateAnswers:
        scene.jobcenter.later = True
        await scene.deliver(submission)
        settler = Settler(scene.store, scene.topics, clock=scene.clock, source="/delivery/test")
        return LateAnswers(scene.courier, settler, lambda: scene.directory)

    async def test_settled_and_told_before_it_is_taken(self, scene: Scene, submission: Submission) -> None:
        late = await self.handed_over(scene, submission)
        token = scene.jobcenter.sign(scene.jobcenter.deliveries[0])
        scene.topics.fail_after = 0
        with pytest.raises(KafkaUnavailable):
            await late.take(submission.delivery_id, token)
        scene.topics.fail_after = None
        assert await late.take(submission.delivery_id, token) is Taken.DONE
        assert "acknowledged" in scene.topics.steps
        assert await scene.deliver(submission) is Landed.SETTLED_BEFORE
        assert len(scene.jobcenter.deliveries) == 1

    async def test_the_first_wins_and_a_contradiction_is_a_finding(self, scene: Scene, submission: Submission) -> None:
        late = await self.handed_over(scene, submission)
        accept = scene.jobcenter.sign(scene.jobcenter.deliveries[0])
        await late.take(submission.delivery_id, accept)
        first = scene.settled(submission)
        for code in ("schema-unsupported", "not-responsible"):
            scene.jobcenter.verdict, scene.jobcenter.problems = Verdict.REJECT, (Problem(code=code),)
            other = scene.jobcenter.sign(scene.jobcenter.deliveries[0])
            assert await late.take(submission.delivery_id, other) is Taken.CONTRADICTS
        assert scene.settled(submission) == first
        assert scene.topics.steps.count("alarm") == 2
        assert scene.topics.on(topics.CLEARING) == []

    async def test_not_responsible_goes_to_clearing(self, scene: Scene, submission: Submission) -> None:
        late = await self.handed_over(scene, submission)
        scene.jobcenter.verdict, scene.jobcenter.problems = Verdict.REJECT, (Problem(code="not-responsible"),)
        token = scene.jobcenter.sign(scene.jobcenter.deliveries[0])
        assert await late.take(submission.delivery_id, token) is Taken.DONE
        assert await late.take(submission.delivery_id, token) is Taken.DONE
        assert scene.topics.on(topics.CLEARING)[0]["submission_id"] == str(submission.id)
        scene.jobcenter.verdict, scene.jobcenter.problems = Verdict.ACCEPT, ()
        accept = scene.jobcenter.sign(scene.jobcenter.deliveries[0])
        assert await late.take(submission.delivery_id, accept) is Taken.CONTRADICTS
        assert scene.settled(submission) is None

    async def test_what_proves_nothing_changes_nothing(self, scene: Scene, submission: Submission) -> None:
        late = await self.handed_over(scene, submission)
        load = scene.jobcenter.deliveries[0]
        for token in ("", "a.b", "a.b.c", "é.e.e", scene.jobcenter.sign(load)[:-3] + "AAA"):
            with pytest.raises(AnswerRefused):
                await late.take(submission.delivery_id, token)
        scene.jobcenter.signer = "b-verify"
        with pytest.raises(AnswerRefused):
            await late.take(submission.delivery_id, scene.jobcenter.sign(load))
        scene.jobcenter.signer = "a-verify"
        with pytest.raises(UnknownDelivery):
            await late.take(uuid4(), scene.jobcenter.sign(load))
        scene.jobcenter.changes = {"iat": int((AT - timedelta(minutes=6)).timestamp())}
        with pytest.raises(AnswerRefused):
            await late.take(submission.delivery_id, scene.jobcenter.sign(load))
        assert scene.settled(submission) is None

    async def test_what_was_never_handed_over_is_unknown(self, scene: Scene, submission: Submission) -> None:
        late = await self.handed_over(scene, submission)
        token = scene.jobcenter.sign(scene.jobcenter.deliveries[0])
        del scene.store.objects[store_keys.handed_over(submission.id, 0)]
        with pytest.raises(UnknownDelivery):
            await late.take(submission.delivery_id, token)


async def test_a_failure_of_its_own_goes_to_the_tier_of_its_turn(scene: Scene, submission: Submission) -> None:
    for hops, tier in enumerate(["30s", "5m", "30m", "2h", "6h", "24h", "24h"]):
        attempts = Attempts(count=3 * hops + 3, hops=hops, spent_s=hops * 1000, last_reason="http-status", first_at=AT)
        assert await scene.courier.move_on(record_of(submission), attempts) is Landed.RETRY
        topic, key, value, headers = scene.topics.raw[-1]
        assert (topic, key, value) == (topics.retry(tier), str(submission.id), record_of(submission).value)
        carried = read_attempts(headers)
        assert carried == attempts.model_copy(update={"hops": hops + 1})
        assert dict(headers)["traceparent"].decode() == submission.traceparent
    assert set(scene.topics.steps) == {"retry"}


async def test_a_spent_budget_ends_in_the_dead_letter(scene: Scene, submission: Submission) -> None:
    attempts = Attempts(count=40, hops=20, spent_s=14 * 86_400, last_reason="http-status", first_at=AT)
    assert await scene.courier.move_on(record_of(submission), attempts) is Landed.DEAD_LETTER
    [human] = scene.topics.on(topics.DEAD_LETTER)
    assert (human["reason"], human["attempts"]["count"]) == ("http-status", 40)
    assert human["attempts"]["spent_s"] == 14 * 86_400
    assert scene.topics.raw == []


async def test_in_preparation_waits_or_goes_to_the_fallback(scene: Scene, submission: Submission) -> None:
    entry = keys.jobcenter_entry("a", version=2, url=URL).model_copy(update={"rollout": Rollout.IN_PREPARATION})
    scene.put_entry(entry)
    with pytest.raises(NotConnected):
        await scene.deliver(submission)
    with pytest.raises(NotConnected):
        await scene.courier.probe("jobcenter-a")
    fallback = HttpsAdapter(url="https://fallback.example/x")
    destination = entry.destinations[0].model_copy(update={"fallback": fallback})
    scene.put_entry(entry.model_copy(update={"version": 3, "destinations": (destination,)}))
    assert await scene.deliver(submission) is Landed.ANSWERED
    await scene.courier.probe("jobcenter-a")
    assert scene.jobcenter.deliveries[0].destination.adapter == scene.jobcenter.probed[0].adapter == fallback
    scene.put_entry(entry.model_copy(update={"version": 4, "rollout": Rollout.LIVE, "destinations": (destination,)}))
    await scene.courier.probe("jobcenter-a")
    assert scene.jobcenter.probed[-1].adapter == HttpsAdapter(url=URL)
