"""The whole system as separate processes on loopback: servers, services, Jobcenters' receivers. For demo, up and tests.

    with Stack(folder, StackSettings(jobcenters=("kreis-offenbach",))) as stack:
        stack.intake_url, stack.client, stack.handover("kreis-offenbach") ...

Processes: `kafka`, `store`, `intake-1` … , `router`, `delivery`, `receiver-1` … . Each has a log in `<folder>/logs`, a
fixed port for its life, and can be killed, paused, resumed and started again by name.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devtools.clients import SANDBOX_ID, SandboxClient, write_clients
from devtools.keys import KeyFiles, ensure_keys, write_private
from devtools.processes import Process, ProcessFailed, free_port, stop_all
from devtools.provision import DirectoryDesk, make_bucket, run_async
from devtools.servers import KafkaServer, S3Server
from devtools.toolchain import ROOT

BUCKET = "submissions"
DRAFTS_BUCKET = "drafts"
"""The portal's own: it reaches nothing of intake's."""
PORTAL_ID = "portal"
READY_S = 90.0


@dataclass(frozen=True)
class StackSettings:
    """What runs.

    | field | meaning |
    |---|---|
    | `jobcenters` | ids of the Jobcenters that are connected: keys of their own, and a receiver that answers |
    | `intake_replicas` | intake processes; each serves any request |
    | `clients` | ids of the sandbox clients; their secrets are drawn at each start |
    | `portal_replicas` | processes of the citizens' portal; each serves any visitor |
    | `handover_root` | folder of the hand-over folders, one for each destination; default: within the stack's |
    | `env` | more variables by service (`intake`, `router`, `delivery`, `receiver`, `portal`), over the stack's own |
    """

    jobcenters: tuple[str, ...]
    intake_replicas: int = 1
    clients: tuple[str, ...] = (SANDBOX_ID,)
    portal_replicas: int = 1
    handover_root: Path | None = None
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Stack:
    """See the module. `timings` says in seconds when each stage was reached, from the call of `start`."""

    def __init__(
        self,
        folder: Path,
        settings: StackSettings,
        *,
        keys_folder: Path = ROOT / "build" / "keys",
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.timings: dict[str, float] = {}
        self.processes: dict[str, Process] = {}
        self._keys_folder = keys_folder
        self._say = say
        self._began = 0.0
        self._intake_ports: dict[str, int] = {}
        self._portal_ports: dict[str, int] = {}
        self._receivers: dict[str, int] = {}

    # -- what there is ----------------------------------------------------------------------------------------------

    @property
    def bootstrap(self) -> str:
        return self.kafka.bootstrap

    @property
    def intake_urls(self) -> tuple[str, ...]:
        return tuple(f"http://127.0.0.1:{port}" for port in self._intake_ports.values())

    @property
    def intake_url(self) -> str:
        return self.intake_urls[0]

    @property
    def portal_urls(self) -> tuple[str, ...]:
        """The citizens' portal, each replica's address; empty without one."""
        return tuple(f"http://127.0.0.1:{port}" for port in self._portal_ports.values())

    @property
    def client(self) -> SandboxClient:
        """The first sandbox client's credentials."""
        return self.clients[0]

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def directory_folder(self) -> Path:
        return self.folder / "directory"

    @property
    def store_folder(self) -> Path:
        """Where the store keeps the bucket's bytes on disk."""
        return self.store.folder / "data" / BUCKET

    def handover(self, destination: str) -> Path:
        """Where a destination's receiver hands over, one folder a submission."""
        return (self.settings.handover_root or self.folder / "handover") / destination

    # -- life -------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start everything and return when every process is ready. On failure all that was started is stopped."""
        self._began = time.monotonic()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.logs.mkdir(parents=True)
        self.kafka = KafkaServer(self.folder / "kafka", log=self.logs / "kafka.log")
        self.store = S3Server(self.folder / "store", log=self.logs / "store.log")
        self.processes |= {"kafka": self.kafka.process, "store": self.store.process}
        self._say("starting Kafka and the store")
        self.kafka.launch()
        self.store.launch()
        self._provision_keys()
        self._mark("keys")
        self.store.wait()
        make_bucket(self.store, BUCKET)
        make_bucket(self.store, DRAFTS_BUCKET)
        self._mark("store")
        receiver = self._add_receiver(self.settings.jobcenters)
        self.desk.prepare(dict.fromkeys(self.settings.jobcenters, f"http://127.0.0.1:{self._receivers[receiver]}"))
        self._mark("directory signed")
        self._say(f"starting the receivers of {len(self.settings.jobcenters)} Jobcenters")
        self.processes[receiver].start()
        self.kafka.wait()
        self._mark("kafka")
        self._say("creating topics, publishing the directory of 104 Jobcenters")
        run_async(self.desk.publish(self.bootstrap))
        self._mark("directory published")
        self._say("starting intake, router, delivery and the portal")
        services = self._add_services()
        for name in services:
            self.processes[name].start()
        self._wait_all([receiver, *services])
        self._mark("ready")

    def _provision_keys(self) -> None:
        missing = [name for name in self.settings.jobcenters if not KeyFiles(self._keys_folder).verify(name).exists()]
        if missing:
            self._say(f"making RSA 4096 keys for {len(missing)} Jobcenters (once for this checkout)")
        self.keys = ensure_keys(self._keys_folder, self.settings.jobcenters)
        self.desk = DirectoryDesk(self.directory_folder, self.keys)
        names = self.settings.clients if PORTAL_ID in self.settings.clients else (*self.settings.clients, PORTAL_ID)
        self.clients = write_clients(self.folder / "clients.json", names)
        self._portal_secret_file = self.folder / "portal-secret"
        self._portal_secret_file.touch(mode=0o600)
        self._portal_secret_file.write_text(
            next(each.client_secret for each in self.clients if each.client_id == PORTAL_ID)
        )
        self._secret_file = self.folder / "store-secret"
        self._secret_file.touch(mode=0o600)
        self._secret_file.write_text(self.store.secret_key)

    def stop(self) -> None:
        """End services first, then servers; each by SIGTERM, by SIGKILL only after its grace."""
        servers = {"kafka", "store"}
        stop_all([process for name, process in self.processes.items() if name not in servers])
        stop_all([process for name, process in self.processes.items() if name in servers])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _mark(self, stage: str) -> None:
        self.timings[stage] = round(time.monotonic() - self._began, 2)

    # -- one process ------------------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self.processes[name].kill()

    def pause(self, name: str) -> None:
        """SIGSTOP."""
        self.processes[name].pause()

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self.processes[name].resume()

    def restart(self, name: str) -> None:
        """Stop it if it runs, start it again at the same address, and wait until it is ready."""
        process = self.processes[name]
        process.stop()
        if name == "kafka":
            self.kafka.start()
        elif name == "store":
            self.store.start()
        else:
            process.start()
            self._wait_all([name])

    def add_jobcenter(self, jobcenter: str) -> None:
        """Connect one more Jobcenter while everything runs: keys, receiver, topic, signed entry, in this order."""
        ensure_keys(self._keys_folder, [jobcenter])
        name = self._add_receiver([jobcenter])
        self.processes[name].start()
        self._wait_all([name])
        self.desk.connect(jobcenter, f"http://127.0.0.1:{self._receivers[name]}")
        run_async(self.desk.publish(self.bootstrap))

    # -- commands and environment -----------------------------------------------------------------------------------

    def _base_env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TZ": "UTC"}

    def environment(self) -> dict[str, str]:
        """How to reach Kafka, store and directory: what every service, and the command line, needs."""
        return {
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "KAFKA_PROFILE": "development",
            "STORE_ENDPOINT": self.store.endpoint,
            "STORE_ACCESS_KEY": self.store.access_key,
            "STORE_SECRET_KEY_FILE": str(self._secret_file),
            "STORE_BUCKET": BUCKET,
            "STORE_SECURE": "false",
            "DIRECTORY_ANCHOR_FILE": str(self.keys.anchor),
        }

    def _python(self, name: str, module: str, env: Mapping[str, str]) -> str:
        service = name.partition("-")[0]
        self.processes[name] = Process(
            name,
            [sys.executable, "-m", module],
            self.logs / f"{name}.log",
            env={**self._base_env(), **env, **self.settings.env.get(service, {})},
            cwd=self.folder,
        )
        return name

    def _add_services(self) -> list[str]:
        common = self.environment()
        names = []
        for number in range(1, self.settings.intake_replicas + 1):
            name = f"intake-{number}"
            port = self._intake_ports[name] = free_port()
            names.append(self._python(name, "services.intake", {**common, **self._intake_env(port)}))
        names.append(self._python("router", "services.router", {**common, **self._worker_env("router")}))
        delivery = {**self._worker_env("delivery"), "DELIVERY_PUSH_KEY_FILE": str(self.keys.push)}
        names.append(self._python("delivery", "services.delivery", {**common, **delivery}))
        for number in range(1, self.settings.portal_replicas + 1):
            name = f"portal-{number}"
            port = self._portal_ports[name] = free_port()
            names.append(self._python(name, "services.portal", self._portal_env(port)))
        return names

    def _intake_env(self, port: int) -> dict[str, str]:
        return {
            "INTAKE_HOST": "127.0.0.1",
            "INTAKE_PORT": str(port),
            "INTAKE_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "INTAKE_STATE_KEY_FILE": str(self.keys.state),
            "INTAKE_RECEIPT_KEY_FILE": str(self.keys.receipt),
            "INTAKE_CLIENTS_FILE": str(self.folder / "clients.json"),
            "INTAKE_ISSUER_KEY_FILE": str(self.keys.issuer),
        }

    def _portal_env(self, port: int) -> dict[str, str]:
        """Nothing of Kafka, directory or intake's bucket: the portal is a client of the public API."""
        common = self.environment()
        return {
            **{name: value for name, value in common.items() if name.startswith("STORE_")},
            "STORE_BUCKET": DRAFTS_BUCKET,
            "PORTAL_HOST": "127.0.0.1",
            "PORTAL_PORT": str(port),
            "PORTAL_PLAIN_HTTP": "true",
            "PORTAL_INTAKE_URL": self.intake_url,
            "PORTAL_CLIENT_ID": PORTAL_ID,
            "PORTAL_CLIENT_SECRET_FILE": str(self._portal_secret_file),
            "PORTAL_RATE_PER_S": "500",
            "PORTAL_BURST": "5000",
            "PORTAL_STARTS_PER_HOUR": "10000",
        }

    def _worker_env(self, service: str) -> dict[str, str]:
        prefix = service.upper()
        return {f"{prefix}_HOST": "127.0.0.1", f"{prefix}_PORT": str(free_port())}

    def _add_receiver(self, destinations: Iterable[str]) -> str:
        name = f"receiver-{len(self._receivers) + 1}"
        port = self._receivers[name] = free_port()
        config = self.folder / "jobcenters" / f"{name}.json"
        write_private(config, self._receiver_config(name, port, destinations))
        return self._python(name, "services.receiver", {"RECEIVER_CONFIG_FILE": str(config)})

    def _receiver_config(self, name: str, port: int, destinations: Iterable[str]) -> dict[str, Any]:
        items = []
        for destination in destinations:
            self.handover(destination).mkdir(parents=True, exist_ok=True)
            items.append(
                {
                    "id": destination,
                    "encryption_key_files": [str(self.keys.encrypt(destination))],
                    "signing_key_file": str(self.keys.verify(destination)),
                    "handover_folder": str(self.handover(destination)),
                }
            )
        return {
            "host": "127.0.0.1",
            "port": port,
            "public_url": f"http://127.0.0.1:{port}",
            "anchor_file": str(self.keys.anchor),
            "platform_file": str(self.desk.platform_file),
            "journal_file": str(self.folder / "jobcenters" / f"{name}.sqlite"),
            "destinations": items,
        }

    # -- readiness --------------------------------------------------------------------------------------------------

    def _wait_all(self, names: Iterable[str]) -> None:
        """Wait for the ready line of each, side by side."""
        failures: list[ProcessFailed] = []

        def wait(name: str) -> None:
            try:
                self.processes[name].wait_until(lambda: says_ready(self.processes[name]), READY_S)
                self.timings.setdefault(f"{name} ready", round(time.monotonic() - self._began, 2))
            except ProcessFailed as error:
                failures.append(error)

        threads = [threading.Thread(target=wait, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        for url in self.intake_urls:
            wait_for_health(f"{url}/health/ready")


def says_ready(process: Process) -> bool:
    """Whether its log, since its last start, has the JSON line `{"event": "ready", …}`."""
    try:
        with process.log.open("rb") as log:
            log.seek(process.log_start)
            lines = log.read().splitlines()
    except FileNotFoundError:
        return False
    for line in lines:
        if b'"ready"' in line and line.startswith(b"{"):
            try:
                if json.loads(line).get("event") == "ready":
                    return True
            except ValueError:
                continue
    return False


def wait_for_health(url: str, timeout_s: float = READY_S) -> None:
    """Wait until `url` answers 200."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if time.monotonic() > deadline:
            raise ProcessFailed(f"{url} did not become ready within {timeout_s:.0f} s")
        time.sleep(0.05)
