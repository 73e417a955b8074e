"""`./dev bench`: how fast it is, beside what the same libraries could do bare, and that nothing was lost meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import logging
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop

from bench import cpu
from bench.accounts import Accounts
from bench.bare import EVENTS, RECEIVED
from bench.client import Connection, Refused, Work, submit
from bench.closed import Measured, closed_loop
from bench.memory import BYTES, stream_large
from bench.openloop import figures, open_loop
from bench.routing import measure_router
from bench.targets import missed
from bench.work import NAMES, PAPER_NAMES, jobcenters, make_work
from devtools.processes import Process, ProcessFailed, free_port
from devtools.stack import ReceiverSetup, Stack, StackSettings, says_ready
from devtools.toolchain import ROOT
from shared.kafka.admin import apply_topics
from shared.store import keys
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings

REPLICAS = 2
TURN_S = 5.0
LEVELS = ((0, 8, 700), (0, 32, 700), (0, 64, 700), (3, 4, 150), (3, 12, 150))
"""Documents, concurrency, ids for each of the two turns: 4,800 ids in all, so that draining does not take an hour."""
RATES = ((5, False), (20, False), (20, True), (50, False))
"""Submissions a second; whether the receiver sets the PDF, as it does by default where the sender brought none (the
portal brings one), or has `render_form` off, as a Jobcenter with an interface may: then RSA is what it spends."""
RATE_S = 15.0
DRAIN_S = 60.0
CONSUMERS = ("router", "delivery")
UNLIMITED = {
    "INTAKE_CLIENT_RATE_PER_S": "1000000",
    "INTAKE_CLIENT_BURST": "1000000",
    "INTAKE_MAX_DOCUMENT_BYTES": str(BYTES),
}
"""A load test is one client; the limits that protect against one are out of the way."""


@dataclass
class Bench:
    """One run. `rows` become `build/bench.json`; `details` say where the time went."""

    stack: Stack
    accounts: Accounts
    token: str
    bare: list[Process]
    bare_urls: list[str]
    say: Callable[[str], None]
    intake: list[dict[str, Any]] = field(default_factory=list)
    latency: list[dict[str, Any]] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)

    def pids(self) -> dict[str, int]:
        found = {name: process.pid for name, process in self.stack.processes.items()}
        return found | {process.name: process.pid for process in self.bare} | {"load": os.getpid()}

    async def warm_up(self) -> None:
        for documents in (0, 1):
            work = make_work(documents)
            for urls, counted in ((self.stack.intake_urls, True), (self.bare_urls, False)):
                done = await closed_loop(urls, self.token, work, concurrency=4, seconds=20, at_most=16)
                if counted:
                    self.accounts.accepted.update(done.accepted)
        await self.accounts.settle(DRAIN_S)

    async def measure_latency(self, rate: int, paper: bool) -> None:
        used = cpu.Used(self.pids())
        work = make_work(0, PAPER_NAMES if paper else NAMES)
        received = await open_loop(self.stack.intake_urls, self.token, work, rate=rate, seconds=RATE_S)
        self.accounts.accepted.update(received)
        await self.accounts.settle(DRAIN_S)
        self.latency.append({**figures(rate, received, self.accounts), "paper": paper})
        self.details.append({"what": f"latency {rate}/s{_with_paper(paper)}", "cpu": used.shares()})
        self.say(f"latency: {self.latency[-1]}")

    async def measure_intake(self, documents: int, concurrency: int, at_most: int) -> None:
        """Intake, bare, drain; bare, intake, drain: what else the machine does meets both alike."""
        work = make_work(documents)
        sums = {"intake": Measured(), "bare": Measured()}
        shares: dict[str, dict[str, float]] = {}
        for order in (("intake", "bare"), ("bare", "intake")):
            with consumers_paused(self.stack, self.accounts):
                for who in order:
                    used = cpu.Used(self.pids())
                    urls = self.stack.intake_urls if who == "intake" else self.bare_urls
                    done = await closed_loop(
                        urls, self.token, work, concurrency=concurrency, seconds=TURN_S, at_most=at_most
                    )
                    shares[who] = used.shares()
                    sums[who].cpu_s += used.seconds(who)
                    sums[who].seconds += done.seconds
                    sums[who].accepted += done.accepted
                    sums[who].repeated += done.repeated
                    if who == "intake":
                        self.accounts.accepted.update(done.accepted)
            await self.accounts.settle(DRAIN_S)
        own, bare = sums["intake"].per_s, sums["bare"].per_s
        row = {
            "documents": documents,
            "concurrency": concurrency,
            "accepted_per_s": round(own, 1),
            "bare_per_s": round(bare, 1),
            "ratio": round(own / bare, 3),
        }
        self.intake.append(row)
        self.details.append({"what": f"intake {documents} documents, {concurrency} at once", "cpu": shares})
        self.details[-1]["cpu_ms_each"] = {name: each.cpu_ms_each for name, each in sums.items()}
        self.details[-1]["repeated"] = {name: each.repeated for name, each in sums.items()}
        self.say(f"intake: {row} CPU ms for each: {self.details[-1]['cpu_ms_each']}")

    async def measure_stream(self) -> float:
        url, process = self.stack.intake_urls[0], self.stack.processes["intake-1"]
        submission_id, growth = await stream_large(url, self.token, make_work(1)[0], process.pid)
        self.accounts.accepted.add(submission_id)
        await self.accounts.settle(DRAIN_S)
        self.say(f"stream: one document of {BYTES // 1_000_000} MB, intake's peak grew by {growth} MiB")
        return growth


@contextmanager
def consumers_paused(stack: Stack, accounts: Accounts) -> Iterator[None]:
    """Deliveries are drained and counted outside the timed part; a pause is shorter than the group's session."""
    accounts.pause()
    for name in CONSUMERS:
        stack.pause(name)
    try:
        yield
    finally:
        accounts.resume()
        for name in CONSUMERS:
            stack.resume(name)


