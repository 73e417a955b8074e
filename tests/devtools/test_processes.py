"""Child processes are ended for sure, and only they."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devtools import down
from devtools.processes import Process, ProcessFailed, free_port, start_ticks, stop_all
from devtools.running import Running, Started, read_running
from devtools.toolchain import ROOT

SAY_AND_WAIT = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def python(tmp_path: Path, code: str, name: str = "child", grace_s: float = 5) -> Process:
    return Process(name, [sys.executable, "-c", code], tmp_path / f"{name}.log", grace_s=grace_s)


def start(process: Process) -> Process:
    process.start()
    process.wait_until(lambda: "up" in process.log.read_text(), 10)
    return process


def test_stop_is_sigterm(tmp_path: Path) -> None:
    process = start(python(tmp_path, SAY_AND_WAIT))
    assert process.stop() == -15
    assert not process.alive


def test_one_that_will_not_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    assert start(python(tmp_path, STUBBORN, grace_s=0.2)).stop() == -9


def test_a_paused_one_is_stopped_too(tmp_path: Path) -> None:
    process = start(python(tmp_path, SAY_AND_WAIT))
    process.pause()
    assert process.stop() == -15


def test_all_are_stopped(tmp_path: Path) -> None:
    processes = [start(python(tmp_path, SAY_AND_WAIT, f"child-{number}")) for number in range(3)]
    stop_all(processes)
    assert not any(process.alive for process in processes)


def test_one_that_ends_early_says_its_last_words(tmp_path: Path) -> None:
    process = python(tmp_path, "raise SystemExit('no key file')")
    process.start()
    with pytest.raises(ProcessFailed, match=r"child ended with 1 before it was ready\n  child \| no key file"):
        process.wait_until(lambda: False, 10)


def test_a_second_start_while_it_runs_is_refused(tmp_path: Path) -> None:
    process = start(python(tmp_path, SAY_AND_WAIT))
    with pytest.raises(ProcessFailed, match="runs already"):
        process.start()
    process.stop()


def test_free_ports_lie_below_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_port() < lowest for _ in range(50))


def test_no_port_is_given_twice_before_somebody_listens_on_it() -> None:
    assert len({free_port() for _ in range(1000)}) == 1000


def test_start_time_tells_a_process_from_a_later_one_with_its_id() -> None:
    mine = Started.of(os.getpid())
    assert mine.alive
    assert not Started(mine.pid, mine.ticks + 1).alive
    assert start_ticks(2**22 + 1) is None


def test_down_stops_what_is_recorded_and_nothing_else(tmp_path: Path) -> None:
    supervisor, child, other = (
        start(python(tmp_path, SAY_AND_WAIT, name)) for name in ("supervisor", "child", "other")
    )
    reused = Started(other.pid, Started.of(other.pid).ticks + 1)
    running = Running(
        supervisor=Started.of(supervisor.pid),
        processes={"child": Started.of(child.pid), "reused": reused},
        intake_url="http://127.0.0.1:1",
        client_id="sandbox",
        client_secret="secret",
    )
    file = tmp_path / "state.json"
    running.write(file)
    assert file.stat().st_mode & 0o077 == 0
    assert read_running(file) == running
    supervisor.kill()  # it cannot pass the word on any more: `down` must reach the child itself
    assert down.stop(running) == 0
    assert child.stop() == -15
    assert other.alive
    other.stop()


def test_nothing_recorded_is_nothing_running(tmp_path: Path) -> None:
    assert read_running(tmp_path / "state.json") is None


def test_nothing_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = f"""
import os, signal, sys, time
from pathlib import Path
from devtools.processes import Process
child = Process("child", [sys.executable, "-c", "import time; time.sleep(600)"], Path({str(tmp_path / "child.log")!r}))
child.start()
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", parent],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == -9
    pid = int(done.stdout)
    deadline = time.monotonic() + 20
    while start_ticks(pid) is not None:
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)
