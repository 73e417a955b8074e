"""The commands of `./dev`. Standard library only; each one sets up first what is missing.

A command's own work happens in the project's virtual environment, in `devtools.<module>`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools import setup, toolchain
from devtools.running import read_running
from devtools.toolchain import ROOT


@dataclass(frozen=True)
class Command:
    """One word after `./dev`. `run` gets what follows the word and answers the exit code."""

    summary: str
    run: Callable[[Sequence[str]], int]


def _environment() -> dict[str, str]:
    """That of the caller, with the checkout importable and nothing of another virtual environment."""
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "VIRTUAL_ENV"}}
    env["PYTHONPATH"] = str(ROOT)
    return env


def _module(module: str, arguments: Sequence[str], cwd: Path | None = ROOT) -> int:
    """Replace this process by `python -m module` in the virtual environment, so that signals reach it directly."""
    python = str(toolchain.venv_python())
    if cwd is not None:
        os.chdir(cwd)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(python, [python, "-m", module, *arguments], _environment())


def _setup(arguments: Sequence[str]) -> int:
    argparse.ArgumentParser("./dev setup", description=COMMANDS["setup"].summary).parse_args(arguments)
    setup.ensure()
    print(f"everything is set up in {toolchain.cache_dir()}")
    return 0


MAX_WORKERS = 4
"""Each has a broker of its own, of half a gigabyte."""

CHECKS: dict[str, tuple[str, ...]] = {
    "ruff format": ("ruff", "format", "--check", "--quiet", "."),
    "ruff lint": ("ruff", "check", "--quiet", "."),
    "mypy strict": ("mypy",),
    "contract documents": ("devtools.contract_docs", "--check"),
}


def _check(arguments: Sequence[str]) -> int:
    """All checks side by side; each one's output is shown only when it fails."""
    argparse.ArgumentParser("./dev check", description=COMMANDS["check"].summary).parse_args(arguments)
    setup.ensure()
    began = time.monotonic()
    python = str(toolchain.venv_python())
    running = {
        name: subprocess.Popen(
            [python, "-m", *command],
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for name, command in CHECKS.items()
    }
    failed = 0
    for name, process in running.items():
        said, _ = process.communicate()
        print(f"{name}: {'ok' if process.returncode == 0 else 'FAILED'}", flush=True)
        if process.returncode:
            failed += 1
            print(said.decode(errors="replace"), flush=True)
    print(f"{len(running) - failed} of {len(running)} checks passed in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _in_venv(module: str, *, cwd: Path | None = ROOT) -> Callable[[Sequence[str]], int]:
    def run(arguments: Sequence[str]) -> int:
        setup.ensure()
        return _module(module, arguments, cwd)

    return run


def _antragsweiche(arguments: Sequence[str]) -> int:
    """The command line. While `up` runs, its addresses stand in for variables that the caller has not set."""
    setup.ensure()
    running = read_running()
    if running is not None and running.supervisor.alive:
        for name, value in running.environment.items():
            os.environ.setdefault(name, value)
    return _module("cli", arguments, None)


def _test(arguments: Sequence[str]) -> int:
    """The suite in as many processes as there are cores, each with servers of its own; with a path given, just that."""
    setup.ensure()
    setup.toxiproxy(setup.Progress())  # here, and not within some test's time
    setup.ensure_browser()
    whole = all(argument.startswith("-") for argument in arguments)
    parallel = ["-n", str(min(MAX_WORKERS, os.cpu_count() or 1)), "--dist", "loadfile"] if whole else []
    return _module("pytest", [*parallel, *arguments])


def _portal_check(arguments: Sequence[str]) -> int:
    setup.ensure()
    if not {"-h", "--help"} & set(arguments):
        setup.ensure_browser()
    return _module("devtools.portal_check", arguments)


def _help(_: Sequence[str]) -> int:
    width = max(len(name) for name in COMMANDS)
    print("Antragsweiche: applications for basic income support, sealed, to the responsible municipal Jobcenter.\n")
    print("usage: ./dev COMMAND [arguments]        ./dev COMMAND --help says more\n")
    for name, command in COMMANDS.items():
        print(f"  {name:<{width}}  {command.summary}")
    print(f"\nTools are kept outside the checkout, in {toolchain.cache_dir()}; each command sets up what is missing.")
    return 0


def _python(arguments: Sequence[str]) -> int:
    setup.ensure()
    python = str(toolchain.venv_python())
    os.execve(python, [python, *arguments], _environment())


COMMANDS: dict[str, Command] = {
    "demo": Command("start everything, send the samples, show what each Jobcenter opened", _in_venv("devtools.demo")),
    "test": Command("run the whole suite on real servers; arguments go to pytest", _test),
    "check": Command("formatting, lint, types (strict), generated contract documents", _check),
    "chaos": Command(
        "faults at random under steady load, then a checker that knows every id", _in_venv("devtools.chaos")
    ),
    "bench-isolation": Command(
        "what dead and slow Jobcenters cost the others; a backlog's end", _in_venv("bench.isolation")
    ),
    "bench": Command("measure the speed, check that nothing was lost (at most 15 minutes)", _in_venv("bench")),
    "compose-test": Command("the demo in containers, each restarted once", _in_venv("devtools.compose_test")),
    "portal-check": Command("whole households at a real browser, with axe and screenshots", _portal_check),
    "up": Command("start everything for hands-on use, say how to use it", _in_venv("devtools.up")),
    "down": Command("stop what `up` started", _in_venv("devtools.down")),
    "antragsweiche": Command("the command line, for what `up` started: ./dev antragsweiche --help", _antragsweiche),
    "python": Command("Python with the project and its packages", _python),
    "setup": Command("only set up what is missing", _setup),
    "help": Command("this list", _help),
}


def main(arguments: Sequence[str]) -> int:
    """Run one command and answer the exit code: 2 when there is no such command, 3 when a tool is missing."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("help", ())
    if name in {"-h", "--help"}:
        name = "help"
    command = COMMANDS.get(name)
    if command is None:
        print(f"./dev: there is no command {name!r}\n", file=sys.stderr)
        _help(())
        return 2
    try:
        return command.run(rest)
    except toolchain.ToolMissing as missing:
        print(f"\n./dev {name}: {missing}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