def main() -> int:
    parser = argparse.ArgumentParser("./dev bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="where results and logs go")
    parser.add_argument("--only", choices=("intake", "latency", "stream", "router"), help="one part, for work on it")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    out: Path = options.out.resolve()
    began = time.monotonic()
    folder = out / "run" / "bench"
    stack = Stack(folder / "stack", stack_settings(), say=_say)
    report: dict[str, Any] = {"intake": [], "latency": [], "stream_400mb": {}, "router_per_s": None}
    details: list[dict[str, Any]] = []
    accepted, missing = 0, 0
    try:
        if options.only in {None, "router"}:
            shutil.rmtree(folder / "router", ignore_errors=True)
            router = measure_router(folder / "router", ROOT / "build" / "keys")
            report["router_per_s"] = router.per_s
            details.append({"what": "router", "cpu": router.shares, "cpu_ms_each": router.cpu_ms_each})
            _say(f"router: {router.per_s}/s, one worker, CPU ms for each: {router.cpu_ms_each}")
        if options.only != "router":
            with stack:
                accounts, more = uvloop.run(_with_stack(stack, report, options.only))
                details += more
            accepted, missing = len(accounts.accepted), len(accounts.missing)
    except (ProcessFailed, Refused) as error:
        print(f"bench: {error}")
        return 1
    report |= {"accepted": accepted, "acknowledged": accepted - missing, "unaccounted": missing}
    report["missed_targets"] = missed(report)
    (out / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    (out / "bench-details.json").write_text(json.dumps(details, indent=2) + "\n")
    _conclude(report, time.monotonic() - began)
    return 1 if missing else 0


def stack_settings() -> StackSettings:
    with_interface = jobcenters()
    on_paper = tuple(sorted(set(jobcenters(PAPER_NAMES)) - set(with_interface)))
    return StackSettings(
        with_interface + on_paper,
        intake_replicas=REPLICAS,
        receivers=(ReceiverSetup(with_interface, members={"render_form": False}), ReceiverSetup(on_paper)),
        env={"intake": UNLIMITED},
    )


def _with_paper(paper: bool) -> str:
    return ", the receiver sets the PDF" if paper else ""


async def _with_stack(stack: Stack, report: dict[str, Any], only: str | None) -> tuple[Accounts, list[dict[str, Any]]]:
    token = token_for(stack)
    bare = await _start_bare(stack, token)
    try:
        async with Accounts(stack.bootstrap) as accounts:
            bench = Bench(stack, accounts, token, bare, [f"http://127.0.0.1:{_port(each)}" for each in bare], _say)
            await bench.warm_up()
            if only in {None, "latency"}:
                for rate, paper in RATES:
                    await bench.measure_latency(rate, paper)
            if only in {None, "intake"}:
                for documents, concurrency, at_most in LEVELS:
                    await bench.measure_intake(documents, concurrency, at_most)
            if only in {None, "stream"}:
                report["stream_400mb"] = {"growth_mib": await bench.measure_stream()}
            _say(f"waiting for the last of {len(accounts.accepted)} acknowledgements")
            await accounts.settle(2 * DRAIN_S)
    finally:
        for process in bare:
            process.stop()
    report |= {"intake": bench.intake, "latency": bench.latency}
    return accounts, bench.details


def token_for(stack: Stack) -> str:
    credentials = base64.b64encode(f"{stack.client.client_id}:{stack.client.client_secret}".encode()).decode()
    request = urllib.request.Request(
        f"{stack.intake_url}/oauth/token",
        data=b"grant_type=client_credentials",
        headers={"Authorization": f"Basic {credentials}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.loads(answer.read())["access_token"])


async def _start_bare(stack: Stack, token: str) -> list[Process]:
    """As many processes as intake has, with things as large as intake's own."""
    sizes = await _measure_sizes(stack, token, make_work(0)[0])
    await apply_topics(stack.bootstrap, (RECEIVED, EVENTS))
    started = []
    for number in range(1, REPLICAS + 1):
        port = str(free_port())
        env = {**os.environ, **stack.environment(), **sizes, "STORE_BUCKET": "bare", "BARE_PORT": port}
        env["PYTHONPATH"] = str(ROOT)
        name = f"bare-{number}"
        process = Process(name, [sys.executable, "-m", "bench.bare"], stack.logs / f"{name}.log", env=env)
        process.start()
        started.append(process)
    for process in started:
        await asyncio.to_thread(process.wait_until, lambda process=process: says_ready(process), 30)  # type: ignore[misc]
    return started


def _port(process: Process) -> str:
    assert process.env is not None
    return process.env["BARE_PORT"]


async def _measure_sizes(stack: Stack, token: str, work: Work) -> dict[str, str]:
    """Opening, outcome and message of one real submission; it is one of those that must be acknowledged."""
    connection = Connection(stack.intake_url, token)
    opened = await connection.request("POST", "/v1/submissions", work.opening)
    settings = StoreSettings(
        endpoint=stack.store.endpoint,
        access_key=stack.store.access_key,
        secret_key=stack.store.secret_key,
        bucket="submissions",
        secure=False,
    )
    async with S3Store.open(settings) as store:
        still_open = UUID(opened.json()["submission_id"])
        opening = await store.get(keys.opening(still_open))
        submission_id, reply = await submit(connection, work)
        outcome = await store.get(keys.outcome(submission_id))
    await connection.request("DELETE", f"/v1/submissions/{still_open}")
    await connection.close()
    assert opening is not None
    assert outcome is not None
    sizes = {"OPENING": len(opening), "OUTCOME": len(outcome), "MESSAGE": len(reply.body)}
    return {f"BARE_{name}_BYTES": str(size) for name, size in sizes.items()}


def _conclude(report: dict[str, Any], seconds: float) -> None:
    for row in report["intake"]:
        print(
            f"intake   {row['documents']} documents, {row['concurrency']:>3} at once: "
            f"{row['accepted_per_s']:>7}/s accepted, bare {row['bare_per_s']:>7}/s, ratio {row['ratio']}"
        )
    for row in report["latency"]:
        times = f"p50 {row['p50_ms']} ms, p95 {row['p95_ms']} ms, p99 {row['p99_ms']} ms"
        print(f"latency  {row['rate']:>3}/s: {times}{_with_paper(row['paper'])}")
    print(f"stream   400 MB: intake's peak grew by {report['stream_400mb'].get('growth_mib')} MiB")
    print(f"router   {report['router_per_s']}/s, one worker")
    print(f"missed   {'; '.join(report['missed_targets']) or 'no target'}")
    print(
        f"{report['accepted']} accepted, {report['acknowledged']} acknowledged, {report['unaccounted']} unaccounted; "
        f"{seconds:.0f} s; build/bench.json"
    )


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
