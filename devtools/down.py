"""`./dev down`: stop exactly what `./dev up` started, known by process id and start time."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time

from devtools.running import STATE_FILE, Running, Started, read_running

GRACE_S = 60.0


def main() -> int:
    argparse.ArgumentParser("./dev down", description="Stop what ./dev up started.").parse_args()
    running = read_running()
    if running is None:
        print("nothing runs")
        return 0
    stopped = stop(running)
    STATE_FILE.unlink(missing_ok=True)
    print(f"stopped {len(running.processes)} processes" + (f", {stopped} of them by force" if stopped else ""))
    return 0


def stop(running: Running) -> int:
    """Ask the supervisor, then whatever is left of what it had started; answers how many had to be killed."""
    everyone = [running.supervisor, *running.processes.values()]
    _signal([running.supervisor] if running.supervisor.alive else everyone, signal.SIGTERM)
    left = _wait(everyone, GRACE_S)
    _signal(left, signal.SIGKILL)
    _wait(left, 5.0)
    return len(left)


def _signal(processes: list[Started], number: signal.Signals) -> None:
    for process in processes:
        if process.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)


def _wait(processes: list[Started], budget_s: float) -> list[Started]:
    """Those that are still alive after the budget."""
    deadline = time.monotonic() + budget_s
    left = [process for process in processes if process.alive]
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if process.alive]
    return left


if __name__ == "__main__":
    sys.exit(main())
