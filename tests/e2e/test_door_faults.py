"""The door is killed and frozen at every step between opening and receipt. The store decides, and nothing is lost.

One replica's store lies behind a proxy that acts at exactly one request; a second replica is healthy. A careful portal
goes on with the second one. Afterwards, for every submission:

- at most one outcome ever existed, and whoever got a receipt got one that agrees with it;
- nothing that the outcome names was erased, every part is there with the signed hash;
- a receipt was given only for what stands on `submissions.received`, and that is the outcome's manifest;
- nothing is left open: the sweeper of either replica has finished what the other began.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import ClientError

from devtools.samples import sample
from devtools.stack import Stack, StackSettings
from shared.contracts import topics
from shared.contracts.manifest import Manifest
from shared.contracts.stored import Outcome, OutcomeKind
from shared.sealing.jwk import b64u, unb64u
from tests.e2e.portal import Answer, File, Portal
from tests.support.s3proxy import S3Proxy, Trap
from tests.support.topics import read_topic

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

VICTIM = "intake-1"
SAMPLE = sample("hallenberg")
FILE = File.of(SAMPLE.documents[0])
OPENING_REQUEST = {
    "service": SAMPLE.service,
    "postcode": SAMPLE.postcode,
    "municipality_key": SAMPLE.municipality_key,
}
Fault = Literal["kill", "freeze"]


@dataclass(frozen=True)
class Step:
    """One request of the door to the store, as the proxy sees it."""

    name: str
    method: str
    pattern: str
    nth: int = 1


OPENING = Step("opening", "PUT", r"/open/[^/]+/opening$")
MARKER = Step("upload begins", "PUT", r"/open/[^/]+/documents/[^/]+$")
PART = Step("part", "PUT", r"/parts/[^/]+$")
DESCRIPTOR = Step("upload ends", "PUT", r"/open/[^/]+/documents/[^/]+$", nth=2)
OUTCOME = Step("outcome", "PUT", r"/outcome$")
PUBLISHED = Step("published, first erasing", "DELETE", r"/open/[^/]+/documents/")
FINISHED = Step("last erasing", "DELETE", r"/open/[^/]+/opening$")

STEPS = [OPENING, MARKER, PART, DESCRIPTOR, OUTCOME, PUBLISHED, FINISHED]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two doors that sweep often, and nothing that consumes: this test is about the door alone."""
    env = {"intake": {"INTAKE_SWEEP_INTERVAL_S": "0.5", "INTAKE_SWEEP_GRACE_S": "1.0", "INTAKE_DRAIN_S": "1"}}
    settings = StackSettings(jobcenters=("hochsauerlandkreis",), intake_replicas=2, env=env)
    with Stack(tmp_path_factory.mktemp("door"), settings) as running:
        running.processes["delivery"].stop()
        running.processes["router"].stop()
        yield running


@pytest.fixture
async def proxy(stack: Stack) -> AsyncIterator[S3Proxy]:
    """The victim's way to the store; the victim is started anew behind it."""
    async with S3Proxy(stack.store.endpoint) as between:
        process = stack.processes[VICTIM]
        process.env = {**(process.env or {}), "STORE_ENDPOINT": between.endpoint}
        await asyncio.to_thread(stack.restart, VICTIM)
        between.requests.clear()
        yield between
        between.trap = None
        if process.alive:
            stack.resume(VICTIM)
            await asyncio.to_thread(process.stop)


