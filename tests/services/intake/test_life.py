"""Openings, follow-ups, withdrawals, expiry: what may happen to a submission beside being completed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from devtools.households import supplement, withdrawal
from services.intake.door import OpeningIds
from shared.contracts.answer import Problem
from shared.contracts.directory import KeyState, KeyUse
from shared.contracts.events import SubmissionEvent
from shared.contracts.manifest import Kind
from shared.contracts.stored import Claim, Claimant, ClearingMark, Outcome, OutcomeKind, Settled, Settlement
from shared.directory.snapshot import Applied
from shared.store import keys
from shared.trust.manifests import verify_manifest
from tests import keys as test_keys
from tests.services.intake.world import OSNABRUECK, OTHER, Replica, World, entry, make_application


async def status_of(replica: Replica, submission: str) -> str:
    status, view = await replica.call("GET", f"/v1/submissions/{submission}")
    assert status == 200, view
    return str(view["status"])


async def test_the_same_idempotency_key_gives_the_same_submission(world: World) -> None:
    async with world.replica() as one, world.replica() as two:
        first = await one.open(key="key-1")
        assert await two.open(key="key-1") == first
        assert await two.open(key="key-2") != first
        assert await two.open(portal=OTHER, key="key-1") != first
        headers = {"Idempotency-Key": "key-1"}
        other = {"service": "sgb2-hauptantrag", "postcode": "27283"}
        status, problem = await two.call("POST", "/v1/submissions", json=other, headers=headers)
        assert (status, problem["code"]) == (409, "idempotency-key-reused")
        assert world.kafka.steps(first) == ["opened"]

        assert (await one.complete(first))[0] == 201
        same = {"service": "sgb2-hauptantrag", "postcode": "49124"}
        status, replayed = await two.call("POST", "/v1/submissions", json=same, headers=headers)
        assert (status, replayed["submission_id"], replayed["status"]) == (200, first, "accepted")
        assert (await two.call("POST", "/v1/submissions", json=other, headers=headers))[0] == 409
        # A replay after the end leaves nothing open.
        assert not [key for key in world.store.objects if key.startswith(f"open/{first}")]


async def test_an_opening_that_kafka_missed_is_announced_by_its_replay(replica: Replica, world: World) -> None:
    world.kafka.silent = True
    body = {"service": "sgb2-hauptantrag", "postcode": "49124"}
    headers = {"Idempotency-Key": "key"}
    for _ in range(2):
        assert (await replica.call("POST", "/v1/submissions", json=body, headers=headers))[0] == 503
    world.kafka.silent = False
    status, opened = await replica.call("POST", "/v1/submissions", json=body, headers=headers)
    assert status == 200
    assert world.kafka.steps(opened["submission_id"]) == ["opened"]
    assert (await replica.complete(opened["submission_id"]))[0] == 201


def test_opening_ids_survive_a_rotation_of_the_state_key() -> None:
    before = OpeningIds({"old": b"a" * 32}, "old")
    after = OpeningIds({"old": b"a" * 32, "new": b"b" * 32}, "new")
    [old] = before.candidates("portal", "key")
    candidates = after.candidates("portal", "key")
    assert candidates[0] == old
    assert len(set(candidates)) == 2
    assert OpeningIds({"new": b"b" * 32}, "new").candidates("portal", "key") == candidates[1:]


async def test_follow_ups_go_where_the_original_went(replica: Replica, world: World) -> None:
    original = await replica.open()
    body = {"service": "sgb2-hauptantrag", "follows": original, "kind": "supplement"}
    # It may be opened, and completed, before its original is.
    status, opened = await replica.call("POST", "/v1/submissions", json=body)
    assert (status, opened["jobcenter"]["id"]) == (201, OSNABRUECK)
    early = opened["submission_id"]
    application = supplement("Musterfrau", original)
    _, document = await replica.upload(early)
    application["evidence"] = [{"evidence_code": "E-ID", "document": document["id"]}]
    status, receipt = await replica.complete(early, [document["id"]], application)
    assert status == 201, receipt
    manifest = verify_manifest(receipt["receipt"], test_keys.platform_keys())
    assert (manifest.kind, str(manifest.follows), manifest.destination) == (Kind.SUPPLEMENT, original, OSNABRUECK)

    assert (await replica.complete(original))[0] == 201
    status, opened = await replica.call("POST", "/v1/submissions", json=body | {"kind": "withdrawal"})
    assert status == 201
    status, receipt = await replica.complete(opened["submission_id"], application=withdrawal("Musterfrau", original))
    assert status == 201, receipt
    assert verify_manifest(receipt["receipt"], test_keys.platform_keys()).kind is Kind.WITHDRAWAL

    status, problem = await replica.call("POST", "/v1/submissions", json=body, portal=OTHER)
    assert (status, problem["code"]) == (404, "submission-not-found")
    status, _ = await replica.call("POST", "/v1/submissions", json=body | {"follows": str(uuid4())})
    assert status == 404
    status, _ = await replica.call("POST", "/v1/submissions", json=body | {"postcode": "49124"})
    assert status == 422


async def test_withdrawn_before_its_completion(replica: Replica, world: World) -> None:
    submission = await replica.open()
    await replica.upload(submission)
    path = f"/v1/submissions/{submission}"
    for _ in range(2):
        assert (await replica.call("DELETE", path))[0] == 204
        assert await status_of(replica, submission) == "withdrawn"
    assert sorted(world.store.objects) == [keys.outcome(UUID(submission))]
    assert world.kafka.steps(submission) == ["opened", "withdrawn"]
    status, problem = await replica.complete(submission)
    assert (status, problem["code"]) == (409, "submission-withdrawn")
    status, problem = await replica.upload(submission)
    assert (status, problem["code"]) == (409, "submission-withdrawn")
    assert not world.kafka.received(submission)


async def test_withdrawn_before_its_delivery(replica: Replica, world: World) -> None:
    submission = await replica.open()
    await replica.complete(submission)
    path = f"/v1/submissions/{submission}"
    for _ in range(2):
        assert (await replica.call("DELETE", path))[0] == 204
        assert await status_of(replica, submission) == "withdrawn"
    claim = Claim.model_validate_json(world.store.objects[keys.claim(UUID(submission), 0)])
    assert claim.by is Claimant.SENDER
    assert world.kafka.steps(submission) == ["opened", "accepted", "withdrawn"]


async def test_too_late_to_withdraw(replica: Replica, world: World) -> None:
    submission = await replica.open()
    await replica.complete(submission)
    claim = Claim(by=Claimant.DELIVERY, at=world.clock())
    world.store.objects[keys.claim(UUID(submission), 0)] = claim.to_bytes()
    status, problem = await replica.call("DELETE", f"/v1/submissions/{submission}")
    assert (status, problem["code"]) == (409, "withdrawal-too-late")
    assert await status_of(replica, submission) == "accepted"


async def test_states_that_others_write(replica: Replica, world: World) -> None:
    submission = await replica.open()
    await replica.complete(submission)
    mark = ClearingMark(reason="not-responsible", at=world.clock())
    world.store.objects[keys.clearing(UUID(submission), 0)] = mark.to_bytes()
    assert await status_of(replica, submission) == "clearing"
    settled = Settled(
        settlement=Settlement.REJECTED,
        at=world.clock(),
        destination=OSNABRUECK,
        problems=(Problem(code="schema-unsupported", detail="never shown"),),
    )
    world.store.objects[keys.settled(UUID(submission), 1)] = settled.to_bytes()
    status, view = await replica.call("GET", f"/v1/submissions/{submission}")
    assert (status, view["status"], view["reasons"]) == (200, "rejected", ["schema-unsupported"])
    assert "never shown" not in str(view)
    settled = settled.model_copy(update={"settlement": Settlement.ACKNOWLEDGED, "problems": ()})
    world.store.objects[keys.settled(UUID(submission), 10)] = settled.to_bytes()
    assert await status_of(replica, submission) == "acknowledged"


async def test_expired_ones_are_erased_and_the_sender_sees_it(replica: Replica, world: World) -> None:
    submission = await replica.open()
    await replica.upload(submission)
    world.clock.advance(86_399)
    assert (await world.sweeper().sweep()).expired == 0
    world.clock.advance(1)
    replica.tokens.clear()
    assert (await replica.complete(submission))[0] == 410
    assert (await replica.upload(submission))[0] == 410
    assert (await world.sweeper().sweep()).expired == 1
    assert set(world.store.objects) == {keys.outcome(UUID(submission)), keys.SWEEPER}
    assert world.kafka.steps(submission) == ["opened", "expired"]
    assert await status_of(replica, submission) == "expired"
    for method, path in (("PUT", ""), ("DELETE", ""), ("GET", "/receipt")):
        options = {"json": {"application": make_application()}} if method == "PUT" else {}
        status, problem = await replica.call(method, f"/v1/submissions/{submission}{path}", **options)
        assert (status, problem["code"]) == (410, "submission-expired")


async def test_looking_at_an_expired_one_ends_it(replica: Replica, world: World) -> None:
    submission = await replica.open()
    world.clock.advance(86_400)
    replica.tokens.clear()
    assert await status_of(replica, submission) == "expired"
    outcome = Outcome.model_validate_json(world.store.objects[keys.outcome(UUID(submission))])
    assert outcome.kind is OutcomeKind.EXPIRED
    world.clock.advance(11)
    assert (await world.sweeper().sweep()).published == 1
    assert set(world.store.objects) == {keys.outcome(UUID(submission)), keys.SWEEPER}


async def test_stored_while_kafka_is_silent_then_swept(replica: Replica, world: World) -> None:
    submission = await replica.open()
    _, document = await replica.upload(submission)
    world.kafka.silent = True
    status, pending = await replica.complete(submission, [document["id"]])
    assert (status, pending["status"]) == (202, "accepted")
    status, _ = await replica.call("GET", f"/v1/submissions/{submission}/receipt")
    assert status == 202
    # Repeated while Kafka is still silent: still no receipt.
    assert (await replica.complete(submission, [document["id"]]))[0] == 202
    world.clock.advance(5)
    assert (await world.sweeper().sweep()).published == 0
    world.clock.advance(6)
    assert (await world.sweeper().sweep()).failed == 1
    world.kafka.silent = False
    assert (await world.sweeper().sweep()).published == 1
    status, receipt = await replica.call("GET", f"/v1/submissions/{submission}/receipt")
    assert status == 200
    assert world.kafka.received(submission) == [receipt["receipt"]]
    assert (await replica.complete(submission, [document["id"]])) == (200, receipt)
    assert (await world.sweeper().sweep()).seen == 0


async def test_a_repetition_publishes_what_the_first_could_not(replica: Replica, world: World) -> None:
    submission = await replica.open()
    world.kafka.silent = True
    assert (await replica.complete(submission))[0] == 202
    world.kafka.silent = False
    world.kafka.down = True
    assert (await replica.complete(submission))[0] == 202
    world.kafka.down = False
    status, receipt = await replica.complete(submission)
    assert status == 200
    assert world.kafka.received(submission) == [receipt["receipt"]]


async def test_an_unreadable_opening_stops_no_other(world: World, replica: Replica) -> None:
    world.store.objects[keys.opening(uuid4())] = b"\x01\x02k1 not sealed by anybody"
    submission = await replica.open()
    world.clock.advance(86_400)
    counts = await world.sweeper().sweep()
    assert (counts.failed, counts.expired) == (1, 1)
    assert world.kafka.steps(submission) == ["opened", "expired"]


async def test_without_a_key_it_is_sealed_for_clearing_and_shown_as_accepted(replica: Replica, world: World) -> None:
    submission = await replica.open(postcode="31655")  # Schaumburg: not in this directory
    status, receipt = await replica.complete(submission, application=make_application("31655"))
    assert (status, receipt["jobcenter"]) == (201, "landkreis-schaumburg")
    manifest = verify_manifest(receipt["receipt"], test_keys.platform_keys())
    assert (manifest.destination, manifest.clearing_reason) == ("clearing", "no-destination-key")
    assert {part.kid for part in manifest.parts} == {test_keys.kid("transit")}
    assert await status_of(replica, submission) == "accepted"
    assert world.kafka.steps(submission) == ["opened", "accepted", "clearing"]


@pytest.mark.parametrize(("state", "status"), [(KeyState.ACCEPT, 201), (KeyState.REVOKED, 409)])
async def test_keys_that_change_between_upload_and_completion(
    replica: Replica, world: World, state: KeyState, status: int
) -> None:
    submission = await replica.open()
    _, document = await replica.upload(submission)
    changed = entry(OSNABRUECK, "a", version=2)
    own, other = changed.destinations[0], test_keys.destination("b")
    old = tuple(key.model_copy(update={"state": state}) for key in own.keys if key.use is KeyUse.ENCRYPT)
    rest = tuple(key for key in own.keys if key.use is KeyUse.VERIFY)
    new = tuple(key for key in other.keys if key.use is KeyUse.ENCRYPT)
    destination = own.model_copy(update={"keys": old + rest + new})
    changed = changed.model_copy(update={"destinations": (destination,)})
    assert world.directory.apply(OSNABRUECK, test_keys.signed(changed)) is Applied.OK
    answer, body = await replica.complete(submission, [document["id"]])
    assert answer == status, body
    if status == 201:
        manifest = verify_manifest(body["receipt"], test_keys.platform_keys())
        kids = [part.kid for part in manifest.parts]
        assert kids == [test_keys.kid("b-encrypt")] * 2 + [test_keys.kid("a-encrypt")]
    else:
        assert body["code"] == "destination-changed"


async def test_events_hold_nothing_about_the_place(replica: Replica, world: World) -> None:
    submission = await replica.open()
    headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    await replica.complete(submission, headers=headers)
    events = [message for topic, _, message in world.kafka.sent if topic == "submissions.events"]
    for message in events:
        assert isinstance(message.data, SubmissionEvent)
        value, _ = message.to_kafka()
        assert b"49124" not in value
    assert "4bf92f3577b34da6a3ce929d0e0e4736" in events[-1].traceparent


async def test_an_upload_past_its_deadline_keeps_nobody_waiting(replica: Replica, world: World) -> None:
    submission = await replica.open()
    _, document = await replica.upload(submission)
    door = replica.door
    from services.intake.records import Document, DocumentState, seal

    stuck = Document(
        id=uuid4(),
        state=DocumentState.UPLOADING,
        deadline=world.clock() + timedelta(seconds=30),
        purpose="attachment",  # type: ignore[arg-type]
        media_type="application/pdf",
        filename="stuck.pdf",
        size=10,
    )
    key = keys.document(UUID(submission), stuck.id)
    world.store.objects[key] = seal(door.box, stuck, key)
    world.store.objects[keys.part(UUID(submission), stuck.id)] = b"what arrived of it"
    status, problem = await replica.complete(submission, [document["id"]])
    assert (status, problem["not_named"]) == (409, [str(stuck.id)])
    world.clock.advance(30)
    assert (await replica.complete(submission, [document["id"]]))[0] == 201
    assert [key for key in world.store.objects if str(stuck.id) in key] == []
