"""`./dev` documents itself, refuses what it does not know, and its set-up is whole or not there at all."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import commands, setup, toolchain
from devtools.setup import Progress
from devtools.toolchain import ROOT, ToolMissing


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield tmp_path / "antragsweiche"


def dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "dev"), *arguments], capture_output=True, text=True, check=False)


def test_help_names_every_command() -> None:
    shown = dev("help")
    assert shown.returncode == 0
    for name, command in commands.COMMANDS.items():
        assert f"  {name} " in shown.stdout
        assert command.summary in shown.stdout


def test_no_command_is_help_and_an_unknown_one_is_refused() -> None:
    assert dev().stdout == dev("help").stdout
    refused = dev("deom")
    assert refused.returncode == 2
    assert "there is no command 'deom'" in refused.stderr


def test_old_python_is_told_what_is_missing(tmp_path: Path) -> None:
    """The threshold must run on any Python; an old one is played by a changed version number."""
    old = tmp_path / "dev"
    old.write_text((ROOT / "dev").read_text().replace("sys.version_info < (3, 11)", "sys.version_info < (9, 9)"))
    shown = subprocess.run(
        [sys.executable, str(old), "demo"], capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )
    assert shown.returncode == 1
    assert "needs Python 3.11 or newer" in shown.stderr


def test_everything_under_dev_before_set_up_is_standard_library() -> None:
    """`./dev` must run before anything is installed: isolated from site-packages it still works."""
    shown = subprocess.run([sys.executable, "-I", "-S", str(ROOT / "dev"), "help"], capture_output=True, check=False)
    assert shown.returncode == 0


def test_interrupted_making_leaves_nothing_and_is_done_again(cache: Path) -> None:
    target = cache / "thing"

    def interrupted(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        setup._into_place(target, interrupted)
    assert not target.exists()
    setup._into_place(target, lambda folder: (folder / "whole").touch())
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_two_set_ups_at_once_make_a_thing_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def run(command: list[str], **_: object) -> None:
        made.append(command[0])
        Path(next(part for part in command if part.startswith("-DoutputDirectory=")).partition("=")[2], "a.jar").touch()

    monkeypatch.setattr(setup, "_run", run)
    threads = [threading.Thread(target=setup.kafka_libs, args=(Progress(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["mvn"]
    assert toolchain.kafka_libs_dir().is_dir()


def test_failed_step_says_what_the_tool_said(cache: Path) -> None:
    with pytest.raises(ToolMissing, match="no such thing here"):
        setup._run([sys.executable, "-c", "print('no such thing here'); raise SystemExit(3)"])


def test_without_root_a_person_is_told_what_to_install(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    with pytest.raises(ToolMissing, match=r"apt-get install --no-install-recommends maven openjdk-17-jre-headless"):
        setup.install_system_packages(Progress())


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ('openjdk version "17.0.15" 2025-04-15', False),
        ('openjdk version "21" 2023-09-19', False),
        ('openjdk version "11.0.2"', True),
        ('java version "1.8.0_292"', True),
    ],
)
def test_java_is_recognised_by_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, missing: bool
) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert setup.java_is_missing() is missing


def test_a_changed_pin_is_another_folder(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = toolchain.kafka_libs_dir()
    pom = tmp_path / "devtools" / "kafka" / "pom.xml"
    pom.parent.mkdir(parents=True)
    pom.write_text("another")
    monkeypatch.setattr(toolchain, "ROOT", tmp_path)
    assert toolchain.kafka_libs_dir() != before


def test_without_root_the_browser_is_named_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "CHROMIUM", tmp_path / "chromium")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ToolMissing, match="apt-get install --no-install-recommends chromium libatomic1 fonts-liberat"):
        setup.ensure_browser()
    (tmp_path / "chromium").touch()
    setup.ensure_browser()
