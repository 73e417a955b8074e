"""`./dev portal-check`: whole households at a real browser, from the portal's first page to the Jobcenter's folder.

Writes `build/portal.json` and a picture of every page under `build/screens/`, for desktop and phone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Error

from devtools.portal_arrival import Arrival, arrived
from devtools.portal_browser import Citizen, Device, browsing, open_context
from devtools.portal_corners import Corners
from devtools.portal_hands import Stuck
from devtools.portal_households import Household, households
from devtools.portal_watch import Findings
from devtools.processes import ProcessFailed
from devtools.stack import Stack, StackSettings
from devtools.toolchain import ROOT

MAX_FIRST_VISIT_KB = 150
MAX_PAGE_P95_MS = 100
DEVICES: tuple[Device, ...] = ("desktop", "phone")


@dataclass(frozen=True)
class Way:
    """How a household comes to the portal."""

    household: str
    device: Device
    javascript: bool = True
    keyboard: bool = False

    @property
    def words(self) -> str:
        how = "by keyboard alone" if self.keyboard else "with JavaScript" if self.javascript else "without JavaScript"
        return f"{self.device}, {how}"


WAYS = (
    Way("single", "desktop"),
    Way("single", "phone", javascript=False),
    Way("family", "phone"),
    Way("family", "desktop", javascript=False),
    Way("self-employed", "desktop", keyboard=True),
    Way("self-employed", "phone"),
    Way("pensioner", "desktop", javascript=False),
    Way("pensioner", "phone"),
    Way("young", "phone"),
    Way("young", "desktop"),
    Way("no-home", "desktop"),
    Way("no-home", "phone", javascript=False),
)


@dataclass
class Outcome:
    """What came of one way. `faults` empty = content, evidence and annexes arrived as they should."""

    way: Way
    questions: set[str] = field(default_factory=set)
    asked: int = 0
    typed: int = 0
    annexes: tuple[str, ...] = ()
    acknowledged: bool = False
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def today() -> date:
    return datetime.now(UTC).astimezone(ZoneInfo("Europe/Berlin")).date()


def walk(browser: Browser, stack: Stack, way: Way, household: Household, findings: Findings) -> Outcome:
    """One household all the way, and what the Jobcenter then holds."""
    began = time.monotonic()
    outcome = Outcome(way)
    url = stack.portal_urls[0]
    with open_context(browser, way.device, javascript=way.javascript) as context:

        def watch(citizen: Citizen) -> None:
            findings.examine(citizen, javascript=way.javascript)

        citizen = Citizen(context, url, household, today(), watch, way.device, way.keyboard)
        findings.listen(citizen.page, url)
        try:
            citizen.apply()
            if household.late:
                citizen.bring_later()
            _check_arrival(stack, citizen, outcome)
            citizen.wait_until_arrived()
        except (Stuck, Error) as error:
            outcome.faults.append(f"{citizen.path}: {str(error)[:1200]}")
            _picture(citizen, findings, way)
        outcome.questions = set(citizen.asked.values())
        outcome.asked = len(citizen.asked)
        outcome.typed = len([key for key in citizen.typed if key in citizen.asked])
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def _check_arrival(stack: Stack, citizen: Citizen, outcome: Outcome) -> None:
    household = citizen.household
    numbers = citizen.receipt_numbers()
    if numbers[0] not in citizen.receipts:
        outcome.faults.append("the confirmation shows another number than the receipt")
    folders = [stack.handover(household.destination) / number for number in numbers]
    arrival: Arrival = arrived(folders, household, citizen.wanted, citizen.today)
    outcome.acknowledged = arrival.whole
    outcome.annexes = arrival.annexes
    outcome.faults += arrival.faults


def _picture(citizen: Citizen, findings: Findings, way: Way) -> None:
    if findings.screens is not None:
        citizen.page.screenshot(path=findings.screens / f"stuck-{way.household}-{way.device}.png", full_page=True)


def first_visit_kb(browser: Browser, url: str) -> float:
    """Bytes over the wire for the first page with all it loads, nothing cached (1 KB = 1000 bytes)."""
    with open_context(browser, "phone") as context:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        sizes: list[float] = []
        session.on("Network.loadingFinished", lambda event: sizes.append(float(event["encodedDataLength"])))
        page.goto(url + "/", wait_until="networkidle")
        return round(sum(sizes) / 1000, 1)


def report(outcomes: Sequence[Outcome], findings: Findings, first_kb: float) -> dict[str, Any]:
    """`build/portal.json`. `questions`: different questions asked over all households; `annexes`: codes reached."""
    good = [outcome for outcome in outcomes if outcome.acknowledged and not outcome.faults]
    return {
        "households": len({outcome.way.household for outcome in outcomes}),
        "acknowledged": len(
            {outcome.way.household for outcome in outcomes}
            - {outcome.way.household for outcome in outcomes if outcome not in good}
        ),
        "pages_checked": len(findings.pages),
        "axe_violations": len(findings.violations),
        "no_js_passed": sum(not outcome.way.javascript for outcome in good),
        "phone_passed": sum(outcome.way.device == "phone" for outcome in good),
        "questions": len(set().union(*(outcome.questions for outcome in outcomes))),
        "annexes": len({code for outcome in outcomes for code in outcome.annexes}),
        "first_visit_kb": first_kb,
        "page_p95_ms": findings.p95_ms(),
    }


def main() -> int:
    parser = argparse.ArgumentParser("./dev portal-check", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="where results, screens and logs go")
    parser.add_argument("--household", action="append", default=[], help="only this one (repeatable)")
    parser.add_argument("--quick", action="store_true", help="neither axe nor screenshots: only whether all arrives")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    screens = out / "screens"
    shutil.rmtree(screens, ignore_errors=True)
    screens.mkdir(parents=True)
    known = {each.name: each for each in households(today())}
    ways = [way for way in WAYS if not arguments.household or way.household in arguments.household]
    began = time.monotonic()
    findings = Findings(screens, quick=arguments.quick)
    outcomes: list[Outcome] = []
    settings = StackSettings(jobcenters=("kreis-offenbach",), portal_replicas=1)
    stack = Stack(out / "run" / "portal-check", settings, say=print)
    try:
        with stack, browsing() as browser:
            first_kb = first_visit_kb(browser, stack.portal_urls[0])
            for way in ways:
                outcome = walk(browser, stack, way, known[way.household], findings)
                outcomes.append(outcome)
                print(_line(outcome), flush=True)
            strays: list[str] = []
            for device in DEVICES if not arguments.quick else ():
                corners = Corners(browser, stack.portal_urls[0], known["single"], findings, device, today())
                strays += corners.faults()
    except ProcessFailed as error:
        print(f"the system did not start: {error}")
        return 1
    print(f"{len(findings.shots)} pictures of pages in {screens}, {time.monotonic() - began:.0f} s")
    figures = report(outcomes, findings, first_kb)
    (out / "portal.json").write_text(json.dumps(figures, indent=2) + "\n")
    return _tell(outcomes, [*strays, *findings.faults()], figures)


def _line(outcome: Outcome) -> str:
    state = "arrived whole" if outcome.acknowledged and not outcome.faults else "FAILED"
    return (
        f"{outcome.way.household:<14} {outcome.way.words:<28} {state}: {outcome.asked} questions seen, "
        f"{outcome.typed} answered, annexes {' '.join(outcome.annexes)}, {outcome.seconds} s"
    )


def _tell(outcomes: Sequence[Outcome], others: Sequence[str], figures: dict[str, Any]) -> int:
    faults = [
        f"{outcome.way.household}, {outcome.way.words}: {each}" for outcome in outcomes for each in outcome.faults
    ]
    faults += others
    for fault in faults:
        print(f"  {fault}")
    for name, most in (("first_visit_kb", MAX_FIRST_VISIT_KB), ("page_p95_ms", MAX_PAGE_P95_MS)):
        print(f"{name} {figures[name]}, target at most {most}{': MISSED' if figures[name] > most else ''}")
    print(json.dumps(figures))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
