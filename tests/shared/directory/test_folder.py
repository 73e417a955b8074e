"""The operator's folder: replaced as a whole or not at all, and believed only when signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.directory.folder import read_entry, read_folder, read_tokens, write_token
from shared.errors import InvalidSignature, Misconfigured
from shared.trust.anchor import sign_entry
from tests import keys


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "directory"
    for entry in (keys.jobcenter_entry("a"), keys.platform_entry()):
        path = write_token(folder, entry.id, keys.signed(entry))
        assert path.stat().st_mode & 0o777 == 0o644
    directory = read_folder(folder, keys.anchor())
    assert directory.ids() == ("_platform", "jobcenter-a")
    assert read_entry(folder, "jobcenter-a", keys.anchor()) == keys.jobcenter_entry("a")
    assert directory.token("jobcenter-a") == read_tokens(folder)["jobcenter-a"]


def test_writing_again_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_token(tmp_path, "jobcenter-a", keys.signed(keys.jobcenter_entry("a")))
    write_token(tmp_path, "jobcenter-a", keys.signed(keys.jobcenter_entry("a", version=2)))
    assert [path.name for path in tmp_path.iterdir()] == ["jobcenter-a.jws"]
    entry = read_entry(tmp_path, "jobcenter-a", keys.anchor())
    assert entry.version == 2


def test_a_failed_write_leaves_the_old_entry_and_no_rubbish(tmp_path: Path) -> None:
    token = keys.signed(keys.jobcenter_entry("a"))
    write_token(tmp_path, "jobcenter-a", token)
    with pytest.raises(UnicodeEncodeError):
        write_token(tmp_path, "jobcenter-a", "ö")
    assert [path.name for path in tmp_path.iterdir()] == ["jobcenter-a.jws"]
    assert read_tokens(tmp_path) == {"jobcenter-a": token}


def test_a_file_that_is_not_good_is_named(tmp_path: Path) -> None:
    foreign = sign_entry(keys.jobcenter_entry("a"), keys.private_jwk("push"))
    write_token(tmp_path, "jobcenter-a", foreign)
    with pytest.raises(Misconfigured, match=r"jobcenter-a.jws: ignored-foreign"):
        read_folder(tmp_path, keys.anchor())
    with pytest.raises(InvalidSignature):
        read_entry(tmp_path, "jobcenter-a", keys.anchor())


def test_an_entry_under_another_name_is_refused(tmp_path: Path) -> None:
    write_token(tmp_path, "jobcenter-b", keys.signed(keys.jobcenter_entry("a")))
    with pytest.raises(Misconfigured, match="ignored-misplaced"):
        read_folder(tmp_path, keys.anchor())
    with pytest.raises(Misconfigured, match="is the entry of jobcenter-a"):
        read_entry(tmp_path, "jobcenter-b", keys.anchor())


def test_a_missing_entry_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no entry nobody"):
        read_entry(tmp_path, "nobody", keys.anchor())
    assert read_folder(tmp_path, keys.anchor()).ids() == ()
