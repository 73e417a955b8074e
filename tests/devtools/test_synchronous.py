"""What the store writes is on the disk, and where the file system cannot do it, that is said."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devtools import synchronous
from devtools.synchronous import main, make_synchronous


def attributes(path: Path) -> str:
    """As `lsattr` of e2fsprogs shows them: an independent reader."""
    return subprocess.run(["lsattr", "-d", str(path)], capture_output=True, text=True, check=True).stdout.split()[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "bucket" / "older").mkdir(parents=True)
    (tmp_path / "data" / "bucket" / "older" / "file").write_bytes(b"older")
    return tmp_path / "data"


def test_what_is_made_below_is_written_synchronously(folder: Path) -> None:
    if not make_synchronous(folder):
        pytest.skip("the file system of the temporary folder has no such attributes")
    assert make_synchronous(folder), "a second time, too"
    (folder / "bucket" / "older" / "new").mkdir()
    new = folder / "bucket" / "older" / "new" / "file"
    new.write_bytes(b"new")
    assert "S" in attributes(new)
    for path in (folder, folder / "bucket", folder / "bucket" / "older", new.parent):
        assert {"S", "D"} <= set(attributes(path)), path
    assert (folder / "bucket" / "older" / "file").read_bytes() == b"older"
    assert sorted(path.name for path in folder.iterdir()) == ["bucket"], "nothing of the trial is left"


@pytest.mark.parametrize("error", [OSError(25, "ENOTTY"), OSError(95, "EOPNOTSUPP"), OSError(1, "EPERM")])
def test_a_file_system_that_cannot_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(synchronous.fcntl, "ioctl", refuse)
    assert not make_synchronous(folder)
    assert main([str(folder)]) == 1
    assert "mount it with `sync`" in capsys.readouterr().err


def test_a_file_system_that_takes_the_flags_and_does_not_hand_them_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synchronous.fcntl, "ioctl", lambda *_: 0)
    assert not make_synchronous(folder)


def test_what_is_no_folder_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [main([]), main([str(folder / "none")])] == [64, 64]
    assert capsys.readouterr().err.count("usage") == 2
