"""The compose file, as far as it can be told without an engine; `./dev compose-test` brings it up."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools import engine
from devtools.clients import SANDBOX_ID
from devtools.compose import JOBS, LASTING
from devtools.compose_setup import USERS, Folders, make_keys, receiver_configuration, sign_directory
from devtools.stack import PORTAL_ID
from devtools.store_accounts import ROOT_ACCOUNT
from devtools.toolchain import ROOT
from services.delivery.settings import DeliverySettings
from services.intake.clients import Clients, ClientsFile, read_clients, write_clients
from services.intake.settings import IntakeSettings
from services.portal.settings import PortalSettings
from services.receiver.settings import load
from services.router.settings import RouterSettings
from shared.settings import read_secret_file

COMPOSE = yaml.safe_load((ROOT / "deploy/docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS = {
    "intake": IntakeSettings,
    "router": RouterSettings,
    "delivery": DeliverySettings,
    "portal": PortalSettings,
}


def test_services_are_those_that_compose_test_restarts() -> None:
    assert set(SERVICES) == {*LASTING, *JOBS}


def test_images_are_the_pinned_ones() -> None:
    assert SERVICES["kafka"]["image"] == f"${{KAFKA_IMAGE:-{engine.KAFKA_IMAGE}}}"
    assert SERVICES["store"]["image"] == f"${{STORE_IMAGE:-{engine.STORE_IMAGE}}}"
    assert f"PYTHON_IMAGE={engine.PYTHON_IMAGE}" in (ROOT / "deploy/Dockerfile").read_text()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_guarded(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    if name != "kafka":
        assert service["read_only"] is True
        assert service["user"] == "10001:10001"
    if name in LASTING:
        assert service["restart"] == "unless-stopped"
        assert "healthcheck" in service
    else:
        assert service["restart"] == "no"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")
    for variable in service.get("environment", {}):
        assert "SECRET" not in variable or variable.endswith("_FILE")


def test_only_the_receiver_needs_a_profile() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "receiver": ["receiver"]
    }


def test_only_set_up_sees_the_directory_key() -> None:
    seeing = {
        name for name, service in SERVICES.items() if any(each.startswith("operator:") for each in service["volumes"])
    }
    assert seeing == set(JOBS)


def _made(folders: Folders) -> dict[str, bytes]:
    make_keys(folders, ())
    base = sign_directory(folders, ()).folder.parent.parent
    return {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()}


def test_set_up_can_be_repeated_and_gives_each_its_own(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    made = [_made(folders) for _ in range(2)]
    assert made[0] == made[1]
    assert {path.name for path in folders.intake.iterdir()} == {
        "state-keys.json",
        "receipt.jwk",
        "issuer.jwk",
        "clients.json",
        "store-secret",
    }
    assert {path.name for path in folders.portal.iterdir()} == {"client-secret", "store-secret"}
    assert {path.name for path in folders.router.iterdir()} == {"store-secret"}
    assert {path.name for path in folders.delivery.iterdir()} == {"push.jwk", "store-secret"}
    own = {read_secret_file(folders.of(name) / "store-secret") for names in USERS.values() for name in names}
    assert len(own | {read_secret_file(folders.store_secret / "secret-key")}) == 5
    assert json.loads(folders.client.read_text())["client_secret"] not in (folders.intake / "clients.json").read_text()


def test_clients_can_be_whom_their_secret_says_and_stay_what_an_operator_made_them(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    make_keys(folders, ())
    file = folders.intake / "clients.json"
    portal_secret = read_secret_file(folders.portal / "client-secret").decode()
    sandbox = json.loads(folders.client.read_text())
    clients = Clients(file)
    assert clients.authenticate(PORTAL_ID, portal_secret, 0.0)
    assert clients.authenticate(sandbox["client_id"], sandbox["client_secret"], 0.0)

    known = read_clients(file).clients
    changed = {PORTAL_ID: known[PORTAL_ID].model_copy(update={"disabled": True}), "another": known[SANDBOX_ID]}
    write_clients(file, ClientsFile(clients={**known, **changed}))
    folders.client.unlink()
    make_keys(folders, ())
    clients = Clients(file)
    assert clients.authenticate(PORTAL_ID, portal_secret, 0.0) is None
    assert clients.authenticate("another", sandbox["client_secret"], 0.0)
    assert clients.authenticate(SANDBOX_ID, sandbox["client_secret"], 0.0) is None
    assert clients.authenticate(SANDBOX_ID, json.loads(folders.client.read_text())["client_secret"], 0.0)


def test_each_service_gets_the_bucket_that_its_account_may_use() -> None:
    for bucket, services in USERS.items():
        for name in services:
            environment = SERVICES[name]["environment"]
            assert environment["STORE_ACCESS_KEY"] == name
            assert environment["STORE_BUCKET"] == bucket
            assert environment["STORE_SECRET_KEY_FILE"] == f"/var/lib/antragsweiche/{name}/store-secret"
    assert SERVICES["setup"]["environment"]["STORE_ACCESS_KEY"] == ROOT_ACCOUNT
    assert SERVICES["portal"]["environment"]["PORTAL_CLIENT_ID"] == PORTAL_ID


def test_the_portal_reaches_neither_kafka_nor_another_services_secrets() -> None:
    portal = SERVICES["portal"]
    assert not set(portal["networks"]) & set(SERVICES["kafka"]["networks"])
    assert portal["volumes"] == ["portal-secrets:/var/lib/antragsweiche/portal:ro"]
    assert not any("KAFKA" in name for name in portal["environment"])
    assert COMPOSE["networks"]["drafts"] == {"internal": True}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_variable_is_a_setting(name: str) -> None:
    prefix = name.upper() + "_"
    for variable in SERVICES[name]["environment"]:
        if variable.startswith(prefix):
            assert variable.removeprefix(prefix).lower() in SETTINGS[name].model_fields


def test_start_is_in_order_of_need_and_gated_by_health() -> None:
    for name in LASTING:
        for needed, how in SERVICES[name].get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in JOBS else "service_healthy"
            assert how == {"condition": wanted}
    assert {"setup", "store", "intake"} == set(SERVICES["portal"]["depends_on"])
    for name in ("intake", "router", "delivery"):
        assert {"setup", "kafka", "store"} == set(SERVICES[name]["depends_on"])


def test_every_image_is_pinned_or_made_here() -> None:
    for service in SERVICES.values():
        default = re.fullmatch(r"\$\{[A-Z_]+:-(\S+)\}", service["image"])
        assert default is not None
        assert re.search(r":\d+\.\d+|:v\d+\.\d+\.\d+$|:local$", default[1])


def test_all_that_services_read_at_run_time_is_in_the_image() -> None:
    """Templates, styles, branding, the form, tables: whatever stands beside the code goes where the code goes."""
    copied = re.findall(r"^COPY (?!--from)(\S+) /app/", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) <= allowed
    files = [path for top in ("shared", "services") for path in (ROOT / top).rglob("*") if path.is_file()]
    data = {path.relative_to(ROOT).as_posix() for path in files if path.suffix not in {".py", ".pyc"}}
    assert any(name.startswith("services/portal/templates/") for name in data)
    assert all(name.partition("/")[0] in copied for name in data)


def test_the_receivers_configuration_is_one(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    file = tmp_path / "receiver.json"
    file.write_text(json.dumps(receiver_configuration(folders, ["kreis-offenbach", "landkreis-verden"])))
    assert [item.id for item in load(file).destinations] == ["kreis-offenbach", "landkreis-verden"]


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/good" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_health_check_tells_good_from_bad(address: str) -> None:
    def code(url: str) -> int:
        return subprocess.run([sys.executable, str(ROOT / "deploy/health.py"), url], check=False).returncode

    assert (code(f"{address}/good"), code(f"{address}/bad"), code("http://127.0.0.1:9/good")) == (0, 1, 1)
