"""`./dev chaos`: the fault campaign. Exit code 1 when anything that a receipt was given for is lost or unexplained."""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

from devtools import setup
from devtools.chaos.campaign import Plan, Result, run
from devtools.processes import ProcessFailed
from devtools.toolchain import ROOT, ToolMissing

MAX_DURATION_S = 1000.0


def main() -> int:
    parser = argparse.ArgumentParser("./dev chaos", description=__doc__)
    parser.add_argument("--duration", type=float, default=120, help="seconds of load and faults, at most 1000")
    parser.add_argument("--seed", type=int, help="repeats a campaign's faults; drawn and printed by default")
    parser.add_argument("--rate", type=float, default=4, help="applications per second")
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="where chaos.json and the logs go")
    given = parser.parse_args()
    if not 5 <= given.duration <= MAX_DURATION_S or not 0 < given.rate <= 100:
        parser.error("--duration is 5 to 1000 seconds, --rate above 0 and at most 100")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    out: Path = given.out.resolve()
    say = _sayer()
    say(f"seed {seed}; load average {', '.join(f'{each:.1f}' for each in os.getloadavg())}")
    try:
        setup.toxiproxy(setup.Progress())
        result = run(Plan(seed, given.duration, given.rate, out / "run" / "chaos", ROOT / "build" / "keys"), say)
    except (ProcessFailed, ToolMissing) as error:
        print(f"the campaign could not run: {error}")
        return 1
    file = out / "chaos.json"
    file.write_text(json.dumps(result.report, indent=2) + "\n")
    _show(result, file, out / "run" / "chaos")
    return 0 if result.verdict.good else 1


def _sayer() -> Callable[[str], None]:
    began = time.monotonic()
    return lambda text: print(f"[{time.monotonic() - began:6.1f} s] {text}", flush=True)


def _show(result: Result, file: Path, folder: Path) -> None:
    print("\nfaults: " + ", ".join(f"{number} {kind}" for kind, number in result.report["faults"].items()))
    for name, number in sorted(result.details["exits"].items()):
        print(f"note: {number} x {name}")
    print("{sent} sent, {repeated_requests} requests repeated, quiescence {quiescence_s} s".format(**result.details))
    for violation in result.verdict.violations:
        print(f"VIOLATION {violation.fault.value}: {violation.submission_id}")
    for refusal in result.details["refused"]:
        print(f"refused: {refusal}")
    names = ("accepted", "acknowledged", "rejected", "clearing", "dead_letter", "lost", "unexplained")
    print(", ".join(f"{result.report[name]} {name.replace('_', ' ')}" for name in names))
    print(f"{result.report['duplicates_in_transport']} duplicates in transport; seed {result.report['seed']}")
    print(f"{'nothing lost, nothing unexplained' if result.verdict.good else 'VIOLATIONS'}; {os.path.relpath(file)}")
    if not result.verdict.good:
        print(f"logs: {os.path.relpath(folder)}/stack/logs/; again: ./dev chaos --seed {result.report['seed']}")


if __name__ == "__main__":
    sys.exit(main())
