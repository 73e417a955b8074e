"""The whole system as processes: from the portal's request to the Jobcenter's signed acknowledgement, ids checked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from devtools.samples import CANARIES, Sample, sample
from devtools.stack import Stack, StackSettings
from shared.contracts import topics
from shared.contracts.directory import Rollout
from shared.contracts.manifest import Manifest, Part, Role
from shared.contracts.messages import Received
from shared.contracts.stored import Settled
from shared.kafka.cloudevents import CloudMessage
from shared.sealing.jwk import b64u, generate_ec, load_private, unb64u
from shared.trust.manifests import manifest_digest, sign_manifest
from tests.e2e.portal import Answer, File, Portal
from tests.support.canary import find
from tests.support.topics import read_topic, wait_for_message

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

JOBCENTERS = ("kreis-offenbach", "landkreis-osnabrueck", "landkreis-verden", "landkreis-bautzen")
NAMES = ("dreieich", "georgsmarienhuette", "verden", "bautzen")
ORDER = ("opened", "accepted", "routed", "pushing", "acknowledged")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    env = {"intake": {"INTAKE_SWEEP_INTERVAL_S": "2"}}
    settings = StackSettings(jobcenters=JOBCENTERS, intake_replicas=2, env=env)
    with Stack(tmp_path_factory.mktemp("system"), settings) as running:
        yield running


@pytest.fixture
async def portal(stack: Stack) -> AsyncIterator[Portal]:
    async with Portal(stack.intake_url, stack.client.client_id, stack.client.client_secret) as client:
        yield client


async def send(portal: Portal, wanted: Sample, **opening: object) -> tuple[str, Answer]:
    """Open, upload, complete: the submission's id and the completion's answer."""
    request: dict[str, object] = {"service": wanted.service, "postcode": wanted.postcode}
    if wanted.municipality_key is not None:
        request["municipality_key"] = wanted.municipality_key
    opened = await portal.open(**(opening or request))
    assert opened.status == 201, opened
    submission_id = opened.body["submission_id"]
    documents = []
    for document in wanted.documents:
        uploaded = await portal.upload(submission_id, File.of(document))
        assert uploaded.status == 201, uploaded
        documents.append(uploaded.body["id"])
    completed = await portal.complete(submission_id, wanted.completed_with(documents), documents)
    assert completed.status == 201, completed
    return submission_id, completed


def manifest_of(token: str) -> Manifest:
    return Manifest.model_validate_json(unb64u(token.split(".")[1]))


async def test_applications_reach_their_jobcenters(stack: Stack, portal: Portal) -> None:
    """Many at once over both replicas; every id is followed from receipt to folder, answer and events."""
    wanted = [sample(name) for name in NAMES] * 3
    second = Portal(stack.intake_urls[1], stack.client.client_id, stack.client.client_secret)
    async with second:
        portals = (portal, second)
        sent = await asyncio.gather(*(send(portals[n % 2], one) for n, one in enumerate(wanted)))
    for (submission_id, completed), one in zip(sent, wanted, strict=True):
        await portal.wait_for(submission_id, "acknowledged", timeout_s=60)
        manifest = manifest_of(completed.body["receipt"])
        assert str(manifest.submission_id) == submission_id
        settled = Settled.model_validate_json((stack.store_folder / submission_id / "0" / "settled").read_bytes())
        assert settled.answer is not None and settled.destination == manifest.destination
        answer = json.loads(unb64u(settled.answer.split(".")[1]))
        assert answer["manifest"] == manifest_digest(completed.body["receipt"])
        assert {UUID(part) for part in answer["tags"]} == {part.id for part in manifest.parts}
        _check_folder(stack.handover(manifest.destination) / submission_id, one)
    steps: dict[str, Counter[str]] = {}
    for message in await read_topic(stack.bootstrap, topics.EVENTS):
        steps.setdefault(message.body["submission_id"], Counter())[message.body["step"]] += 1
    for submission_id, _ in sent:
        assert set(steps[submission_id]) == set(ORDER), submission_id


def _check_folder(folder: Path, wanted: Sample) -> None:
    """What the specialist system finds is what the citizen sent, byte for byte."""
    application = json.loads((folder / "application.json").read_bytes())
    without_evidence = {name: value for name, value in application.items() if name != "evidence"}
    sent = {name: value for name, value in wanted.application.items() if name != "evidence"}
    assert without_evidence == sent
    found = sorted(hashlib.sha512(path.read_bytes()).hexdigest() for path in (folder / "documents").glob("*"))
    assert found == sorted(document.measure()[1] for document in wanted.documents)


async def test_a_repeated_completion_is_one_delivery_and_the_same_receipt(stack: Stack, portal: Portal) -> None:
    one = sample("verden")
    submission_id, first = await send(portal, one)
    again = await portal.complete(submission_id, one.completed_with([]), [])
    assert (again.status, again.raw) == (200, first.raw)
    other = await portal.complete(submission_id, sample("dreieich").application, [])
    assert other.status in (409, 422), other
    await portal.wait_for(submission_id, "acknowledged")
    third = await portal.complete(submission_id, one.completed_with([]), [])
    assert (third.status, third.raw) == (200, first.raw)
    lane = await read_topic(stack.bootstrap, topics.lane("landkreis-verden"))
    assert sum(message.key == submission_id for message in lane) == 1


async def test_a_withdrawal_before_the_first_push_is_never_delivered(stack: Stack, portal: Portal) -> None:
    stack.pause("delivery")
    try:
        submission_id, _ = await send(portal, sample("verden"))
        withdrawn = await portal.withdraw(submission_id)
        assert withdrawn.status in (200, 204), withdrawn
        assert (await portal.status(submission_id)).body["status"] == "withdrawn"
    finally:
        stack.resume("delivery")
    later, _ = await send(portal, sample("verden"))
    await portal.wait_for(later, "acknowledged")
    assert (await portal.status(submission_id)).body["status"] == "withdrawn"
    assert not (stack.handover("landkreis-verden") / submission_id).exists()
    too_late = await portal.withdraw(later)
    assert too_late.status == 409, too_late


async def test_a_supplement_goes_where_its_application_went(stack: Stack, portal: Portal) -> None:
    original, _ = await send(portal, sample("verden"))
    one = sample("husum-supplement")
    follow_up, completed = await send(portal, one, service=one.service, follows=original, kind="supplement")
    await portal.wait_for(follow_up, "acknowledged")
    assert manifest_of(completed.body["receipt"]).destination == "landkreis-verden"
    await portal.wait_for(original, "acknowledged")
    index = json.loads((stack.handover("landkreis-verden") / follow_up / "index.json").read_bytes())
    assert index["follows"]["submission_id"] == original


async def test_parts_swapped_between_submissions_are_refused(stack: Stack, portal: Portal) -> None:
    """Whoever can write to the store can make trouble, but cannot put one person's paper into another's file."""
    stack.pause("delivery")
    try:
        sent = [await send(portal, sample("bautzen")) for _ in range(2)]
        parts = [next((stack.store_folder / submission_id / "parts").glob("*")) for submission_id, _ in sent]
        first, second = (part.read_bytes() for part in parts)
        assert len(first) == len(second)
        parts[0].write_bytes(second)
        parts[1].write_bytes(first)
    finally:
        stack.resume("delivery")
    for submission_id, _ in sent:
        dead = await wait_for_message(
            stack.bootstrap, topics.DEAD_LETTER, lambda message, key=submission_id: message.key == key
        )
        assert dead.body["reason"] == "part-altered"
        assert not (stack.handover("landkreis-bautzen") / submission_id).exists()
        assert (await portal.status(submission_id)).body["status"] == "accepted"
    after, _ = await send(portal, sample("bautzen"))
    await portal.wait_for(after, "acknowledged")


async def test_a_forged_manifest_reaches_nobody(stack: Stack, portal: Portal) -> None:
    """Right in form, signed by a key that the anchor does not know; and a replay under another submission's id."""
    genuine, completed = await send(portal, sample("verden"))
    await portal.wait_for(genuine, "acknowledged")
    forged_id, replay_id = uuid4(), uuid4()
    key = generate_ec()
    part = Part(role=Role.METADATA, id=uuid4(), kid="A" * 43, size=700, sha256="A" * 43, tag="A" * 22)
    forged = manifest_of(completed.body["receipt"]).model_copy(
        update={"submission_id": forged_id, "parts": (part, part.model_copy(update={"role": Role.DATA, "id": uuid4()}))}
    )
    messages = [
        (forged_id, Received(submission_id=forged_id, manifest=sign_manifest(forged, load_private(key), key["kid"]))),
        (replay_id, Received(submission_id=replay_id, manifest=completed.body["receipt"])),
    ]
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap, acks="all")
    await producer.start()
    try:
        for submission_id, body in messages:
            value, headers = CloudMessage(
                type="de.antragsweiche.received",
                subject=str(submission_id),
                data=body,
                traceparent=f"00-{uuid4().hex}-00f067aa0ba902b7-01",
                time=datetime.now(UTC),
                source="/forger",
            ).to_kafka()
            await producer.send_and_wait(topics.RECEIVED, value, key=str(submission_id).encode(), headers=list(headers))
        await producer.send_and_wait(topics.RECEIVED, b"\xff not json", key=b"poison")
    finally:
        await producer.stop()
    for submission_id, _ in messages:
        dead = await wait_for_message(
            stack.bootstrap,
            topics.DEAD_LETTER,
            lambda message, wanted=str(submission_id): wanted in json.dumps(message.body) + _original(message.body),
        )
        assert dead.body["reason"] == "manifest-invalid", dead
        assert not (stack.handover("landkreis-verden") / str(submission_id)).exists()
    after, _ = await send(portal, sample("verden"))
    await portal.wait_for(after, "acknowledged")


