"""`./dev compose-test`: the demo's samples against `deploy/docker-compose.yml` from outside, and through restarts.

1. Every sample once, those that `./dev demo` sends, and one household through the portal's pages.
2. Every container once stopped and started while submissions are under way: sent to intake by a client that repeats
   itself, and by households that fill in the portal's pages one after the other.

All must end as expected, each acknowledged submission compared byte for byte with what the Jobcenter was handed over;
and no Jobcenter may hold anything that nobody sent, as it would if a repetition counted twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp

from devtools import demo_portal, engine
from devtools.compose import LASTING, ComposeStack
from devtools.demo import check_events, summary
from devtools.demo_portal import Walked
from devtools.engine import EngineFailed
from devtools.patient import PatientPortal
from devtools.patient_visitor import PatientVisitor
from devtools.samples import ACKNOWLEDGED, LARGE_BYTES, SAMPLES, Sample
from devtools.sending import Campaign, Result
from devtools.toolchain import ROOT

BUILD = ROOT / "build"
REPORT = BUILD / "compose-test.json"
PAUSE_S = 0.6
"""Between two submissions while containers restart."""
SETTLE_S = 300.0
IMAGES = (engine.PYTHON_IMAGE, engine.KAFKA_IMAGE, engine.STORE_IMAGE)


@dataclass
class ComposeCampaign(Campaign):
    """Folders are copied out of the receiver's container."""

    stack: ComposeStack | None = None

    async def folder_of(self, jobcenter: str, submission_id: str) -> Path:
        assert self.stack is not None
        return await asyncio.to_thread(self.stack.fetch_handover, jobcenter, submission_id)


@dataclass
class Restart:
    """One container's restart.

    `under_way`: submissions sent to intake that were not settled when it began; `households`: those at the portal's
    pages then; `sent_meanwhile`, `settled`: submissions begun, and ended, while it was away or coming back.
    """

    container: str
    seconds: float = 0.0
    under_way: int = 0
    households: int = 0
    sent_meanwhile: int = 0
    settled: int = 0
    faults: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        return {
            "container": self.container,
            "seconds": self.seconds,
            "under_way": self.under_way,
            "households": self.households,
            "sent_meanwhile": self.sent_meanwhile,
            "settled": self.settled,
        }


def main() -> int:
    argparse.ArgumentParser("./dev compose-test", description=__doc__).parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    began = time.monotonic()
    try:
        engine.ensure(IMAGES, _say)
        _say("building the image of the services")
        engine.build_service_image()
        stack = ComposeStack(BUILD / "run" / "compose-test", say=_say)
        _say(f"bringing up {stack.project}")
        with stack:
            _say(f"healthy after {time.monotonic() - began:.0f} s at {stack.intake_url}")
            outcome = asyncio.run(_run(stack))
    except EngineFailed as error:
        print(f"compose-test: {error}")
        return 1
    report = summary(outcome.results, time.monotonic() - began)
    report |= {
        "restarts": [each.row() for each in outcome.restarts],
        "repeated_requests": outcome.repeated,
        "portal": outcome.households[0].row(),
        "households": [each.row() for each in outcome.households[1:]],
        "repeated_by_households": outcome.repeated_by_households,
        "unknown_handed_over": outcome.unknown,
    }
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return _conclude(outcome, report)


@dataclass
class Outcome:
    """Everything that was sent, and how; `unknown` are ids that a Jobcenter holds and nobody here sent."""

    results: list[Result]
    restarts: list[Restart]
    households: list[Walked]
    repeated: int
    repeated_by_households: int
    unknown: list[str]


async def _run(stack: ComposeStack) -> Outcome:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        client = stack.client
        patient = PatientPortal(session, stack.intake_url, client.client_id, client.client_secret)
        await patient.authenticate()
        campaign = ComposeCampaign(patient, lambda name: stack.folder / name, uuid.uuid4().hex, SETTLE_S, stack=stack)
        results = await campaign.send_all(SAMPLES, lambda _: None)
        _say(f"{len(results)} samples sent, {sum(result.ok for result in results)} as expected")
        households = Households(stack)
        await households.walk()
        first = households.walked[0]
        _say(f"one household at the portal: {first.pages} pages, {first.outcome}, {first.seconds} s; now the restarts")
        sender = Sender(patient, stack, households)
        restarts = await sender.through_restarts()
        results += sender.results
        await check_events(stack.bootstrap, results)
    known = {each.submission_id for each in results} | {each.submission_id for each in households.walked}
    unknown = sorted(await asyncio.to_thread(stack.handed_over) - known)
    return Outcome(results, restarts, households.walked, patient.retried, households.repeated, unknown)


