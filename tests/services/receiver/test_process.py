"""The receiver as Jobcenter IT runs it: a process of its own, configured by one file."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from shared.contracts.answer import Verdict
from shared.trust.push import parts_digest, sign_push
from tests import keys
from tests.services.receiver.support import (
    BOUNDARY,
    PDF,
    Attachment,
    Package,
    Received,
    body_of,
    make_package,
    make_settings,
)
from tests.support.certificates import Authority

ROOT = Path(__file__).parents[3]
MIB = 1024 * 1024
GROWTH_BYTES = 24 * MIB


def configuration(folder: Path) -> dict[str, Any]:
    """A configuration file's content with paths relative to `folder`."""
    make_settings(folder)
    return {
        "port": 0,
        "public_url": "https://annahme.example",
        "anchor_file": "anchor.jwk",
        "platform_file": "_platform.jws",
        "journal_file": "journal.sqlite3",
        "destinations": [
            {
                "id": "jobcenter-a",
                "encryption_key_files": [str(keys.path("a-encrypt"))],
                "signing_key_file": str(keys.path("a-verify")),
                "handover_folder": "handover",
            }
        ],
    }


@contextmanager
def running(folder: Path, **changes: Any) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its port; it must end with 0 on SIGTERM."""
    file = folder / "receiver.json"
    file.write_text(json.dumps(configuration(folder) | changes))
    process = subprocess.Popen(
        [sys.executable, "-m", "services.receiver"],
        cwd=ROOT,
        env=os.environ | {"RECEIVER_CONFIG_FILE": str(file)},
        stderr=subprocess.PIPE,
        text=True,
        umask=0,
    )
    try:
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())
        assert line["event"] == "ready", line
        yield process, line["port"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


async def push(port: int, package: Package) -> tuple[Received, datetime]:
    now = datetime.now(UTC)
    headers = {
        "Delivery-Id": str(package.delivery_id),
        "Parts-Digest": parts_digest(package.token, package.manifest),
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
    }
    path = f"/jobcenter-a/v1/deliveries/{package.delivery_id}"
    headers |= sign_push(
        "POST", f"https://annahme.example{path}", headers, keys.private_key("push"), keys.kid("push"), now
    )
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}{path}", headers=headers, data=BytesIO(body_of(package))) as response,
    ):
        return Received(response.status, await response.read(), dict(response.headers)), now


async def test_a_big_document_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    small = make_package([Attachment()])
    big = make_package([Attachment(PDF + os.urandom(64 * MIB))])
    with running(tmp_path) as (process, port):
        received, at = await push(port, small)
        assert received.answer(small, at=at).verdict is Verdict.ACCEPT
        before = _peak_bytes(process.pid)
        received, at = await push(port, big)
        assert received.answer(big, at=at).verdict is Verdict.ACCEPT
        grown = _peak_bytes(process.pid) - before
    assert grown < GROWTH_BYTES
    folder = tmp_path / "handover" / str(big.manifest.submission_id)
    document = next((folder / "documents").iterdir())
    assert document.stat().st_size == 64 * MIB + len(PDF)
    assert document.stat().st_mode & 0o777 == 0o640
    assert folder.stat().st_mode & 0o777 == 0o750


def test_a_second_process_on_the_same_journal_is_refused(tmp_path: Path) -> None:
    with running(tmp_path):
        second = _run(tmp_path / "receiver.json")
    assert second.returncode == 78
    assert "another receiver uses it" in second.stderr


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"anchor_file": "missing.jwk"}, "missing.jwk"),
        ({"anchor_fingerprint": "dead beef"}, "anchor_fingerprint"),
        ({"platform_file": "anchor.jwk"}, "platform key set"),
        ({"destinations": []}, "destinations"),
        ({"destination": "typo"}, "destination"),
    ],
)
def test_a_wrong_configuration_is_refused_at_start(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    file = tmp_path / "receiver.json"
    file.write_text(json.dumps(configuration(tmp_path) | change))
    refused = _run(file)
    assert refused.returncode == 78
    assert named in json.loads(refused.stderr)["detail"]


def test_signing_and_encryption_keys_are_not_mixed_up(tmp_path: Path) -> None:
    wrong = configuration(tmp_path)
    wrong["destinations"][0]["signing_key_file"] = str(keys.path("a-encrypt"))
    file = tmp_path / "receiver.json"
    file.write_text(json.dumps(wrong))
    refused = _run(file)
    assert refused.returncode == 78
    assert "a-encrypt.jwk" in refused.stderr


async def test_with_mutual_tls_only_the_platforms_certificate_comes_in(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "ca"), Authority(tmp_path / "stranger", "Stranger")
    server = authority.issue("receiver", server=True)
    tls = {
        "certificate_file": str(server.certificate),
        "key_file": str(server.key),
        "client_ca_file": str(authority.file),
    }
    with running(tmp_path, tls=tls) as (_, port):
        url = f"https://127.0.0.1:{port}/health/live"
        async with aiohttp.ClientSession() as session:
            for issuer in (authority, stranger):
                context = ssl.create_default_context(cafile=str(authority.file))
                pair = issuer.issue("platform", server=False)
                context.load_cert_chain(pair.certificate, pair.key)
                if issuer is authority:
                    async with session.get(url, ssl=context) as response:
                        assert response.status == 200
                else:
                    with pytest.raises(aiohttp.ClientError):
                        await session.get(url, ssl=context)
            with pytest.raises(aiohttp.ClientError):
                await session.get(url, ssl=ssl.create_default_context(cafile=str(authority.file)))


@pytest.mark.parametrize("good", [True, False])
def test_check_tries_the_inbox(tmp_path: Path, good: bool) -> None:
    config = configuration(tmp_path) | {"answers_url": "https://zustellung.example"}
    inbox = tmp_path / "inbox"
    if not good:
        inbox.write_text("a file, not a folder")
    config["destinations"][0]["inbox"] = {"kind": "folder", "folder": "inbox"}
    file = tmp_path / "receiver.json"
    file.write_text(json.dumps(config))
    done = _run(file, "check")
    assert done.returncode == (0 if good else 78), done.stderr
    assert (f"watches       {inbox}; answers go to https://zustellung.example" in done.stdout) == good


def _run(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.receiver", *arguments],
        cwd=ROOT,
        env=os.environ | {"RECEIVER_CONFIG_FILE": str(file)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
