"""`docs/adapters.md` says what the code does."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.adapter import ADVICE
from cli.directory import app
from services.delivery.adapters import secrets
from services.delivery.adapters.settings import AdapterSettings
from services.receiver.poster import NEVER
from services.receiver.settings import BucketInbox, DestinationSettings, FolderInbox
from shared.contracts.directory import HttpsAdapter, MailAdapter, S3Adapter, SftpAdapter
from shared.contracts.reasons import Reason
from shared.trust import drops

TEXT = (Path(__file__).parents[4] / "docs" / "adapters.md").read_text(encoding="utf-8")


def test_every_setting_is_described() -> None:
    missing = [name for name in AdapterSettings.model_fields if f"DELIVERY_{name.upper()}" not in TEXT]
    assert missing == []


def test_every_secret_file_and_name_is_described() -> None:
    names = [secrets.CERTIFICATE, secrets.CERTIFICATE_KEY, secrets.SFTP_KEY, secrets.S3_SECRET]
    names += [drops.MANIFEST, drops.PUSH, drops.LINKS, drops.PROBE, drops.DROP_TYP, drops.PART_SUFFIX, drops.UNFINISHED]
    assert [name for name in names if name not in TEXT] == []


def test_every_code_of_the_check_is_described() -> None:
    table = TEXT.split("| code |")[1].split("\n\n")[0]
    codes = set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE))
    assert codes == {reason.value for reason in ADVICE} | {Reason.ADAPTER_NOT_CONFIGURED.value}


def test_the_statuses_that_end_posting_are_the_posters() -> None:
    sentence = re.search(r"([0-9, ]+): it will never take this one", TEXT)
    assert sentence is not None
    assert {int(code) for code in re.findall(r"[0-9]{3}", sentence[1])} == NEVER


def test_the_inbox_settings_are_the_receivers() -> None:
    block = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    shown = json.loads(block[1])["destinations"][0]["inbox"]
    assert FolderInbox.model_validate(shown).kind == "folder"
    assert [name for name in BucketInbox.model_fields if f"`{name}`" not in TEXT and f'"{name}"' not in TEXT] == []
    assert "inbox" in DestinationSettings.model_fields


@pytest.mark.parametrize("line", re.findall(r"^antragsweiche directory (set-adapter .*) …$", TEXT, re.MULTILINE))
def test_every_command_is_one_that_is_understood(line: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*shlex.split(line), "--directory", str(tmp_path), "--key", str(tmp_path / "x")])
    assert done.exit_code == 1, done.output  # wrong usage would be 2; the files are not there


def test_every_kind_is_described() -> None:
    kinds = {
        line.split("`")[1] for line in TEXT.split("| adapter |")[1].split("\n\n")[0].splitlines() if line[:3] == "| `"
    }
    assert kinds == {each.model_fields["kind"].default for each in (HttpsAdapter, SftpAdapter, S3Adapter, MailAdapter)}
