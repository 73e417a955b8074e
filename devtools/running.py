"""What `./dev up` left running: one state file that `up`, `down` and the command line read. Standard library only."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from devtools.processes import start_ticks
from devtools.toolchain import ROOT

RUN_FOLDER = Path(os.environ.get("ANTRAGSWEICHE_RUN_FOLDER") or ROOT / "build" / "run" / "up")
STATE_FILE = RUN_FOLDER / "state.json"


@dataclass(frozen=True)
class Started:
    """A process that we started: its id and when the kernel says it began, so that no later one is mistaken for it."""

    pid: int
    ticks: int

    @classmethod
    def of(cls, pid: int) -> Started:
        ticks = start_ticks(pid)
        if ticks is None:
            raise ProcessLookupError(pid)
        return cls(pid, ticks)

    @property
    def alive(self) -> bool:
        return start_ticks(self.pid) == self.ticks


@dataclass(frozen=True)
class Running:
    """The state file. It holds the sandbox client's secret, so it is readable for its owner alone."""

    supervisor: Started
    processes: dict[str, Started]
    intake_url: str
    client_id: str
    client_secret: str
    environment: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    jobcenters: tuple[str, ...] = ()
    portal_url: str = ""

    def write(self, file: Path = STATE_FILE) -> None:
        partial = file.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(self), indent=2))
        partial.replace(file)


def read_running(file: Path = STATE_FILE) -> Running | None:
    """What is recorded, alive or not; `None` when nothing is."""
    try:
        document: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    processes = {name: Started(**started) for name, started in document.pop("processes").items()}
    jobcenters = tuple(document.pop("jobcenters"))
    return Running(
        supervisor=Started(**document.pop("supervisor")), processes=processes, jobcenters=jobcenters, **document
    )
