"""`antragsweiche directory set-adapter` and `antragsweiche adapter check`, as an operator types them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cli.adapter_options import Options, build, host_keys
from cli.directory import app
from shared.contracts.directory import (
    Destination,
    HttpsAdapter,
    JobcenterEntry,
    MailAdapter,
    Rollout,
    S3Adapter,
    SftpAdapter,
)
from shared.directory.folder import read_entry, write_token
from shared.errors import Misconfigured
from shared.sealing.jwk import write_new
from shared.trust import drops
from tests import keys
from tests.services.delivery.adapters.rigs import (
    DESTINATION,
    https_rig,
    mail_rig,
    put_secret,
    sftp_rig,
)
from tests.support.certificates import Authority

ROOT = Path(__file__).resolve().parents[2]
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6Yq1rVYXy4vY4rPpYp6eMEEbXxQj0U1u6cQyXk0h0A"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with one Jobcenter, and the keys to sign it."""
    entry = JobcenterEntry(
        id=DESTINATION,
        version=1,
        issued_at=datetime(2026, 11, 1, tzinfo=UTC),
        name="Jobcenter A",
        state="Hessen",
        carrier_number="12345",
        rollout=Rollout.LIVE,
        destinations=(Destination(id=DESTINATION, keys=keys.destination_keys("a")),),
    )
    directory = tmp_path / "directory"
    write_token(directory, DESTINATION, keys.signed(entry))
    write_new(directory / "anchor.jwk", keys.public("directory"), mode=0o644)
    for name in ("directory", "push"):
        file = tmp_path / f"{name}.jwk"
        file.write_text(json.dumps(keys.private_jwk(name)))
        file.chmod(0o600)
    return directory


@pytest.fixture
def set_adapter(folder: Path) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        signing = ["--directory", str(folder), "--key", str(folder.parent / "directory.jwk")]
        return CliRunner().invoke(app, ["set-adapter", *signing, DESTINATION, DESTINATION, *arguments])

    return run


def destination(folder: Path) -> Destination:
    entry = read_entry(folder, DESTINATION, keys.anchor())
    assert isinstance(entry, JobcenterEntry)
    return entry.destinations[0]


class TestSetAdapter:
    def test_https_with_mutual_tls(self, folder: Path, set_adapter: Callable[..., Result]) -> None:
        authority = Authority(folder.parent / "ca")
        done = set_adapter("--https", "https://a.example/x/", "--client-certificate", "--ca-file", str(authority.file))
        assert done.exit_code == 0, done.output
        assert destination(folder).adapter == HttpsAdapter(
            url="https://a.example/x", client_certificate=True, ca=authority.pem
        )

    def test_sftp(self, folder: Path, set_adapter: Callable[..., Result]) -> None:
        file = folder.parent / "host.pub"
        file.write_text(f"# sftp.jobcenter.example:22\nsftp.jobcenter.example {HOST_KEY}\n{HOST_KEY} root@sftp\n")
        done = set_adapter("--sftp", "aw@sftp.jobcenter.example:2222/in/antraege", "--host-key-file", str(file))
        assert done.exit_code == 0, done.output
        assert destination(folder).adapter == SftpAdapter(
            host="sftp.jobcenter.example", port=2222, user="aw", path="/in/antraege", host_keys=(HOST_KEY, HOST_KEY)
        )

    def test_s3(self, folder: Path, set_adapter: Callable[..., Result]) -> None:
        done = set_adapter("--s3", "s3.jobcenter.example/antraege/in", "--access-key", "AK", "--region", "eu-central-1")
        assert done.exit_code == 0, done.output
        assert destination(folder).adapter == S3Adapter(
            endpoint="s3.jobcenter.example", bucket="antraege", prefix="in/", access_key="AK", region="eu-central-1"
        )

    def test_a_fallback_and_taking_it_away(self, folder: Path, set_adapter: Callable[..., Result]) -> None:
        assert set_adapter("--mail", "eingang@jobcenter.example", "--fallback").exit_code == 0
        assert set_adapter("--https", "https://a.example").exit_code == 0
        assert destination(folder).fallback == MailAdapter(address="eingang@jobcenter.example")
        assert set_adapter("--none").exit_code == 0
        assert destination(folder).adapter is None
        assert destination(folder).fallback is not None

    def test_what_stands_in_the_directory_is_shown(self, folder: Path, set_adapter: Callable[..., Result]) -> None:
        set_adapter("--mail", "eingang@jobcenter.example")
        shown = CliRunner().invoke(app, ["show", "--directory", str(folder)])
        assert "mailto:eingang@jobcenter" in shown.output

    @pytest.mark.parametrize(
        "options",
        [
            Options(),
            Options(https="https://a.example", mail="a@b.example"),
            Options(https="ftp://a.example"),
            Options(https="http://a.example", client_certificate=True),
            Options(https="https://a.example", ca_file=Path("/nowhere")),
            Options(https="https://a.example", region="eu"),
            Options(sftp="aw@host/in"),
            Options(sftp="host/in", host_key_files=(ROOT / "README.md",)),
            Options(s3="host/bucket"),
            Options(s3="host", access_key="AK"),
            Options(s3="host/UPPER", access_key="AK"),
            Options(mail="nobody"),
            Options(mail="a@b.example", secret="x"),
            Options(mail="a@b.example\nBcc: c@d.example"),
            Options(none=True, secret="x"),
        ],
        ids=str,
    )
    def test_half_an_adapter_is_refused(self, options: Options) -> None:
        with pytest.raises(Misconfigured):
            build(options)

    @given(text=st.text(max_size=200))
    def test_any_text_for_a_host_key_is_taken_or_refused(self, text: str) -> None:
        with contextlib.suppress(Misconfigured):
            assert all(len(line.split()) == 2 for line in host_keys(text))