def _original(body: dict[str, str]) -> str:
    return base64.b64decode(body.get("original") or "").decode(errors="replace")


async def test_a_forged_directory_entry_changes_nothing(stack: Stack, portal: Portal) -> None:
    """Somebody who can write to the topic, but has not the directory key, redirects nobody."""
    token = (stack.directory_folder / "landkreis-verden.jws").read_text().strip()
    head, body, signature = token.split(".")
    claims = json.loads(unb64u(body))
    claims["version"] += 1
    claims["destinations"][0]["adapter"]["url"] = "http://127.0.0.1:9/evil"
    forged = ".".join((head, b64u(json.dumps(claims).encode()), signature))
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap, acks="all")
    await producer.start()
    try:
        for value in (forged.encode(), b"garbage", None):
            await producer.send_and_wait(topics.DIRECTORY, value, key=b"landkreis-verden")
    finally:
        await producer.stop()
    submission_id, _ = await send(portal, sample("verden"))
    await portal.wait_for(submission_id, "acknowledged")
    found = await portal.request("GET", "/v1/jobcenters?postcode=27283")
    assert found.body["jobcenter"]["id"] == "landkreis-verden"


async def test_a_change_of_the_directory_takes_effect_without_restart(stack: Stack, portal: Portal) -> None:
    entry = stack.desk.directory.entry("landkreis-verden")
    assert entry is not None and entry.destinations[0].adapter is not None
    url = entry.destinations[0].adapter.url.rpartition("/")[0]
    stack.desk.connect("landkreis-verden", url, Rollout.TEST)
    await stack.desk.publish(stack.bootstrap)
    began = time.monotonic()
    for replica in stack.intake_urls:
        portal.url = replica
        while (await portal.request("GET", "/v1/jobcenters?postcode=27283")).body["jobcenter"]["rollout"] != "test":
            assert time.monotonic() - began < 2.0, "the change took longer than two seconds"
    stack.desk.connect("landkreis-verden", url, Rollout.LIVE)
    await stack.desk.publish(stack.bootstrap)


