"""`./dev demo`: the whole way of every sample, from the portal's request to the Jobcenter's signed acknowledgement."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from rich.console import Console
from rich.table import Table

from devtools import demo_portal, event_log
from devtools.places import connected
from devtools.portal import Portal
from devtools.processes import ProcessFailed
from devtools.samples import ACKNOWLEDGED, CLEARING, PROBLEM, REFERRED, SAMPLES
from devtools.sending import Campaign, Result
from devtools.stack import Stack, StackSettings
from devtools.toolchain import ROOT
from devtools.visitor import Visitor
from shared.contracts.events import Step

WIDTH = 160
_COLOURS = {ACKNOWLEDGED: "green", REFERRED: "cyan", CLEARING: "yellow", PROBLEM: "magenta"}


def main() -> int:
    parser = argparse.ArgumentParser("./dev demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="where results, folders and logs go")
    out: Path = parser.parse_args().out.resolve()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it meets while topics are made is no news here
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)  # in a file or a pipe nothing needs to be cut
    began = time.monotonic()
    shutil.rmtree(out / "demo", ignore_errors=True)
    settings = StackSettings(jobcenters=connected(), portal_replicas=1, handover_root=out / "demo")
    stack = Stack(out / "run" / "demo", settings, say=lambda text: console.print(f"  {text}", style="dim"))
    try:
        with stack:
            console.print(f"ready after {stack.timings['ready']:.1f} s; one household fills in the portal's pages")
            walked = asyncio.run(_walk(stack))
            console.print(f"  {walked.household}: {walked.pages} pages, {walked.outcome}, {walked.seconds} s")
            console.print(f"sending {len(SAMPLES)} samples to intake")
            results = asyncio.run(_send(stack, console))
    except ProcessFailed as error:
        print(f"the system did not start: {error}")  # not by rich: a log may hold what looks like markup
        return 1
    report = summary(results, time.monotonic() - began)
    file = out / "demo.json"
    for path, content in ((file, report), (out / "demo-portal.json", walked.row())):
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    _show(console, results, report, file)
    _next(console, results)
    wrong = [result for result in results if not result.ok]
    for result in wrong:
        faults = "; ".join(result.faults) or f"outcome {result.outcome}, expected {result.sample.expected}"
        console.print(f"[red]{result.sample.name}[/red]: {faults}")
    if walked.fault:
        print(f"portal: {walked.fault}")  # not by rich: it quotes a page
    if wrong or walked.fault:
        console.print(f"logs: {_relative(stack.logs)}/")
    return 1 if wrong or walked.fault else 0


async def _walk(stack: Stack) -> demo_portal.Walked:
    handed_over = stack.handover(demo_portal.JOBCENTER)
    return await demo_portal.walk(Visitor(stack.portal_urls[0]), lambda submission_id: handed_over / submission_id)


async def _send(stack: Stack, console: Console) -> list[Result]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        portal = Portal(session, stack.intake_url, stack.client.client_id, stack.client.client_secret)
        await portal.authenticate()
        campaign = Campaign(portal, stack.handover, uuid.uuid4().hex)
        with console.status("") as status:
            done: Counter[str] = Counter()

            def on_result(result: Result) -> None:
                done[result.outcome] += 1
                status.update(", ".join(f"{number} {outcome}" for outcome, number in done.items()))

            results = await campaign.send_all(SAMPLES, on_result)
            status.update("reading submissions.events")
            await check_events(stack.bootstrap, results)
    return results


async def check_events(bootstrap: str, results: list[Result]) -> None:
    """Every step must also stand on the topic that operations watches, and each delivery once."""
    finals = {ACKNOWLEDGED: Step.ACKNOWLEDGED, CLEARING: Step.CLEARING}
    awaited = {
        UUID(result.submission_id): finals[result.outcome]
        for result in results
        if result.submission_id is not None and result.outcome in finals
    }
    events = await event_log.read_events(bootstrap, awaited)
    for result in results:
        if result.submission_id is not None and result.outcome in finals:
            submission_id = UUID(result.submission_id)
            result.faults += event_log.faults(events.get(submission_id, []), awaited[submission_id])


def summary(results: list[Result], seconds: float) -> dict[str, Any]:
    """The content of `build/demo.json`."""
    totals = Counter(result.outcome for result in results)
    return {
        "sent": len(results),
        **{outcome: totals[outcome] for outcome in (ACKNOWLEDGED, REFERRED, CLEARING, PROBLEM)},
        "seconds": round(seconds, 1),
        "submissions": [result.row() for result in results],
    }


def _show(console: Console, results: list[Result], report: dict[str, Any], file: Path) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("sample", "postcode", "municipality", "outcome", "Jobcenter"):
        table.add_column(heading, no_wrap=True)
    for heading in ("docs", "MB", "receipt ms", "acknowledged ms"):
        table.add_column(heading, justify="right")
    for result in results:
        colour = _COLOURS[result.outcome] if result.ok else "red"
        shown = result.outcome if result.problem is None else f"{result.outcome}: {result.problem}"
        table.add_row(
            result.sample.name + (" (sent twice)" if result.repeated else ""),
            result.sample.postcode,
            result.sample.municipality_key or "",
            f"[{colour}]{shown}[/{colour}]",
            result.jobcenter or "",
            str(result.documents or ""),
            f"{result.bytes / 1e6:.1f}" if result.bytes else "",
            str(result.receipt_ms or ""),
            str(result.acknowledged_ms or ""),
        )
    console.print(table)
    totals = ", ".join(f"{report[outcome]} {outcome}" for outcome in (ACKNOWLEDGED, REFERRED, CLEARING, PROBLEM))
    good = sum(result.ok for result in results)
    console.print(f"\n{report['sent']} sent: {totals}; {good} as expected; {report['seconds']} s; {_relative(file)}")


def _next(console: Console, results: list[Result]) -> None:
    opened = next((result for result in results if result.folder is not None and result.documents), None)
    if opened is not None and opened.folder is not None:
        console.print(f"\nopened by {opened.jobcenter}: {_relative(opened.folder)}/", soft_wrap=True)
    console.print("\nwhat next")
    console.print(
        "  a Land          ./dev up                    then the portal's address that it prints; docs/portal.md"
    )
    console.print("  portal builder  ./dev up                    then the curl walk-through that it prints")
    console.print("  Jobcenter IT    docs/for-jobcenter-it.md    ./dev antragsweiche keys generate --help")
    console.print("  operator        ./dev up                    ./dev antragsweiche tail submissions.events -f")


def _relative(path: Path) -> str:
    return os.path.relpath(path)


if __name__ == "__main__":
    sys.exit(main())
