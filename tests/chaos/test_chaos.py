"""A short campaign with a fixed seed: `./dev chaos` as it stands, on the real servers, through Toxiproxy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.chaos.faults import ON_LINKS, ON_PROCESSES, Kind
from devtools.toolchain import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(420)]

SEED = 5
COUNTED = ("acknowledged", "rejected", "clearing", "dead_letter", "lost", "unexplained")


def test_a_short_campaign_loses_nothing(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    asked = ["--duration", "40", "--rate", "2", "--seed", str(SEED), "--out", str(tmp_path)]
    shown = subprocess.run(
        [sys.executable, "-m", "devtools.chaos", *asked],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    report = json.loads((tmp_path / "chaos.json").read_text())
    assert list(report) == ["seed", "duration_s", "accepted", *COUNTED, "duplicates_in_transport", "faults"]
    assert (report["seed"], report["duration_s"], report["lost"], report["unexplained"]) == (SEED, 40, 0, 0)
    assert report["accepted"] == sum(report[name] for name in COUNTED)
    # Each of the twelve Jobcenters got some: one rejects all, one sends all to clearing, one fails for one for ever.
    assert min(report["acknowledged"], report["rejected"], report["clearing"], report["dead_letter"]) > 0
    planned = (*ON_PROCESSES, *ON_LINKS, Kind.BROKER_RESTART, Kind.STORE_RESTART, Kind.CLOCK_AHEAD)
    assert {kind.value for kind in planned} <= set(report["faults"])
    assert report["faults"][Kind.CLOCK_AHEAD] == 2, "a receiver's, and one replica's of ours"
