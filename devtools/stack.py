"""The whole system as separate processes on loopback: servers, services, Jobcenters' receivers. For demo, up and tests.

    with Stack(folder, StackSettings(jobcenters=("kreis-offenbach",))) as stack:
        stack.intake_url, stack.client, stack.handover("kreis-offenbach") ...

Processes: `kafka`, `store`, `intake-1` … , `router`, `delivery`, `receiver-1` … (`router-1`, `router-2` … where there
are several). Each has a log in `<folder>/logs`, a fixed port for its life, and can be killed, paused, resumed and
started again by name.
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
from typing import Any, Protocol, Self

from devtools.clients import SANDBOX_ID, SandboxClient, write_clients
from devtools.keys import KeyFiles, ensure_keys, write_private
from devtools.processes import Process, ProcessFailed, free_port, stop_all
from devtools.provision import DirectoryDesk, make_bucket, run_async
from devtools.servers import Door, KafkaServer, S3Server
from devtools.toolchain import ROOT

BUCKET = "submissions"
DRAFTS_BUCKET = "drafts"
"""The portal's own: it reaches nothing of intake's."""
PORTAL_ID = "portal"
READY_S = 90.0


class Network(Protocol):
    """What lies between two processes."""

    def way(self, client: str, server: str, port: int) -> int:
        """The port at which `client` reaches `server`, which listens on `port`. The same for the same question.

        Clients beside the processes: `portal` (towards intake) and `delivery` (any replica, towards a receiver).
        """


class _Loopback:
    def way(self, client: str, server: str, port: int) -> int:
        return port


@dataclass(frozen=True)
class ReceiverSetup:
    """One receiver process. `members` go into the configuration of each of its destinations."""

    destinations: tuple[str, ...]
    module: str = "services.receiver"
    env: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StackSettings:
    """What runs.

    | field | meaning |
    |---|---|
    | `jobcenters` | ids of the Jobcenters that are connected: keys of their own, and a receiver that answers |
    | `intake_replicas` | intake processes; each serves any request |
    | `router_replicas`, `delivery_replicas` | these, each with a static instance id of its own |
    | `receivers` | the receiver processes, which together have all `jobcenters`; default: one for all |
    | `clients` | ids of the sandbox clients; their secrets are drawn at each start |
    | `portal_replicas` | processes of the citizens' portal; each serves any visitor; default: none |
    | `handover_root` | folder of the hand-over folders, one for each destination; default: within the stack's |
    | `env` | more variables by service (`intake`, `router`, `delivery`, `receiver`, `portal`), over the stack's own |
    | `launch` | by name of a process of intake, router or delivery: the module, with arguments, that runs instead |
    | `network` | what lies between the processes; default: nothing |
    """

    jobcenters: tuple[str, ...]
    intake_replicas: int = 1
    router_replicas: int = 1
    delivery_replicas: int = 1
    receivers: tuple[ReceiverSetup, ...] = ()
    clients: tuple[str, ...] = (SANDBOX_ID,)
    portal_replicas: int = 0
    handover_root: Path | None = None
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    launch: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    network: Network = field(default_factory=_Loopback)

    def names(self, service: str) -> tuple[str, ...]:
        """Names of the processes of `intake`, `router` or `delivery`; a lone router or delivery has no number."""
        replicas = {"intake": self.intake_replicas, "router": self.router_replicas, "delivery": self.delivery_replicas}
        number = replicas[service]
        if number == 1 and service != "intake":
            return (service,)
        return tuple(f"{service}-{each}" for each in range(1, number + 1))


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
        self._network = settings.network
        self._ports = {name: free_port() for service in ("intake", "delivery") for name in settings.names(service)}
        self._portal_ports: dict[str, int] = {}
        self._receivers: dict[str, int] = {}
        self._receiver_names: dict[str, str] = {}
        self._kafka_doors: dict[str, int] = {}

    # -- what there is ----------------------------------------------------------------------------------------------

    @property
    def bootstrap(self) -> str:
        return self.kafka.bootstrap

    @property
    def intake_urls(self) -> tuple[str, ...]:
        names = self.settings.names("intake")
        return tuple(f"http://127.0.0.1:{self._network.way('portal', name, self._ports[name])}" for name in names)

    @property
    def intake_url(self) -> str:
        return self.intake_urls[0]

    @property
    def delivery_urls(self) -> tuple[str, ...]:
        """Where receivers post answers that come later."""
        names = self.settings.names("delivery")
        return tuple(f"http://127.0.0.1:{self._network.way('receiver', name, self._ports[name])}" for name in names)

    def receiver_of(self, destination: str) -> str:
        """Name of the process that receives for it."""
        return self._receiver_names[destination]

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
        self.kafka = KafkaServer(self.folder / "kafka", log=self.logs / "kafka.log", doors=self._doors())
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
        wanted = self.settings.receivers or (ReceiverSetup(self.settings.jobcenters),)
        receivers = [self._add_receiver(setup) for setup in wanted]
        self.desk.prepare({name: self._receiver_url(self.receiver_of(name)) for name in self.settings.jobcenters})
        self._mark("directory signed")
        self._say(f"starting the receivers of {len(self.settings.jobcenters)} Jobcenters")
        for receiver in receivers:
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
        self._wait_all([*receivers, *services])
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
        name = self._add_receiver(ReceiverSetup((jobcenter,)))
        self.processes[name].start()
        self._wait_all([name])
        self.desk.connect(jobcenter, self._receiver_url(name))
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
            [sys.executable, "-m", *self.settings.launch.get(name, (module,))],
            self.logs / f"{name}.log",
            env={**self._base_env(), **env, **self.settings.env.get(service, {})},
            cwd=self.folder,
        )
        return name

    def _doors(self) -> list[Door]:
        """A listener of the broker for each service whose way there is not direct."""
        doors = []
        for service in ("intake", "router", "delivery"):
            for name in self.settings.names(service):
                port = free_port()
                advertised = self._network.way(name, "kafka", port)
                if advertised != port:
                    doors.append(Door(port, advertised))
                    self._kafka_doors[name] = advertised
        return doors

    def _common_env(self, name: str) -> dict[str, str]:
        """`environment`, by this process's own ways."""
        store = self._network.way(name, "store", self.store.port)
        kafka = self._kafka_doors.get(name, self.kafka.port)
        return {
            **self.environment(),
            "KAFKA_BOOTSTRAP": f"127.0.0.1:{kafka}",
            "STORE_ENDPOINT": f"127.0.0.1:{store}",
        }

    def _add_services(self) -> list[str]:
        own = {"intake": self._intake_env, "router": self._router_env, "delivery": self._delivery_env}
        names = [
            self._python(name, f"services.{service}", {**self._common_env(name), **env(name)})
            for service, env in own.items()
            for name in self.settings.names(service)
        ]
        for number in range(1, self.settings.portal_replicas + 1):
            name = f"portal-{number}"
            port = self._portal_ports[name] = free_port()
            names.append(self._python(name, "services.portal", self._portal_env(port)))
        return names

    def _intake_env(self, name: str) -> dict[str, str]:
        port = self._ports[name]
        return {
            "INTAKE_HOST": "127.0.0.1",
            "INTAKE_PORT": str(port),
            "INTAKE_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "INTAKE_STATE_KEY_FILE": str(self.keys.state),
            "INTAKE_RECEIPT_KEY_FILE": str(self.keys.receipt),
            "INTAKE_CLIENTS_FILE": str(self.folder / "clients.json"),
            "INTAKE_ISSUER_KEY_FILE": str(self.keys.issuer),
        }

    def _router_env(self, name: str) -> dict[str, str]:
        return {"ROUTER_HOST": "127.0.0.1", "ROUTER_PORT": str(free_port()), "ROUTER_INSTANCE_ID": name}

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

    def _delivery_env(self, name: str) -> dict[str, str]:
        return {
            "DELIVERY_HOST": "127.0.0.1",
            "DELIVERY_PORT": str(self._ports[name]),
            "DELIVERY_INSTANCE_ID": name,
            "DELIVERY_PUSH_KEY_FILE": str(self.keys.push),
        }

    def _receiver_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._network.way('delivery', name, self._receivers[name])}"

    def _add_receiver(self, setup: ReceiverSetup) -> str:
        name = f"receiver-{len(self._receivers) + 1}"
        self._receivers[name] = free_port()
        self._receiver_names |= dict.fromkeys(setup.destinations, name)
        config = self.folder / "jobcenters" / f"{name}.json"
        write_private(config, self._receiver_config(name, setup))
        return self._python(name, setup.module, {"RECEIVER_CONFIG_FILE": str(config), **setup.env})

    def _receiver_config(self, name: str, setup: ReceiverSetup) -> dict[str, Any]:
        items = []
        for destination in setup.destinations:
            self.handover(destination).mkdir(parents=True, exist_ok=True)
            items.append(
                {
                    "id": destination,
                    "encryption_key_files": [str(self.keys.encrypt(destination))],
                    "signing_key_file": str(self.keys.verify(destination)),
                    "handover_folder": str(self.handover(destination)),
                    **setup.members,
                }
            )
        return {
            "host": "127.0.0.1",
            "port": self._receivers[name],
            "public_url": self._receiver_url(name),
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
