"""The Docker engine, where there is one, and the images that `deploy/` names. Standard library only.

Where no registry is in reach, `../shared/lab/container-lab` (or `$CONTAINER_LAB`) makes stand-ins under the same names.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devtools.toolchain import ROOT, ToolMissing

PYTHON_IMAGE = "python:3.11-slim-bookworm"
KAFKA_IMAGE = "apache/kafka:4.1.1"
STORE_IMAGE = "versity/versitygw:v1.8.0"
"""As in `deploy/docker-compose.yml`; a test compares."""
SERVICE_IMAGE = "antragsweiche:local"

_PULL_S = 600.0


class EngineFailed(RuntimeError):
    """A docker command failed; the message carries its last words."""


def docker(
    *arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = 120.0, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run `docker …` to its end; raises `EngineFailed` when it does not end with 0."""
    try:
        done = subprocess.run(
            ["docker", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineFailed(f"docker {arguments[0]}: {type(error).__name__}") from None
    if done.returncode:
        raise EngineFailed(f"docker {' '.join(arguments[:6])} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done


def _works(*arguments: str, timeout_s: float = 20.0) -> bool:
    try:
        docker(*arguments, timeout_s=timeout_s)
    except EngineFailed:
        return False
    return True


def answers() -> bool:
    """Whether an engine answers."""
    return _works("version", "--format", "{{.Server.Version}}")


def has_compose() -> bool:
    return _works("compose", "version")


def has_image(name: str) -> bool:
    return _works("image", "inspect", "--format", "{{.Id}}", name)


def made_here(name: str) -> bool:
    """Whether an image came from no registry: then the builder must not ask one about it either."""
    return docker("image", "inspect", "--format", "{{len .RepoDigests}}", name).stdout.strip() == "0"


def images_available(names: Sequence[str]) -> bool:
    """Whether each is there or can be pulled; what can be, is."""
    return all(has_image(name) or _works("pull", "--quiet", name, timeout_s=_PULL_S) for name in names)


def lab() -> Path | None:
    """The script that makes an engine and stand-in images on a machine without a registry."""
    given = os.environ.get("CONTAINER_LAB")
    path = Path(given) if given else ROOT.parent / "shared" / "lab" / "container-lab"
    return path if path.is_file() else None


def ensure(names: Sequence[str], say: Callable[[str], None]) -> None:
    """An engine with Compose and these images, by the lab if nothing else helps. Raises `ToolMissing`."""
    if answers() and has_compose() and images_available(names):
        return
    script = lab()
    if script is None:
        raise ToolMissing("no Docker engine with Compose v2 answers, or its images can be had from no registry")
    say(f"no engine, or no registry in reach: {script} up (about 10 minutes the first time)")
    if subprocess.run([str(script), "up"], check=False).returncode:
        raise ToolMissing(f"{script} up failed")
    missing = [name for name in names if not has_image(name)]
    if missing or not answers() or not has_compose():
        raise ToolMissing(f"after {script} up there is still something missing: {', '.join(missing) or 'the engine'}")


def build_service_image(tag: str = SERVICE_IMAGE) -> None:
    """The one image of all services, from this checkout."""
    arguments = ["build", "--quiet", "--file", "deploy/Dockerfile", "--build-arg", f"PYTHON_IMAGE={PYTHON_IMAGE}"]
    environment = {}
    if made_here(PYTHON_IMAGE):
        environment["DOCKER_BUILDKIT"] = "0"  # BuildKit would look the base image up in a registry
        arguments += ["--network", "host"]  # packages are reached as this machine reaches them
    docker(*arguments, "--tag", tag, ".", env=environment, timeout_s=900)