async def test_a_new_jobcenter_is_served_and_a_dead_one_costs_the_others_nothing(stack: Stack, portal: Portal) -> None:
    """Connected while everything runs; then its system is killed: others go on, and it gets its own when it is back."""
    one = sample("hallenberg")
    await asyncio.to_thread(stack.add_jobcenter, "hochsauerlandkreis")
    connected = time.monotonic()
    submission_id, _ = await send(portal, one)
    await portal.wait_for(submission_id, "acknowledged", timeout_s=30)
    assert time.monotonic() - connected < 30
    receiver = next(reversed([name for name in stack.processes if name.startswith("receiver")]))
    await asyncio.to_thread(stack.kill, receiver)
    waiting = [(await send(portal, one))[0] for _ in range(3)]
    healthy = [(await send(portal, sample("verden")))[0] for _ in range(5)]
    for submission_id in healthy:
        await portal.wait_for(submission_id, "acknowledged")
    for submission_id in waiting:
        assert (await portal.status(submission_id)).body["status"] == "accepted"
    await asyncio.to_thread(stack.restart, receiver)
    for submission_id in waiting:
        await portal.wait_for(submission_id, "acknowledged", timeout_s=90)


async def test_a_frozen_store_refuses_within_two_seconds(stack: Stack, portal: Portal) -> None:
    await portal.token()
    stack.pause("store")
    try:
        began = time.monotonic()
        refused = await portal.open(service="sgb2-hauptantrag", postcode="27283")
        took = time.monotonic() - began
    finally:
        stack.resume("store")
    assert (refused.status, "Retry-After" in refused.headers) == (503, True), refused
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    # Two seconds are promised; the third is for a busy test machine.
    assert took < 3.0
    submission_id, _ = await send(portal, sample("verden"))
    await portal.wait_for(submission_id, "acknowledged", timeout_s=60)


