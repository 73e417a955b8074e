"""The compose file, as far as it can be told without an engine; `./dev compose-test` brings it up."""

from __future__ import annotations

import json
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
from devtools.compose import JOBS, LASTING
from devtools.compose_setup import Folders, make_keys, receiver_configuration, sign_directory
from devtools.toolchain import ROOT
from services.receiver.settings import load
from shared.settings import read_secret_file

COMPOSE = yaml.safe_load((ROOT / "deploy/docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


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
    assert {path.name for path in folders.router.iterdir()} == {"store-secret"}
    assert {path.name for path in folders.delivery.iterdir()} == {"push.jwk", "store-secret"}
    assert read_secret_file(folders.delivery / "store-secret") == read_secret_file(folders.store_secret / "secret-key")
    assert json.loads(folders.client.read_text())["client_secret"] not in (folders.intake / "clients.json").read_text()


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
