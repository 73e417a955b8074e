"""Ends what is left when whoever started it was killed: no server outlives its test run or its supervisor.

A process of its own, standard library only, started by `devtools.processes` as a file. It reads one line a child,
process id and start time, from its standard input. When the input ends, the parent is gone: all that still live get
SIGTERM, and SIGKILL after a grace. (A parent-death signal would not do: Linux sends it when the *thread* that started
a child ends.)
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

GRACE_S = 10.0


def start_ticks(pid: int) -> int | None:
    """When the kernel started `pid` (clock ticks since boot): tells a process from a later one with the same id."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    children: set[tuple[int, int]] = set()
    for line in sys.stdin:
        pid, ticks = line.split()
        children.add((int(pid), int(ticks)))
    deadline = time.monotonic() + GRACE_S
    for number in (signal.SIGCONT, signal.SIGTERM):
        _send(children, number)
    while (left := {child for child in children if start_ticks(child[0]) == child[1]}) and time.monotonic() < deadline:
        time.sleep(0.1)
    _send(left, signal.SIGKILL)


def _send(children: set[tuple[int, int]], number: signal.Signals) -> None:
    for pid, ticks in children:
        if start_ticks(pid) == ticks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


if __name__ == "__main__":
    main()
