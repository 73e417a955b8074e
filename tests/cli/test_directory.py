"""`antragsweiche directory`, as an operator types it; publishing on the real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.directory import app
from shared.contracts.directory import (
    PLATFORM_ID,
    JobcenterEntry,
    KeyState,
    KeyUse,
    PlatformEntry,
    PlatformKeyUse,
    Rollout,
)
from shared.contracts.topics import DIRECTORY, lane
from shared.directory.entry import InvalidEntry
from shared.directory.folder import read_entry, read_folder, read_tokens
from shared.directory.reading import read_records
from shared.errors import AntragsweicheError, InvalidSignature, Misconfigured
from shared.kafka.admin import admin_client
from shared.trust.anchor import fingerprint
from shared.trust.proofs import make_bundle
from tests import keys
from tests.support.servers import make_kafka

HSK = "hochsauerlandkreis"
Run = Callable[..., Result]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in ("directory", "receipt", "push", "transit"):
        (folder / f"{name}.jwk").write_text(json.dumps(keys.private_jwk(name)))
    return folder


@pytest.fixture
def run(tmp_path: Path, secrets: Path) -> Run:
    """Runs a command on the folder `directory`, with the key except for `show` and `publish`."""

    def call(command: str, *arguments: str) -> Result:
        signing = () if command in ("show", "publish") else ("--key", str(secrets / "directory.jwk"))
        full = [command, "--directory", str(tmp_path / "directory"), *signing, *arguments]
        return CliRunner().invoke(app, full)

    return call


@pytest.fixture
def directory(tmp_path: Path, secrets: Path, run: Run) -> Path:
    done = run("init", "--platform-keys", str(secrets), "--issuer", "Test")
    assert done.exit_code == 0, done.output
    assert fingerprint(keys.public("directory")) in done.output
    return tmp_path / "directory"


def entry_of(folder: Path, entry_id: str = HSK) -> JobcenterEntry:
    entry = read_entry(folder, entry_id, keys.anchor())
    assert isinstance(entry, JobcenterEntry)
    return entry


def platform_of(folder: Path) -> PlatformEntry:
    entry = read_entry(folder, PLATFORM_ID, keys.anchor())
    assert isinstance(entry, PlatformEntry)
    return entry


def refused(result: Result, error: type[AntragsweicheError], text: str) -> None:
    assert result.exit_code == 1
    assert isinstance(result.exception, error)
    assert text in str(result.exception)


def test_init_signs_everything(directory: Path, secrets: Path, run: Run) -> None:
    signed = read_folder(directory, keys.anchor())
    assert len(signed.entries()) == 104
    assert signed.platform is not None
    assert signed.platform.receipt_kid == keys.kid("receipt")
    assert "d" not in json.loads((directory / "anchor.jwk").read_text())
    refused(run("init", "--platform-keys", str(secrets)), Misconfigured, "holds a directory already")


def test_no_private_key_is_ever_written_to_the_folder(directory: Path) -> None:
    secret = keys.private_jwk("directory")["d"]
    assert all(secret not in path.read_text() for path in directory.iterdir())


def test_show(directory: Path, run: Run, secrets: Path) -> None:
    table = run("show")
    assert table.exit_code == 0
    assert "landkreis-verden" in table.output
    one = run("show", "landkreis-osnabrueck")
    assert json.loads(one.output)["contact"]["telephone"] == "+49 541 501-2099"
    refused(run("show", "nobody"), Misconfigured, "no entry nobody")
    foreign = directory / "foreign.jwk"
    foreign.write_text(json.dumps(keys.public("receipt")))
    refused(run("show", HSK, "--anchor", str(foreign)), InvalidSignature, "jws-kid")


def test_set_changes_several_things_in_one_version(directory: Path, run: Run) -> None:
    done = run(
        "set",
        HSK,
        "--rollout",
        "in-preparation",
        "--endpoint",
        f"{HSK}=https://example.org/push/",
        "--contact-email",
        "post@example.org",
        "--contact-source",
        "their letter",
    )
    assert done.exit_code == 0, done.output
    entry = entry_of(directory)
    assert (entry.version, entry.rollout, entry.contact.email) == (2, Rollout.IN_PREPARATION, "post@example.org")
    adapter = entry.destinations[0].adapter
    assert adapter is not None
    assert adapter.url == "https://example.org/push"
    assert run("set", HSK, "--endpoint", f"{HSK}=", "--contact-email", "").exit_code == 0
    again = entry_of(directory)
    assert (again.version, again.destinations[0].adapter, again.contact.email) == (3, None, None)


def test_taken_out_and_in_again(directory: Path, run: Run) -> None:
    assert run("set", HSK, "--deleted").exit_code == 0
    assert read_folder(directory, keys.anchor()).entry(HSK) is None
    assert run("set", HSK, "--restored").exit_code == 0
    assert read_folder(directory, keys.anchor()).entry(HSK) == entry_of(directory)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((HSK,), Misconfigured, "nothing to change"),
        ((HSK, "--endpoint", "https://example.org"), InvalidEntry, "destination-unknown"),
        ((HSK, "--endpoint", "nothing"), Misconfigured, "DEST=URL"),
        ((HSK, "--endpoint", f"{HSK}=gopher://x"), InvalidEntry, "endpoint-url"),
        (("nobody", "--rollout", "live"), Misconfigured, "no entry nobody"),
        ((PLATFORM_ID, "--rollout", "live"), Misconfigured, "no Jobcenter"),
    ],
)
def test_what_set_refuses_changes_nothing(
    directory: Path, run: Run, arguments: tuple[str, ...], error: type[AntragsweicheError], text: str
) -> None:
    before = read_tokens(directory)
    if "https://example.org" in arguments:
        arguments = (*arguments[:-1], "elsewhere=https://example.org")
    refused(run("set", *arguments), error, text)
    assert read_tokens(directory) == before


def test_another_directory_key_cannot_change_anything(directory: Path, secrets: Path, run: Run) -> None:
    (secrets / "directory.jwk").write_text(json.dumps(keys.private_jwk("push")))
    refused(run("set", HSK, "--rollout", "live"), InvalidSignature, "jws-kid")
    assert entry_of(directory).version == 1


def bundle(tmp_path: Path, letter: str = "a", destination: str = HSK, **changes: Any) -> Path:
    document = make_bundle(
        destination, keys.private_jwk(f"{letter}-encrypt"), keys.private_jwk(f"{letter}-verify"), keys.ISSUED_AT
    )
    path = tmp_path / f"{letter}.json"
    path.write_text(json.dumps({**document, **changes}))
    return path


def confirmed(letter: str = "a") -> list[str]:
    prints = [fingerprint(keys.public(f"{letter}-{use}")) for use in KeyUse]
    return [argument for each in prints for argument in ("--fingerprint", each)]


def test_keys_are_taken_in_with_proof_and_confirmation(directory: Path, tmp_path: Path, run: Run) -> None:
    assert run("add-key", HSK, str(bundle(tmp_path)), *confirmed()).exit_code == 0
    assert {key.kid for key in entry_of(directory).destinations[0].keys} == {
        keys.kid("a-encrypt"),
        keys.kid("a-verify"),
    }
    # spelled without groups, or in capitals, it is the same fingerprint
    loud = [each.upper().replace(" ", "") if not each.startswith("--") else each for each in confirmed("b")]
    assert run("add-key", HSK, str(bundle(tmp_path, "b")), *loud).exit_code == 0
    states = {key.kid: key.state for key in entry_of(directory).destinations[0].keys}
    assert states[keys.kid("a-encrypt")] is KeyState.ACCEPT
    assert states[keys.kid("b-encrypt")] is KeyState.ACTIVE


def test_keys_without_confirmation_or_proof_are_refused(directory: Path, tmp_path: Path, run: Run) -> None:
    good = bundle(tmp_path)
    refused(run("add-key", HSK, str(good), *confirmed()[:2]), Misconfigured, "was not confirmed")
    refused(run("add-key", HSK, str(good), *confirmed("b")), Misconfigured, "was not confirmed")
    elsewhere = bundle(tmp_path, destination="kreis-offenbach")
    refused(run("add-key", HSK, str(elsewhere), *confirmed()), InvalidEntry, "destination-unknown")
    unproven = bundle(tmp_path, keys=[keys.public("b-encrypt"), keys.public("a-verify")])
    assert isinstance(run("add-key", HSK, str(unproven), *confirmed()).exception, InvalidSignature)
    renamed = bundle(tmp_path, destination="kreis-offenbach")
    renamed.write_text(renamed.read_text().replace('"destination": "kreis-offenbach"', f'"destination": "{HSK}"', 1))
    assert isinstance(run("add-key", HSK, str(renamed), *confirmed()).exception, InvalidSignature)
    unreadable = tmp_path / "a.json"
    unreadable.write_text("{")
    refused(run("add-key", HSK, str(unreadable), *confirmed()), Misconfigured, "cannot be read")
    assert entry_of(directory).version == 1


def test_key_states(directory: Path, tmp_path: Path, run: Run) -> None:
    run("add-key", HSK, str(bundle(tmp_path)), *confirmed())
    assert run("key-state", HSK, keys.kid("a-verify"), "revoked").exit_code == 0
    assert {key.kid: key.state for key in entry_of(directory).destinations[0].keys} == {
        keys.kid("a-encrypt"): KeyState.ACTIVE,
        keys.kid("a-verify"): KeyState.REVOKED,
    }
    refused(run("key-state", HSK, keys.kid("a-verify"), "active"), InvalidEntry, "key-revoked")


def test_the_platforms_keys_rotate(directory: Path, tmp_path: Path, run: Run) -> None:
    new = tmp_path / "new.jwk"
    new.write_text(json.dumps(keys.private_jwk("a-encrypt")))
    assert run("add-platform-key", "transit", str(new)).exit_code == 0
    entry = platform_of(directory)
    states = {key.kid: key.state for key in entry.keys if key.use is PlatformKeyUse.TRANSIT}
    assert states == {keys.kid("a-encrypt"): KeyState.ACTIVE, keys.kid("transit"): KeyState.ACCEPT}
    assert run("key-state", PLATFORM_ID, keys.kid("transit"), "revoked").exit_code == 0
    assert platform_of(directory).version == 3


def test_a_destination_is_added(directory: Path, run: Run) -> None:
    assert run("add-destination", HSK, "stadt-hallenberg", "--municipality-keys", "05958020").exit_code == 0
    assert entry_of(directory).destinations[1].municipality_keys == ("05958020",)
    refused(run("add-destination", HSK, "town", "--municipality-keys", " , "), Misconfigured, "names no municipality")
    taken = run("add-destination", HSK, "kreis-offenbach", "--municipality-keys", "05958004")
    refused(taken, Misconfigured, "ignored-conflict")
    assert len(entry_of(directory).destinations) == 2


@pytest.mark.servers
def test_publish_with_topics_first_and_changes_at_once(directory: Path, run: Run, tmp_path: Path) -> None:
    """On a broker of its own: the commands know only the one directory topic, which other tests fill as well."""
    with make_kafka(tmp_path / "kafka") as server:
        publishes(directory, run, server.bootstrap)


def publishes(directory: Path, run: Run, kafka: str) -> None:
    done = run("publish", kafka)
    assert done.exit_code == 0, done.output
    published = {key for key, _ in asyncio.run(read_records(kafka, DIRECTORY))}
    assert set(read_tokens(directory)) <= published
    assert "105 stood there already" in run("publish", kafka).output

    added = run("add-destination", HSK, "stadt-hallenberg", "--municipality-keys", "05958020", "--publish", kafka)
    assert added.exit_code == 0, added.output
    assert "published 1 entries" in added.output
    latest = asyncio.run(read_records(kafka, DIRECTORY))[-1]
    assert latest == (HSK, read_tokens(directory)[HSK].encode())

    async def topics() -> set[str]:
        async with admin_client(kafka) as admin:
            return set(await admin.list_topics())

    assert {lane("stadt-hallenberg"), lane(HSK), lane("landkreis-verden")} <= asyncio.run(topics())