@pytest.mark.parametrize("fault", ["kill", "freeze"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_every_step(stack: Stack, proxy: S3Proxy, when: Literal["before", "after"], fault: Fault) -> None:
    for step in STEPS:
        await _one_step(stack, proxy, step, when, fault)


async def _one_step(stack: Stack, proxy: S3Proxy, step: Step, when: Literal["before", "after"], fault: Fault) -> None:
    if not stack.processes[VICTIM].alive:
        await asyncio.to_thread(stack.restart, VICTIM)

    async def act() -> None:
        if fault == "kill":
            await asyncio.to_thread(stack.kill, VICTIM)
        else:
            stack.pause(VICTIM)

    key = uuid.uuid4().hex
    async with Portal(stack.intake_urls[0], stack.client.client_id, stack.client.client_secret) as portal:
        await portal.token()
        pattern = step.pattern
        if step is not OPENING:
            # Only this submission's requests: the victim may still be finishing the one of the step before.
            opened = await _open(portal, key)
            pattern = f"^(?=.*{opened.body['submission_id']}).*{step.pattern}"
        proxy.trap = trap = Trap(step.method, pattern, when, act, nth=step.nth)
        receipts = await _send_carefully(portal, stack, trap, key)
    assert trap.sprung.is_set(), f"{step.name} was never reached"
    proxy.trap = None
    if fault == "freeze":
        stack.resume(VICTIM)
    await _check(stack, receipts, f"{fault} {when} {step.name}")


async def _send_carefully(portal: Portal, stack: Stack, trap: Trap, key: str) -> list[Answer]:
    """Send one application; after any failure go on with the healthy replica. Every receipt that ever came."""
    receipts: list[Answer] = []
    portal.timeout_s = 60.0
    for url in (stack.intake_urls[0], stack.intake_urls[1]):
        portal.url = url
        attempt = asyncio.ensure_future(_send(portal, key))
        watch = asyncio.ensure_future(trap.sprung.wait())
        # A frozen door never answers: the portal's patience ends once the trap has sprung and a moment has passed.
        await asyncio.wait({attempt, watch}, return_when=asyncio.FIRST_COMPLETED)
        watch.cancel()
        if url == stack.intake_urls[0] and not attempt.done():
            await asyncio.wait({attempt}, timeout=1.0)
        elif not attempt.done():
            await asyncio.wait({attempt}, timeout=60.0)
        if not attempt.done():
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
            continue
        try:
            receipts.append(attempt.result())
        except (ClientError, TimeoutError, ConnectionError):
            continue
    assert receipts, "no receipt from the healthy replica"
    return receipts


async def _open(portal: Portal, key: str) -> Answer:
    """A door that says 503 is asked again: a busy machine's Kafka may answer late."""
    deadline = time.monotonic() + 30
    while True:
        opened = await portal.open(key=key, **OPENING_REQUEST)
        if opened.status in (200, 201):
            return opened
        assert opened.status == 503 and time.monotonic() < deadline, opened
        await asyncio.sleep(float(opened.headers["Retry-After"]))


async def _send(portal: Portal, key: str) -> Answer:
    opened = await _open(portal, key)
    submission_id = opened.body["submission_id"]
    if opened.body["status"] != "opened":
        return await _wait_for_receipt(portal, submission_id)
    known = await portal.status(submission_id)
    for document in known.body.get("documents", []):
        deleted = await portal.delete_document(submission_id, document["id"])
        assert deleted.status in (204, 404, 409), deleted
    uploaded = await portal.upload(submission_id, FILE)
    if uploaded.status == 409:
        return await _wait_for_receipt(portal, submission_id)
    assert uploaded.status == 201, uploaded
    documents = [uploaded.body["id"]]
    deadline = time.monotonic() + 30
    while True:
        completed = await portal.complete(submission_id, SAMPLE.completed_with(documents), documents)
        if completed.status in (200, 201):
            return completed
        if completed.status == 409 and completed.body["type"].endswith("documents-differ"):
            # The frozen door had begun an upload that nobody finishes; a portal deletes it or waits for its deadline.
            for left in completed.body["not_named"]:
                await portal.delete_document(submission_id, left)
        elif completed.status == 409:
            return await _wait_for_receipt(portal, submission_id)
        assert time.monotonic() < deadline, completed
        await asyncio.sleep(0.2)


async def _wait_for_receipt(portal: Portal, submission_id: str) -> Answer:
    deadline = time.monotonic() + 30
    while True:
        answer = await portal.receipt(submission_id)
        if answer.status == 200:
            return answer
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.2)


async def _check(stack: Stack, receipts: list[Answer], what: str) -> None:
    submission_id = receipts[0].body["submission_id"]
    folder = stack.store_folder
    await _until_closed(folder, submission_id, what)
    outcome = Outcome.model_validate_json((folder / submission_id / "outcome").read_bytes())
    assert outcome.kind is OutcomeKind.ACCEPTED and outcome.manifest is not None, what
    for answer in receipts:
        assert answer.body["submission_id"] == submission_id, what
        assert answer.body["receipt"] == outcome.manifest, f"{what}: a receipt that is not the outcome's"
    manifest = Manifest.model_validate_json(unb64u(outcome.manifest.split(".")[1]))
    for part in manifest.parts:
        inline = outcome.inline.get(part.id)
        sealed = inline.encode() if inline else (folder / submission_id / "parts" / str(part.id)).read_bytes()
        assert b64u(hashlib.sha256(sealed).digest()) == part.sha256, f"{what}: {part.role} was altered"
    stored = {path.name for path in (folder / submission_id / "parts").glob("*")}
    named = {str(part.id) for part in manifest.parts if part.id not in outcome.inline}
    assert stored == named, f"{what}: parts that no outcome names were left, or named ones erased"
    on_topic = [message for message in await _received(stack) if message["submission_id"] == submission_id]
    assert on_topic, f"{what}: a receipt without a message"
    assert {message["manifest"] for message in on_topic} == {outcome.manifest}, what


async def _until_closed(folder: Path, submission_id: str, what: str) -> None:
    """Wait until a sweeper has finished: nothing below `open/<id>` any more."""
    deadline = time.monotonic() + 60
    while list((folder / "open" / submission_id).rglob("*")):
        assert time.monotonic() < deadline, f"{what}: still open after 60 s"
        await asyncio.sleep(0.1)


async def _received(stack: Stack) -> list[dict[str, Any]]:
    return [message.body for message in await read_topic(stack.bootstrap, topics.RECEIVED)]


async def test_an_expired_submission_is_erased_whatever_stops_the_sweeper(stack: Stack, proxy: S3Proxy) -> None:
    """The sweeping door is killed at each step of erasing; the other one finishes, and the sender can see it."""
    victim = stack.processes[VICTIM]
    short_lived = {**(victim.env or {}), "INTAKE_OPEN_FOR_S": "2"}
    victim.env = short_lived
    steps = [
        (OUTCOME, "before"),
        (OUTCOME, "after"),
        (Step("erasing a part", "DELETE", r"/parts/"), "before"),
        (Step("erasing a part", "DELETE", r"/parts/"), "after"),
        (FINISHED, "before"),
    ]
    for step, when in steps:
        await asyncio.to_thread(stack.restart, VICTIM)
        async with Portal(stack.intake_urls[0], stack.client.client_id, stack.client.client_secret) as portal:
            opened = await portal.open(**OPENING_REQUEST)
            submission_id = opened.body["submission_id"]
            uploaded = await portal.upload(submission_id, FILE)
            assert uploaded.status == 201, uploaded

            async def act() -> None:
                await asyncio.to_thread(stack.kill, VICTIM)

            # The other door is frozen until the victim has gone as far as the step.
            stack.pause("intake-2")
            pattern = f"^(?=.*{submission_id}).*{step.pattern}"
            proxy.trap = trap = Trap(step.method, pattern, when, act)  # type: ignore[arg-type]
            try:
                await asyncio.wait_for(trap.sprung.wait(), 30)
            finally:
                stack.resume("intake-2")
            proxy.trap = None
            what = f"kill {when} {step.name}"
            await _until_closed(stack.store_folder, submission_id, what)
            portal.url = stack.intake_urls[1]
            status = await portal.status(submission_id)
            assert (status.status, status.body["status"]) == (200, "expired"), what
            refused = await portal.complete(
                submission_id, SAMPLE.completed_with([uploaded.body["id"]]), [uploaded.body["id"]]
            )
            assert refused.status == 410, what
            assert list((stack.store_folder / submission_id / "parts").glob("*")) == [], what
            outcome = Outcome.model_validate_json((stack.store_folder / submission_id / "outcome").read_bytes())
            assert outcome.kind is OutcomeKind.EXPIRED, what
        received = {message["submission_id"] for message in await _received(stack)}
        assert submission_id not in received, what


async def test_kafka_failing_after_the_store_is_told_and_completes_itself(stack: Stack, proxy: S3Proxy) -> None:
    """202 "stored, receipt follows"; the receipt comes when Kafka is back, without the sender doing anything."""

    async def act() -> None:
        stack.pause("kafka")

    proxy.trap = Trap(OUTCOME.method, OUTCOME.pattern, "after", act)
    async with Portal(stack.intake_urls[0], stack.client.client_id, stack.client.client_secret) as portal:
        opened = await portal.open(**OPENING_REQUEST)
        submission_id = opened.body["submission_id"]
        uploaded = await portal.upload(submission_id, FILE)
        documents = [uploaded.body["id"]]
        try:
            began = time.monotonic()
            stored = await portal.complete(submission_id, SAMPLE.completed_with(documents), documents)
            assert stored.status == 202, stored
            assert "receipt" not in stored.body, stored
            assert time.monotonic() - began < 10
            assert (await portal.receipt(submission_id)).status != 200
            refused = await portal.open(**OPENING_REQUEST)
            assert (refused.status, "Retry-After" in refused.headers) == (503, True), refused
        finally:
            stack.resume("kafka")
        receipt = await _wait_for_receipt(portal, submission_id)
    await _check(stack, [receipt], "Kafka frozen after the outcome")