async def test_killing_every_service_loses_nothing(stack: Stack, portal: Portal) -> None:
    """kill -9 of router, delivery, receiver and one intake while submissions are under way."""

    faults_over = asyncio.Event()

    async def steady() -> list[str]:
        sent: list[str] = []
        while not faults_over.is_set():
            sent.append((await send(portal, sample(NAMES[len(sent) % 4])))[0])
        return sent

    portal.url = stack.intake_urls[1]
    load = asyncio.create_task(steady())
    for name in ("router", "delivery", "receiver-1", "intake-1"):
        await asyncio.to_thread(stack.kill, name)
        await asyncio.to_thread(stack.restart, name)
    faults_over.set()
    sent = await load
    assert len(sent) > 16
    for submission_id in sent:
        await portal.wait_for(submission_id, "acknowledged", timeout_s=120)
    folders = [path.name for name in JOBCENTERS for path in stack.handover(name).iterdir() if path.name[0] != "."]
    assert len(folders) == len(set(folders)), "a submission in two folders"


async def test_no_canary_anywhere_in_clear(stack: Stack, portal: Portal) -> None:
    """Names, answers and file names of all samples so far: not one in any byte of Kafka, the store or the logs."""
    submission_id, _ = await send(portal, sample("georgsmarienhuette"))
    await portal.wait_for(submission_id, "acknowledged", timeout_s=60)
    refused = await portal.complete(str(uuid4()), sample("dreieich").application, [])
    assert refused.status == 404
    opened = await portal.open(service="sgb2-hauptantrag", postcode="63303")
    broken = {**sample("dreieich").application, "applicant": {"family_name": CANARIES[0]}}
    invalid = await portal.complete(opened.body["submission_id"], broken, [])
    assert invalid.status == 422
    assert CANARIES[0].encode() not in invalid.raw
    kafka, store = stack.folder / "kafka", stack.folder / "store"
    assert find(CANARIES, [kafka, store, stack.logs]) == []
    # The search itself works: the submission's id, which may stand there, is found in both servers' bytes.
    assert {
        Path(place.removeprefix("name of ")).is_relative_to(kafka) for _, place in find([submission_id], [kafka, store])
    } == {True, False}
