"""The real servers as processes on loopback: Apache Kafka (KRaft, one node) and versitygw. Standard library only.

    with KafkaServer(folder) as kafka: ...  # kafka.bootstrap == "127.0.0.1:<port>"

Both keep their data in `folder`, so stopping and starting again is a restart with what was stored.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from devtools import toolchain
from devtools.processes import Process, ProcessFailed, free_port

CLUSTER_ID = "QW50cmFnc3dlaWNoZV8wMQ"
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xss512k")
_BROKER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{doors}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
offsets.retention.minutes=525600
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
message.max.bytes=1048576
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=4
"""


@dataclass(frozen=True)
class Door:
    """One more listener on `port`. Its clients are told to come to `advertised`: a proxy's port that leads there."""

    port: int
    advertised: int


class KafkaServer:
    """One broker that is its own controller. Topics are never created by themselves.

    Clients that bootstrap at a door's advertised port stay on that way, because every listener names only itself.
    """

    def __init__(
        self, folder: Path, *, log: Path | None = None, heap_mb: int = 512, doors: Sequence[Door] = ()
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.doors = doors
        self._heap_mb = heap_mb
        self._log4j = folder / "server.log"
        self.process = Process("kafka", (), log or folder / "kafka.out", grace_s=30)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _java(self, *arguments: str) -> list[str]:
        return [toolchain.java(), *_JVM, "-cp", toolchain.kafka_classpath(), *arguments]

    def _prepare(self) -> Path:
        data, properties = self.folder / "data", self.folder / "server.properties"
        self.folder.mkdir(parents=True, exist_ok=True)
        named = [(f"DOOR{number}", door) for number, door in enumerate(self.doors, start=1)]
        filled = _BROKER.format(
            port=self.port,
            controller=free_port(),
            data=data,
            doors="".join(f",{name}://127.0.0.1:{door.port}" for name, door in named),
            advertised="".join(f",{name}://127.0.0.1:{door.advertised}" for name, door in named),
            protocols="".join(f",{name}:PLAINTEXT" for name, _ in named),
        )
        properties.write_text(filled)
        if not (data / "meta.properties").exists():
            storage_tool = self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties))
            done = subprocess.run(storage_tool, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ProcessFailed(f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}")
        return properties

    def launch(self) -> None:
        """Start without waiting for it."""
        properties = self._prepare()
        self._log4j.unlink(missing_ok=True)
        log4j = toolchain.ROOT / "devtools/kafka/log4j2.properties"
        self.process.command = self._java(
            f"-Xmx{self._heap_mb}m",
            "-Xms128m",
            f"-Dlog4j2.configurationFile={log4j}",
            f"-Dantragsweiche.kafka.log={self._log4j}",
            "kafka.Kafka",
            str(properties),
        )
        self.process.start()

    def _started(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return "Kafka Server started" in self._log4j.read_text(errors="replace")
        return False

    def wait(self, timeout_s: float = 60) -> None:
        try:
            self.process.wait_until(self._started, timeout_s)
        except ProcessFailed as error:
            said = self._log4j.read_text(errors="replace")[-3000:] if self._log4j.exists() else ""
            raise ProcessFailed(f"{error}\n{said}") from None

    def start(self) -> Self:
        self.launch()
        self.wait()
        return self

    def stop(self) -> None:
        self.process.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _keeps_attributes(folder: Path) -> bool:
    probe = folder / ".xattr-probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.antragsweiche", b"1")
    except (OSError, AttributeError):
        return False
    finally:
        probe.unlink()
    return True


class S3Server:
    """versitygw over a folder. Access key and secret are drawn for each start unless given.

    `accounts`: a folder with more accounts (`devtools.store_accounts`).
    """

    def __init__(
        self,
        folder: Path,
        *,
        log: Path | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        keep_alive: bool = True,
        accounts: Path | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.access_key = access_key or secrets.token_hex(10)
        self.secret_key = secret_key or secrets.token_urlsafe(30)
        self._keep_alive = keep_alive
        self._accounts = accounts
        self.process = Process("versitygw", (), log or folder / "versitygw.out", grace_s=10)

    @property
    def endpoint(self) -> str:
        """host:port, without a scheme, as the `minio` client wants it."""
        return f"127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start without waiting for it."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        connections = ["--keep-alive"] if self._keep_alive else []  # off by default: a connection for each operation
        accounts = ["--iam-dir", str(self._accounts)] if self._accounts else []
        command = [str(toolchain.versitygw()), "--quiet", *connections, *accounts, "--port", self.endpoint, "posix"]
        if not _keeps_attributes(data):  # an overlay or an old tmpfs: metadata goes beside the objects
            sidecar = self.folder / "sidecar"
            sidecar.mkdir(exist_ok=True)
            command += ["--sidecar", str(sidecar)]
        # by environment: a command line could be read by every user of the machine
        credentials = {"ROOT_ACCESS_KEY_ID": self.access_key, "ROOT_SECRET_ACCESS_KEY": self.secret_key}
        self.process.env = {**os.environ, **credentials}
        self.process.command = [*command, str(data)]
        self.process.start()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status in {200, 403}
        except OSError:
            return False
        finally:
            connection.close()

    def wait(self, timeout_s: float = 20) -> None:
        self.process.wait_until(self._answers, timeout_s)

    def start(self) -> Self:
        self.launch()
        self.wait()
        return self

    def stop(self) -> None:
        self.process.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
