"""How much of a core each process used, from `/proc`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _machine() -> tuple[float, float]:
    """Busy and all seconds of all cores since boot."""
    with Path("/proc/stat").open() as stat:
        ticks = [int(each) for each in stat.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS_PER_S, sum(ticks) / _TICKS_PER_S


class Used:
    """From its making to `shares`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before = {name: _seconds(pid) for name, pid in self._pids.items()}
        self._machine = _machine()
        self._began = time.monotonic()

    def seconds(self, names: str) -> float:
        """CPU seconds of all processes whose name begins so: they do not depend on what else the machine does."""
        return sum(_seconds(pid) - self._before[name] for name, pid in self._pids.items() if name.startswith(names))

    def shares(self) -> dict[str, float]:
        """Cores by process; `others` is what the machine did beside it."""
        took = time.monotonic() - self._began
        used = {name: (_seconds(pid) - self._before[name]) / took for name, pid in self._pids.items()}
        busy = _machine()[0] - self._machine[0]
        used["others"] = busy / took - sum(used.values())
        return {name: round(share, 2) for name, share in used.items()}
