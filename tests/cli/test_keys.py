from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import keys as cli_keys
from cli.keys import app
from shared.sealing.jwk import load_private, load_public, read_jwk
from shared.sealing.statebox import StateBox
from shared.trust.anchor import Anchor, fingerprint
from shared.trust.proofs import make_bundle, verify_bundle
from tests import keys
from tests.shared.trust.samples import NOW

runner = CliRunner()


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """RSA 4096 from the fixed test keys: making one takes seconds."""
    owner = cli_keys.Owner
    makers = dict(cli_keys._MAKERS)
    makers[owner.PLATFORM] = {**makers[owner.PLATFORM], "transit": lambda: keys.private_jwk("transit")}
    makers[owner.JOBCENTER] = {
        "encrypt": lambda: keys.private_jwk("a-encrypt"),
        "verify": lambda: keys.private_jwk("a-verify"),
    }
    monkeypatch.setattr(cli_keys, "_MAKERS", makers)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_directory_keys(tmp_path: Path) -> None:
    result = runner.invoke(app, ["generate", "--for", "directory", "--out", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    assert modes(tmp_path / "new") == {"directory.jwk": 0o600, "directory.public.jwk": 0o644}
    anchor = Anchor.from_file(tmp_path / "new" / "directory.public.jwk")
    private = read_jwk(tmp_path / "new" / "directory.jwk")
    assert anchor.kid == private["kid"]
    assert "".join(fingerprint(private).split()) in "".join(result.output.split())
    assert private["d"] not in result.output


def test_platform_keys(tmp_path: Path) -> None:
    result = runner.invoke(app, ["generate", "--for", "platform", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    for name in ("receipt", "push", "transit"):
        load_private(read_jwk(tmp_path / f"{name}.jwk"))
        load_public(read_jwk(tmp_path / f"{name}.public.jwk"))
        assert modes(tmp_path)[f"{name}.jwk"] == 0o600


def test_state_keys(tmp_path: Path) -> None:
    result = runner.invoke(app, ["generate", "--for", "state", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert modes(tmp_path) == {"state-keys.json": 0o600}
    box = StateBox.from_file(tmp_path / "state-keys.json")
    assert box.open(box.seal(b"x", "c"), "c") == b"x"


def test_jobcenter_bundle_proves_possession(tmp_path: Path) -> None:
    arguments = ["generate", "--for", "jobcenter", "--destination", "jobcenter-a", "--out", str(tmp_path)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    bundle = json.loads((tmp_path / "bundle.json").read_text())
    assert [record.kid for record in verify_bundle(bundle)] == [keys.kid("a-encrypt"), keys.kid("a-verify")]

    checked = runner.invoke(app, ["verify-bundle", str(tmp_path / "bundle.json")])
    assert checked.exit_code == 0
    for name in ("a-encrypt", "a-verify"):
        digits = "".join(fingerprint(keys.public(name)).split())
        assert digits in "".join(result.output.split())
        assert digits in "".join(checked.output.split())


@pytest.mark.parametrize("existing", ["directory.jwk", "directory.public.jwk"])
def test_nothing_is_ever_overwritten(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("precious")
    result = runner.invoke(app, ["generate", "--for", "directory", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "exists already" in result.output
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {existing: "precious"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--for", "jobcenter"],
        ["--for", "platform", "--destination", "xx"],
        ["--for", "jobcenter", "--destination", "Kreis X"],
    ],
)
def test_destination_belongs_to_jobcenter(tmp_path: Path, arguments: list[str]) -> None:
    result = runner.invoke(app, ["generate", *arguments, "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert not list(tmp_path.iterdir())


def test_generated_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once without the fixed keys: what is made is what the loaders take."""
    monkeypatch.undo()
    result = runner.invoke(
        app, ["generate", "--for", "jobcenter", "--destination", "jobcenter-x", "--out", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output
    assert len(verify_bundle(json.loads((tmp_path / "bundle.json").read_text()))) == 2


def test_fingerprint_of_files(tmp_path: Path) -> None:
    path = tmp_path / "key.jwk"
    for name in ("receipt", "a-verify"):
        path.write_text(json.dumps(keys.private_jwk(name)))
        result = runner.invoke(app, ["fingerprint", str(path)])
        assert result.exit_code == 0
        assert keys.kid(name) in result.output
        assert keys.private_jwk(name)["d"] not in result.output
    bundle = make_bundle("jobcenter-a", keys.private_jwk("a-encrypt"), keys.private_jwk("a-verify"), NOW)
    path.write_text(json.dumps(bundle))
    result = runner.invoke(app, ["fingerprint", str(path)])
    assert keys.kid("a-encrypt") in result.output
    assert keys.kid("a-verify") in result.output


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"kty": "oct"}', '{"keys": [5]}', '{"kty": "RSA", "n": 1, "e": 2}']
)
def test_files_that_are_no_keys(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.jwk"
    path.write_text(content)
    for command in ("fingerprint", "verify-bundle"):
        result = runner.invoke(app, [command, str(path)])
        assert result.exit_code == 1
        assert "Error" in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
    assert runner.invoke(app, ["fingerprint", str(tmp_path / "missing")]).exit_code == 1
