"""`deploy/docker-compose.yml` brought up under a project name of its own, on free ports, and taken down again.

with ComposeStack(folder) as stack:
    stack.intake_url, stack.client, stack.bootstrap, stack.restart("kafka") ...
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devtools import engine
from devtools.clients import SandboxClient
from devtools.engine import EngineFailed, docker
from devtools.processes import free_port

LASTING = ("store", "kafka", "intake", "router", "delivery", "portal", "receiver")
JOBS = ("keys", "setup")
HANDOVER = "/var/lib/antragsweiche/handover"
UP_S = 300.0
RESTART_S = 240.0
_POLL_S = 0.5
_LIST_FOLDERS = "import pathlib, sys; print(*(p.name for p in pathlib.Path(sys.argv[1]).glob('*/*-*-*-*-*')))"


class ComposeStack:
    """The whole system in containers, with the receiver's profile."""

    def __init__(
        self, folder: Path, *, image: str = engine.SERVICE_IMAGE, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.folder = folder
        self.project = f"antragsweiche-test-{os.getpid()}"
        self._say = say
        self._intake_port, self._portal_port, self._kafka_port = free_port(), free_port(), free_port()
        self._env = {
            "ANTRAGSWEICHE_IMAGE": image,
            "INTAKE_PORT": str(self._intake_port),
            "PORTAL_PORT": str(self._portal_port),
            "KAFKA_PORT": str(self._kafka_port),
            "KAFKA_IMAGE": engine.KAFKA_IMAGE,
            "STORE_IMAGE": engine.STORE_IMAGE,
        }

    @property
    def intake_url(self) -> str:
        return f"http://127.0.0.1:{self._intake_port}"

    @property
    def portal_url(self) -> str:
        return f"http://127.0.0.1:{self._portal_port}"

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._kafka_port}"

    def compose(self, *arguments: str, timeout_s: float = 120.0) -> str:
        """`docker compose` for this project; its standard output."""
        files = ("-f", "deploy/docker-compose.yml", "-f", "deploy/docker-compose.host.yml")
        options = ("-p", self.project, *files, "--profile", "receiver")
        return docker("compose", *options, *arguments, env=self._env, timeout_s=timeout_s).stdout

    # -- life -------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Return when everything that lasts is healthy. On failure everything is taken down again."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        try:
            self.compose("up", "--detach", "--no-build", timeout_s=UP_S)
            self.wait_healthy(LASTING, UP_S)
            self.client = SandboxClient(**json.loads(self._in_setup("devtools.compose_setup", "client")))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Keep the logs, remove containers, networks and volumes of this project."""
        try:
            (self.folder / "containers.log").write_text(self.compose("logs", "--no-color", "--timestamps"))
        except EngineFailed as error:
            self._say(str(error))
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20", timeout_s=240)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- one container ----------------------------------------------------------------------------------------------

    def states(self) -> dict[str, dict[str, Any]]:
        """What compose says of each container, by service."""
        output = self.compose("ps", "--all", "--format", "json")
        found = [json.loads(line) for line in output.splitlines() if line.strip()]
        rows = [row for each in found for row in (each if isinstance(each, list) else [each])]
        return {row["Service"]: row for row in rows}

    def wait_healthy(self, services: Iterable[str], timeout_s: float) -> None:
        """Raise `EngineFailed` when one is not healthy in time, or a job failed."""
        deadline = time.monotonic() + timeout_s
        waiting = set(services)
        while True:
            states = self.states()
            failed = [job for job in JOBS if states.get(job, {}).get("ExitCode")]
            if failed:
                raise EngineFailed(f"{failed[0]} failed:\n{self.compose('logs', '--no-color', failed[0])[-2000:]}")
            waiting = {name for name in waiting if states.get(name, {}).get("Health") != "healthy"}
            if not waiting:
                return
            if time.monotonic() > deadline:
                name = min(waiting)
                raise EngineFailed(f"{name} is not healthy:\n{self.compose('logs', '--no-color', name)[-2000:]}")
            time.sleep(_POLL_S)

    def started_at(self, service: str) -> str:
        """When the engine says that its container's process began."""
        found = self.compose("ps", "--all", "--quiet", service).strip()
        return docker("inspect", "--format", "{{.State.StartedAt}}", found).stdout.strip()

    def restart(self, service: str) -> float:
        """SIGTERM, its grace, a new start; seconds until it was healthy again."""
        began = time.monotonic()
        self.compose("restart", service, timeout_s=RESTART_S)
        self._wait_answering(service)
        return round(time.monotonic() - began, 1)

    def _wait_answering(self, service: str) -> None:
        """Healthy by a check that ran after the restart: compose may still show the old one for a moment."""
        time.sleep(_POLL_S)
        self.wait_healthy([service], RESTART_S)

    # -- what is inside ---------------------------------------------------------------------------------------------

    def _in_setup(self, *command: str) -> str:
        return self.compose("run", "--rm", "--no-deps", "-T", "setup", *command)

    def fetch_handover(self, destination: str, submission_id: str) -> Path:
        """Copy what a Jobcenter was handed over out of the receiver's container; the folder here, there or not."""
        target = self.folder / "handover" / destination / submission_id
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.compose("cp", f"receiver:{HANDOVER}/{destination}/{submission_id}", str(target))
        except EngineFailed as error:
            self._say(str(error))  # whoever compares finds that it is not there
        return target

    def handed_over(self) -> set[str]:
        """Ids of everything that any Jobcenter was handed over."""
        listed = self.compose("exec", "-T", "receiver", "python", "-c", _LIST_FOLDERS, HANDOVER)
        return set(listed.split())
