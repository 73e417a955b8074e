from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cli.open import app, safe_stem
from shared.sealing.jwe import seal
from tests import keys

runner = CliRunner()
KEY = str(keys.path("a-encrypt"))


def sealed(path: Path, plaintext: bytes, cty: str = "application/pdf", name: str = "a-encrypt") -> Path:
    path.write_bytes(seal(plaintext, keys.recipient(name), cty)[0])
    return path


def opened(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run(out: Path, *files: Path, key: str = KEY) -> Result:
    return runner.invoke(app, [*map(str, files), "--key", key, "--out", str(out)])


def test_opens_parts_of_every_kind(tmp_path: Path) -> None:
    big = bytes(range(256)) * 4000
    files = [
        sealed(tmp_path / "one", big),
        sealed(tmp_path / "two.jwe", b"{}", "application/json"),
        sealed(tmp_path / "three.jose", b"jpeg", "image/jpeg"),
        sealed(tmp_path / "four", b"", "image/png"),
        sealed(tmp_path / "five", b"?", "text/html"),
    ]
    result = run(tmp_path / "out", *files)
    assert result.exit_code == 0, result.output
    assert opened(tmp_path / "out") == {
        "one.pdf": big,
        "two.json": b"{}",
        "three.jpg": b"jpeg",
        "four.png": b"",
        "five.bin": b"?",
    }
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "out").iterdir())


def test_one_bad_part_does_not_stop_the_others(tmp_path: Path) -> None:
    good = sealed(tmp_path / "good", b"text")
    bad = sealed(tmp_path / "bad", b"text" * 1000)
    content = bytearray(bad.read_bytes())
    content[-40] ^= 1
    bad.write_bytes(content)
    foreign = sealed(tmp_path / "foreign", b"text", name="b-encrypt")
    (tmp_path / "none").write_bytes(b"hello")
    result = run(tmp_path / "out", bad, foreign, tmp_path / "none", tmp_path / "missing", good)
    assert result.exit_code == 1
    assert opened(tmp_path / "out") == {"good.pdf": b"text"}
    assert "4 of 5" in result.output


def test_several_keys(tmp_path: Path) -> None:
    files = [sealed(tmp_path / "a", b"a"), sealed(tmp_path / "b", b"b", name="b-encrypt")]
    result = runner.invoke(
        app, [*map(str, files), "--key", KEY, "--key", str(keys.path("b-encrypt")), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    assert opened(tmp_path / "out") == {"a.pdf": b"a", "b.pdf": b"b"}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    part = sealed(tmp_path / "part", b"new")
    out = tmp_path / "out"
    out.mkdir()
    (out / "part.pdf").write_bytes(b"old")
    assert run(out, part).exit_code == 1
    assert opened(out) == {"part.pdf": b"old"}
    (out / "part.part").write_bytes(b"of somebody else")
    (out / "part.pdf").unlink()
    assert run(out, part).exit_code == 1
    assert opened(out) == {"part.part": b"of somebody else"}


@pytest.mark.parametrize("name", ["a-verify", "receipt"])
def test_wrong_kind_of_key(tmp_path: Path, name: str) -> None:
    result = run(tmp_path / "out", sealed(tmp_path / "part", b"x"), key=str(keys.path(name)))
    assert result.exit_code == 1
    assert "Error" in result.output
    assert not (tmp_path / "out").exists()


def test_missing_key_file(tmp_path: Path) -> None:
    result = run(tmp_path / "out", sealed(tmp_path / "part", b"x"), key=str(tmp_path / "none"))
    assert result.exit_code == 1
    assert "none" in result.output


@given(st.text(min_size=1))
def test_names_are_safe_everywhere(name: str) -> None:
    stem = safe_stem(name)
    assert 0 < len(stem) <= 100
    assert all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in stem)
