"""The same servers in containers, by testcontainers: `KafkaServer` and `S3Server` as `devtools.servers` has them.

On the host's network, so that a reset connection stays a reset: Docker's own port proxy ends both by FIN, and versitygw
keeps what was cut off by FIN. That needs Linux, which is where `auto` chooses containers.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from devtools import engine
from devtools.processes import free_port, start_ticks
from devtools.provision import run_async
from devtools.servers import CLUSTER_ID

LABEL = "antragsweiche.tests"


def owner() -> str:
    """Whose containers these are: this process, told from a later one with the same id."""
    return f"{os.getpid()}-{start_ticks(os.getpid())}"


def clear_leftovers() -> list[str]:
    """Remove what sessions left behind that were killed; the containers' ids. In place of Ryuk, whose image is not
    everywhere to be had."""
    listed = engine.docker("ps", "--all", "--no-trunc", "--filter", f"label={LABEL}", "--format", "{{.ID}}")
    removed = []
    for container in listed.stdout.split():
        label = engine.docker("inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', container)
        pid, _, ticks = label.stdout.strip().partition("-")
        if str(start_ticks(int(pid))) != ticks:
            engine.docker("rm", "--force", "--volumes", container)
            removed.append(container)
    return removed


def without_ryuk() -> bool:
    """Whether testcontainers must do without its reaper; says so to testcontainers."""
    missing = not engine.images_available([testcontainers_config.ryuk_image])
    if missing:
        testcontainers_config.ryuk_disabled = True
    return missing


class Contained:
    """One container as `devtools.processes.Process` is one process: pause, resume, kill."""

    def __init__(self, container: DockerContainer) -> None:
        self._container = container
        self._made = False

    @property
    def _docker(self) -> Any:
        return self._container.get_wrapped_container()

    def start(self) -> None:
        """Create it, or start it again with its data."""
        if self._made:
            self._docker.start()
        else:
            self._container.start()
            self._made = True

    def stop(self) -> None:
        self._docker.stop(timeout=30)

    def remove(self) -> None:
        if self._made:
            self._container.stop(force=True, delete_volume=True)

    def pause(self) -> None:
        self._docker.pause()

    def resume(self) -> None:
        """Like SIGCONT, nothing to what is not paused: fixtures resume whatever a test left behind."""
        docker = self._docker
        docker.reload()
        if docker.status == "paused":
            docker.unpause()

    def kill(self) -> None:
        self._docker.kill()
        self._docker.wait()

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not ready after {timeout_s:.0f} s:\n{self._docker.logs(tail=40).decode()}")
            time.sleep(0.1)


def _container(image: str, **options: Any) -> DockerContainer:
    return DockerContainer(image).with_kwargs(network_mode="host", labels={LABEL: owner()}, **options)


class KafkaContainer:
    """One broker, its own controller."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, controller = free_port(), free_port()
        container = _container(engine.KAFKA_IMAGE).with_envs(
            CLUSTER_ID=CLUSTER_ID,
            KAFKA_NODE_ID="1",
            KAFKA_PROCESS_ROLES="broker,controller",
            KAFKA_CONTROLLER_QUORUM_VOTERS=f"1@127.0.0.1:{controller}",
            KAFKA_LISTENERS=f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://127.0.0.1:{self.port}",
            KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
            KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            KAFKA_INTER_BROKER_LISTENER_NAME="PLAINTEXT",
            KAFKA_LOG_DIRS="/var/lib/kafka/data",
            KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
            KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE="false",
            KAFKA_DEFAULT_REPLICATION_FACTOR="1",
            KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
            KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS="5",
            KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
            KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
            KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR="1",
            KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR="1",
            KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
            KAFKA_MESSAGE_MAX_BYTES="1048576",
            KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE="8388608",
            KAFKA_HEAP_OPTS="-Xms128m -Xmx512m",
        )
        self.process = Contained(container)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> Self:
        self.process.start()
        self.process.wait_until(lambda: run_async(_has_broker(self.bootstrap)), 90)
        return self

    def stop(self) -> None:
        self.process.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.process.remove()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.remove()


async def _has_broker(bootstrap: str) -> bool:
    """A broker is shown only when it takes part, later than its port answers."""
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        host, _, port = bootstrap.partition(":")
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 1)
        writer.close()
        client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2000)
        try:
            await client.start()
            return bool((await client.describe_cluster())["brokers"])
        finally:
            await client.close()
    return False


class S3Container:
    """versitygw over a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.access_key, self.secret_key = secrets.token_hex(10), secrets.token_urlsafe(30)
        (folder / "data").mkdir(parents=True)
        container = (
            _container(engine.STORE_IMAGE, user=f"{os.getuid()}:{os.getgid()}", entrypoint=["versitygw"])
            .with_command(f"--quiet --keep-alive --port 127.0.0.1:{self.port} posix /data")
            .with_envs(ROOT_ACCESS_KEY_ID=self.access_key, ROOT_SECRET_ACCESS_KEY=self.secret_key)
            .with_volume_mapping(str(folder / "data"), "/data", "rw")
        )
        self.process = Contained(container)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status in {200, 403}
        except OSError:
            return False
        finally:
            connection.close()

    def start(self) -> Self:
        self.process.start()
        self.process.wait_until(self._answers, 30)
        return self

    def stop(self) -> None:
        self.process.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.process.remove()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.remove()
