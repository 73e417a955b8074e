"""Child processes that are started, watched and ended one by one. Standard library only."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devtools import guardian
from devtools.guardian import start_ticks

__all__ = ["Process", "ProcessFailed", "free_port", "port_answers", "start_ticks", "stop_all"]


class ProcessFailed(RuntimeError):
    """A process ended, or did not become ready. The message carries the last lines of its log."""


_GIVEN: set[int] = set()


def free_port() -> int:
    """A free port on loopback below the ephemeral range, so that no outgoing connection takes it before its server.
    Never the same twice in this process: a campaign takes seventy long before it listens on them.
    """
    for _ in range(200):
        port = random.randint(20_000, 31_999)  # nosec: not a secret
        if port in _GIVEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _GIVEN.add(port)
        return port
    raise ProcessFailed("no free port between 20000 and 31999")


def port_answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class _Guardian:
    """The one guardian of this process, started with the first child. See `devtools.guardian`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._popen: subprocess.Popen[str] | None = None
        self._owner = 0

    def watch(self, pid: int) -> None:
        ticks = start_ticks(pid)
        with self._lock:
            if self._popen is None or self._owner != os.getpid():  # a forked process needs a guardian of its own
                self._start()
            assert self._popen is not None
            assert self._popen.stdin is not None
            if ticks is not None:
                self._popen.stdin.write(f"{pid} {ticks}\n")
                self._popen.stdin.flush()

    def _start(self) -> None:
        self._owner = os.getpid()
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(guardian.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        atexit.register(self._end)

    def _end(self) -> None:
        """An orderly end: whoever started something has stopped it, so the guardian finds nothing to do."""
        if self._popen is not None and self._owner == os.getpid():
            self._popen.communicate()
            self._popen = None


_GUARDIAN = _Guardian()


@dataclass
class Process:
    """One child process in a session of its own, its output in `log`.

    `stop` is SIGTERM, then SIGKILL after `grace_s`. A process that was paused is continued first: it could not end.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    grace_s: float = 15.0
    popen: subprocess.Popen[bytes] | None = field(default=None, init=False)
    log_start: int = field(default=0, init=False)
    """Where in the log the last start began, in bytes."""

    @property
    def pid(self) -> int:
        if self.popen is None:
            raise ProcessFailed(f"{self.name} was never started")
        return self.popen.pid

    @property
    def alive(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def start(self) -> None:
        """Start, or start again: the log is appended to."""
        if self.alive:
            raise ProcessFailed(f"{self.name} runs already")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.log_start = out.seek(0, os.SEEK_END)
            self.popen = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(self.env) if self.env is not None else None,
                cwd=self.cwd,
                start_new_session=True,
            )
        _GUARDIAN.watch(self.popen.pid)

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Poll `ready` until it is true; raise when the process ends before, or the time is over."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.alive:
                code = self.popen.returncode if self.popen else None
                raise ProcessFailed(f"{self.name} ended with {code} before it was ready\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready after {timeout_s:.0f} s\n{self.tail()}")
            time.sleep(0.03)

    def tail(self, lines: int = 25) -> str:
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(f"  {self.name} | {line}" for line in text.splitlines()[-lines:])

    def terminate(self) -> None:
        """Ask to end, without waiting."""
        if self.popen is not None and self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.popen.pid, signal.SIGCONT)
                os.kill(self.popen.pid, signal.SIGTERM)

    def stop(self) -> int | None:
        """End it and answer its exit code (None when it was never started)."""
        if self.popen is None:
            return None
        self.terminate()
        try:
            return self.popen.wait(self.grace_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """SIGKILL, as a power cut would."""
        assert self.popen is not None
        if self.alive:
            self.popen.kill()
        return self.popen.wait()

    def pause(self) -> None:
        """SIGSTOP: alive, but silent. Returns when the kernel has stopped it: a busy machine takes a moment."""
        os.kill(self.pid, signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while not _stopped(self.pid):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} did not stop within 10 s")
            time.sleep(0.002)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


def _stopped(pid: int) -> bool:
    """Whether every thread of the process is stopped (state `T`)."""
    states = (path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat"))
    return all(state == "T" for state in states)


def stop_all(processes: Sequence[Process]) -> None:
    """Ask all to end at once, then wait for each."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.stop()