async def check(folder: Path, *arguments: str, **env: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        "adapter",
        "check",
        "--directory",
        str(folder),
        "--push-key",
        str(folder.parent / "push.jwk"),
        *arguments,
        DESTINATION,
        cwd=ROOT,
        env={**os.environ, "DELIVERY_SECRETS_DIR": str(folder.parent / "secrets"), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def sign_with(folder: Path, adapter: Any, **changes: Any) -> None:
    entry = read_entry(folder, DESTINATION, keys.anchor())
    assert isinstance(entry, JobcenterEntry)
    changed = entry.destinations[0].model_copy(update={"adapter": adapter} | changes)
    write_token(
        folder,
        DESTINATION,
        keys.signed(entry.model_copy(update={"version": entry.version + 1, "destinations": (changed,)})),
    )


class TestCheck:
    async def test_https(self, folder: Path, tmp_path: Path) -> None:
        async with https_rig(tmp_path) as rig:
            sign_with(folder, rig.adapter)
            code, output = await check(folder)
            assert code == 0, output
            assert "probe        ok" in output
            await rig.refuse()
            code, output = await check(folder)
            assert code == 1
            assert "http-status" in output

    async def test_sftp(self, folder: Path, tmp_path: Path) -> None:
        async with sftp_rig(tmp_path) as rig:
            sign_with(folder, rig.adapter)
            code, output = await check(folder)
            assert code == 0, output
            [written] = rig.sftp.writes
            assert drops.PROBE in written
            assert list(rig.inbox.iterdir()) == []
            stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()
            sign_with(folder, rig.adapter.model_copy(update={"host_keys": (" ".join(stranger[:2]),)}))
            code, output = await check(folder)
            assert (code, "host-key" in output) == (1, True)

    async def test_a_fallback_and_a_missing_secret(self, folder: Path, tmp_path: Path) -> None:
        async with sftp_rig(tmp_path) as rig:
            sign_with(folder, None, fallback=rig.adapter)
            assert (await check(folder, "--fallback"))[0] == 0
            (tmp_path / "secrets" / DESTINATION / "sftp.key").unlink()
            code, output = await check(folder, "--fallback")
            assert code == 1
            assert "sftp.key     MISSING" in output
            assert "adapter-not-configured" in output

    async def test_bucket(self, folder: Path, tmp_path: Path, s3: Any, bucket: str) -> None:
        put_secret(tmp_path, "s3.secret", s3["secret_key"].encode())
        adapter = S3Adapter(endpoint=s3["endpoint"], secure=False, bucket=bucket, access_key=s3["access_key"])
        sign_with(folder, adapter)
        code, output = await check(folder)
        assert code == 0, output
        put_secret(tmp_path, "s3.secret", b"another")
        code, output = await check(folder)
        assert (code, "login-refused" in output) == (1, True)

    async def test_mail(self, folder: Path, tmp_path: Path) -> None:
        async with mail_rig(tmp_path) as (rig, settings):
            sign_with(folder, rig.adapter)
            env = {f"DELIVERY_{name.upper()}": str(value) for name, value in settings.items()}
            assert (await check(folder, "--no-mail", **env))[0] == 0
            assert not rig.mailbox.mails
            code, output = await check(folder, **env)
            assert code == 0, output
            [message] = rig.messages()
            assert message["Subject"] == "Antragsweiche: leere Probe"
            code, output = await check(folder)
            assert (code, "DELIVERY_SMTP_HOST" in output) == (1, True)
