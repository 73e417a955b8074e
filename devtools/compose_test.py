"""`./dev compose-test`: the demo's samples against `deploy/docker-compose.yml` from outside, and through restarts.

1. Every sample once, those that `./dev demo` sends.
2. Every container once stopped and started while submissions are under way, sent by a portal that repeats itself.

Both must end as expected, each acknowledged submission compared byte for byte with what the Jobcenter was handed over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
import uuid
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp

from devtools import engine
from devtools.compose import LASTING, ComposeStack
from devtools.demo import check_events, summary
from devtools.engine import EngineFailed
from devtools.patient import PatientPortal
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
        try:
            return await asyncio.to_thread(self.stack.fetch_handover, jobcenter, submission_id)
        except EngineFailed:
            return self.handover(jobcenter) / submission_id  # it is not there: that is a finding of the comparison


@dataclass
class Restart:
    """One container's restart; `settled` counts submissions that ended while it was away or coming back."""

    container: str
    seconds: float = 0.0
    under_way: int = 0
    settled: int = 0
    faults: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        return {
            "container": self.container,
            "seconds": self.seconds,
            "under_way": self.under_way,
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
            results, restarts, retried = asyncio.run(_run(stack))
    except EngineFailed as error:
        print(f"compose-test: {error}")
        return 1
    report = summary(results, time.monotonic() - began)
    report |= {"restarts": [each.row() for each in restarts], "repeated_requests": retried}
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return _conclude(results, restarts, report)


async def _run(stack: ComposeStack) -> tuple[list[Result], list[Restart], int]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        client = stack.client
        patient = PatientPortal(session, stack.intake_url, client.client_id, client.client_secret)
        await patient.authenticate()
        campaign = ComposeCampaign(patient, lambda name: stack.folder / name, uuid.uuid4().hex, SETTLE_S, stack=stack)
        results = await campaign.send_all(SAMPLES, lambda _: None)
        _say(f"{len(results)} samples sent, {sum(result.ok for result in results)} as expected; now the restarts")
        sender = Sender(patient, stack)
        restarts = await sender.through_restarts()
        results += sender.results
        await check_events(stack.bootstrap, results)
    return results, restarts, patient.retried


class Sender:
    """Sends small samples one after the other, each until it is settled, while containers restart."""

    def __init__(self, portal: PatientPortal, stack: ComposeStack) -> None:
        self._portal, self._stack = portal, stack
        self._under_way: set[asyncio.Task[None]] = set()
        self.results: list[Result] = []
        self.receipts = 0

    async def through_restarts(self) -> list[Restart]:
        """Each lasting container once; then wait for whatever is under way."""
        stop = asyncio.Event()
        sending = asyncio.create_task(self._send_until(stop))
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
        restart = Restart(container, under_way=len(self._under_way))
        before, sent = await asyncio.to_thread(self._stack.started_at, container), len(self.results)
        restart.seconds = await asyncio.to_thread(self._stack.restart, container)
        if before == await asyncio.to_thread(self._stack.started_at, container):
            restart.faults.append("was not restarted")
        if not restart.under_way:
            restart.faults.append("nothing was under way when it was restarted")
        restart.settled = len(self.results) - sent
        _say(f"{container} restarted in {restart.seconds} s, {restart.under_way} under way")
        return restart

    async def _send_until(self, stop: asyncio.Event) -> None:
        for sample in cycle(small_samples()):
            if stop.is_set():
                return
            task = asyncio.create_task(self._one(sample))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            try:
                await asyncio.wait_for(stop.wait(), PAUSE_S)
            except TimeoutError:
                continue

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


def _conclude(results: list[Result], restarts: list[Restart], report: dict[str, Any]) -> int:
    wrong = [result for result in results if not result.ok]
    for result in wrong:
        faults = "; ".join(result.faults) or f"outcome {result.outcome}, expected {result.sample.expected}"
        print(f"{result.sample.name} {result.submission_id or ''}: {faults}")
    unsound = [restart for restart in restarts if restart.faults]
    for restart in unsound:
        print(f"{restart.container}: {'; '.join(restart.faults)}")
    for restart in restarts:
        print(f"  {restart.container:<9} restarted in {restart.seconds:5.1f} s, {restart.under_way} under way")
    print(
        f"{report['sent']} sent ({report['sent'] - len(SAMPLES)} of them through {len(restarts)} restarts, "
        f"{report['repeated_requests']} requests repeated): {report['acknowledged']} acknowledged, "
        f"{report['referred']} referred, {report['clearing']} clearing, {report['problem']} problem; "
        f"{report['sent'] - len(wrong)} as expected; {report['seconds']} s; build/compose-test.json"
    )
    return 1 if wrong or unsound else 0


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
