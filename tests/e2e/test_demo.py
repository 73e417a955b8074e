"""The two promises of `./dev`: the demo ends well, and what `up` prints works as it stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devtools.running import read_running
from devtools.samples import SAMPLES
from devtools.toolchain import ROOT
from shared.contracts.canonical import canonical_json

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

ENTRY = [
    "sample",
    "submission_id",
    "postcode",
    "municipality_key",
    "expected",
    "outcome",
    "jobcenter",
    "documents",
    "bytes",
    "receipt_ms",
    "acknowledged_ms",
    "repeated",
]
OUTCOMES = ("acknowledged", "referred", "clearing", "problem")


def run(module: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_demo(tmp_path: Path) -> None:
    shown = run("devtools.demo", "--out", str(tmp_path))
    assert shown.returncode == 0, shown.stdout + shown.stderr
    report = json.loads((tmp_path / "demo.json").read_text())
    assert list(report) == ["sent", *OUTCOMES, "seconds", "submissions"]
    entries: list[dict[str, Any]] = report["submissions"]
    assert [entry["sample"] for entry in entries] == [sample.name for sample in SAMPLES]
    assert all(list(entry) == ENTRY and entry["outcome"] == entry["expected"] for entry in entries)
    assert report["sent"] == len(SAMPLES) == sum(report[outcome] for outcome in OUTCOMES)
    for entry in entries:
        assert entry["sample"] in shown.stdout
        accepted = entry["outcome"] in {"acknowledged", "clearing"}
        assert (entry["submission_id"] is not None) is accepted
        assert (entry["receipt_ms"] is not None) is accepted
        assert (entry["acknowledged_ms"] is not None) is (entry["outcome"] == "acknowledged")
    acknowledged = [entry for entry in entries if entry["outcome"] == "acknowledged"]
    folders = {(entry["jobcenter"], entry["submission_id"]) for entry in acknowledged}
    portal = json.loads((tmp_path / "demo-portal.json").read_text())
    assert (portal["outcome"], portal["fault"]) == ("acknowledged", "")
    assert portal["pages"] > 50
    folders.add(("kreis-offenbach", portal["submission_id"]))
    assert {(path.parent.name, path.name) for path in (tmp_path / "demo").glob("*/[0-9a-f]*")} == folders
    assert sum(entry["repeated"] for entry in entries) == 1


@pytest.fixture
def up(tmp_path: Path) -> Any:
    env = {"ANTRAGSWEICHE_RUN_FOLDER": str(tmp_path)}
    shown = run("devtools.up", **env)
    yield shown
    stopped = run("devtools.down", **env)
    assert stopped.returncode == 0, stopped.stdout


def test_walk_through_works_as_printed(up: subprocess.CompletedProcess[str], tmp_path: Path) -> None:
    assert up.returncode == 0, up.stdout + up.stderr
    running = read_running(tmp_path / "state.json")
    assert running is not None
    steps = up.stdout.partition("step by step")[2].partition("\n")[2].partition("--- as an operator")[0]
    wait = """
    for _ in $(seq 100); do
      STATUS=$(curl -sf -H "$AUTH" $INTAKE/v1/submissions/$ID | read_json status)
      [ "$STATUS" = acknowledged ] && break; sleep 0.1
    done
    echo; echo "$ID $STATUS"
    """
    done = subprocess.run(["bash", "-euc", steps + wait], capture_output=True, text=True, check=False)
    submission_id, status = done.stdout.splitlines()[-1].split()
    assert status == "acknowledged", done.stdout + done.stderr
    folder = Path(running.folders["handover"]) / "landkreis-osnabrueck" / submission_id
    sent = json.loads((tmp_path / "walkthrough" / "request.json").read_text())
    assert (folder / "application.json").read_bytes() == canonical_json(sent["application"])
    again = run("devtools.up", "--quiet", ANTRAGSWEICHE_RUN_FOLDER=str(tmp_path))
    assert "it runs already" in again.stdout
    everyone = [running.supervisor, *running.processes.values()]
    assert all(process.alive for process in everyone)
    run("devtools.down", ANTRAGSWEICHE_RUN_FOLDER=str(tmp_path))
    assert not any(process.alive for process in everyone)
    assert read_running(tmp_path / "state.json") is None