class Households:
    """Households at the portal's pages, one after the other."""

    def __init__(self, stack: ComposeStack) -> None:
        self._stack = stack
        self.walked: list[Walked] = []
        self.at_the_pages = 0
        self.repeated = 0

    async def walk(self) -> None:
        visitor = PatientVisitor(self._stack.portal_url)
        self.at_the_pages += 1
        try:
            self.walked.append(await demo_portal.walk(visitor, self._folder_of, SETTLE_S))
        finally:
            self.at_the_pages -= 1
            self.repeated += visitor.repeated

    async def walk_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.walk()

    def _folder_of(self, submission_id: str) -> Path:
        return self._stack.fetch_handover(demo_portal.JOBCENTER, submission_id)


class Sender:
    """Sends small samples one after the other, each until it is settled, while containers restart."""

    def __init__(self, portal: PatientPortal, stack: ComposeStack, households: Households) -> None:
        self._portal, self._stack, self._households = portal, stack, households
        self._samples = cycle(small_samples())
        self._under_way: set[asyncio.Task[None]] = set()
        self._begun = 0
        self.results: list[Result] = []

    async def through_restarts(self) -> list[Restart]:
        """Each lasting container once; then wait for whatever is under way."""
        stop = asyncio.Event()
        sending = asyncio.gather(self._send_until(stop), self._households.walk_until(stop))
        restarts = []
        try:
            for container in LASTING:
                await asyncio.sleep(2 * PAUSE_S)
                restarts.append(await self._restart(container))
        finally:
            stop.set()
            await sending
        await asyncio.gather(*self._under_way)
        return restarts

    async def _restart(self, container: str) -> Restart:
        before = await asyncio.to_thread(self._stack.started_at, container)
        self._begin()
        restart = Restart(container, under_way=len(self._under_way), households=self._households.at_the_pages)
        begun, settled = self._begun, len(self.results)
        restart.seconds = await asyncio.to_thread(self._stack.restart, container)
        if before == await asyncio.to_thread(self._stack.started_at, container):
            restart.faults.append("was not restarted")
        restart.sent_meanwhile, restart.settled = self._begun - begun, len(self.results) - settled
        if not restart.households or not restart.sent_meanwhile:
            restart.faults.append("nothing was sent, or nobody at the pages, while it was restarted")
        _say(f"{container} restarted in {restart.seconds} s, {restart.sent_meanwhile} sent meanwhile")
        return restart

    async def _send_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._begin()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PAUSE_S)

    def _begin(self) -> None:
        """One more under way."""
        task = asyncio.create_task(self._one(next(self._samples)))
        self._begun += 1
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _one(self, sample: Sample) -> None:
        stack = self._stack
        campaign = ComposeCampaign(
            self._portal, lambda name: stack.folder / name, uuid.uuid4().hex, SETTLE_S, stack=stack
        )
        try:
            self.results += await campaign.send_all((sample,), lambda _: None)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.results.append(Result(sample, faults=[f"given up: {type(error).__name__}"]))


def small_samples() -> list[Sample]:
    """Those that end with an acknowledgement, need no other one and are sent from memory."""
    return [
        sample
        for sample in SAMPLES
        if sample.expected == ACKNOWLEDGED
        and sample.options.follows is None
        and sum(document.target_bytes for document in sample.documents) < LARGE_BYTES
    ]


def _conclude(outcome: Outcome, report: dict[str, Any]) -> int:
    faults = list(_faults(outcome))
    print(*faults, sep="\n", end="\n" if faults else "")
    for restart in outcome.restarts:
        away = f"{restart.seconds:5.1f} s, {restart.sent_meanwhile} sent meanwhile"
        print(f"  {restart.container:<9} restarted in {away}")
    wrong = sum(not result.ok for result in outcome.results)
    arrived = sum(not each.fault for each in outcome.households)
    print(
        f"{len(outcome.households)} households at the portal's pages, {arrived} acknowledged as typed and uploaded, "
        f"{report['repeated_by_households']} requests repeated\n"
        f"{report['sent']} sent ({report['sent'] - len(SAMPLES)} of them through {len(outcome.restarts)} restarts, "
        f"{report['repeated_requests']} requests repeated): {report['acknowledged']} acknowledged, "
        f"{report['referred']} referred, {report['clearing']} clearing, {report['problem']} problem; "
        f"{report['sent'] - wrong} as expected; {report['seconds']} s; build/compose-test.json"
    )
    return 1 if faults else 0


def _faults(outcome: Outcome) -> Iterator[str]:
    """Everything that was not as it must be, in words."""
    for result in outcome.results:
        if not result.ok:
            said = "; ".join(result.faults) or f"outcome {result.outcome}, expected {result.sample.expected}"
            yield f"{result.sample.name} {result.submission_id or ''}: {said}"
    for restart in outcome.restarts:
        if restart.faults:
            yield f"{restart.container}: {'; '.join(restart.faults)}"
    for household in outcome.households:
        if household.fault:
            yield f"portal {household.submission_id or ''}: {household.fault}"
    yield from (f"{each}: handed over, but nobody sent it" for each in outcome.unknown)


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
