"""docs/for-jobcenter-it.md does what it says: its steps work, and its receiver passes the test vectors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.receiver.refusals import BadDelivery, NotNow, NotSigned, Silent, TooLarge
from services.receiver.settings import DestinationSettings, Limits, ReceiverSettings
from shared.contracts.answer import Answer, Verdict
from shared.contracts.directory import JobcenterEntry, PlatformEntry
from shared.contracts.manifest import Manifest
from shared.contracts.reasons import Reason
from shared.sealing.jwk import public_jwk, read_jwk
from shared.trust.anchor import Anchor
from shared.trust.answers import verify_answer
from shared.trust.manifests import verify_manifest
from shared.trust.platform import PlatformKeys
from tests import keys

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "docs" / "vectors"
TEXT = (ROOT / "docs" / "for-jobcenter-it.md").read_text()
INDEX = json.loads((VECTORS / "vectors.json").read_text())
PUSH = INDEX["push"]
HEADERS = {name.lower(): value for name, value in PUSH["headers"].items()}
DELIVERY_ID = PUSH["headers"]["Delivery-Id"]


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def fields() -> list[tuple[str, bytes]]:
    manifest = (VECTORS / "manifest.jws").read_bytes().strip()
    names = [part["id"] for part in INDEX["parts"]]
    parts = [(VECTORS / "parts" / f"{part['role']}.jwe").read_bytes() for part in INDEX["parts"]]
    return [("manifest", manifest), *zip(names, parts, strict=True)]


@pytest.fixture(scope="module")
def own() -> Any:
    """The document's receiver, with the keys of the test vectors."""
    from jwcrypto import jwk

    namespace: dict[str, Any] = {}
    exec(compile(block("python"), "for-jobcenter-it.md", "exec"), namespace)

    def key(name: str) -> Any:
        members = json.loads((VECTORS / "keys" / name).read_text())
        members.pop("comment", None)
        return jwk.JWK(**members)

    platform = (VECTORS / "directory" / "_platform.jws").read_text().strip()
    return namespace["Receiver"](
        "jobcenter-a",
        key("a-encrypt.private.jwk"),
        key("a-verify.private.jwk"),
        key("directory.public.jwk"),
        platform,
    )


def verified(token: str) -> Answer:
    """The answer as delivery verifies it."""
    anchor = Anchor.from_file(VECTORS / "keys" / "directory.public.jwk")
    platform = anchor.verify_entry((VECTORS / "directory" / "_platform.jws").read_text().strip())
    entry = anchor.verify_entry((VECTORS / "directory" / "jobcenter-a.jws").read_text().strip())
    assert isinstance(platform, PlatformEntry)
    assert isinstance(entry, JobcenterEntry)
    manifest_token = fields()[0][1].decode()
    manifest: Manifest = verify_manifest(manifest_token, PlatformKeys(platform))
    return verify_answer(
        token,
        destination=entry.destinations[0],
        delivery_id=UUID(DELIVERY_ID),
        manifest=manifest,
        manifest_token=manifest_token,
        handed_over_at=datetime.now(UTC),
    )


class TestOwnReceiver:
    def test_it_accepts_the_vectors(self, own: Any) -> None:
        own.verify_push(PUSH["method"], PUSH["url"], HEADERS, PUSH["at"])
        answer = verified(own.receive(DELIVERY_ID, HEADERS["parts-digest"], fields()))
        assert answer.verdict is Verdict.ACCEPT
        assert {str(part): tag for part, tag in answer.tags.items()} == {
            part["id"]: part["tag"] for part in INDEX["parts"]
        }

    @pytest.mark.parametrize(
        ("header", "value"),
        [("delivery-id", "807b156b-01a0-5096-b388-93aa139852fc"), ("parts-digest", "x"), ("content-type", "x")],
    )
    def test_it_refuses_a_push_with_another_header(self, own: Any, header: str, value: str) -> None:
        from cryptography.exceptions import InvalidSignature

        with pytest.raises(InvalidSignature):
            own.verify_push(PUSH["method"], PUSH["url"], HEADERS | {header: value}, PUSH["at"])

    @pytest.mark.parametrize("seconds", [301, -301])
    def test_it_refuses_a_push_of_another_time(self, own: Any, seconds: int) -> None:
        with pytest.raises(ValueError, match="too old"):
            own.verify_push(PUSH["method"], PUSH["url"], HEADERS, PUSH["at"] + seconds)

    def test_it_refuses_a_push_for_another_manifest(self, own: Any) -> None:
        with pytest.raises(ValueError, match="another manifest"):
            own.receive(DELIVERY_ID, "sha-256=:x:", fields())

    def test_it_rejects_what_is_missing_extra_or_altered(self, own: Any) -> None:
        manifest, metadata, data, attachment = fields()
        bodies = {
            "part-missing": [manifest, metadata, data],
            "part-extra": [manifest, metadata, data, attachment, attachment],
            "part-altered": [manifest, metadata, data, (attachment[0], data[1])],
        }
        for code, body in bodies.items():
            answer = verified(own.receive(DELIVERY_ID, HEADERS["parts-digest"], body))
            assert answer.verdict is Verdict.REJECT
            assert answer.problems[0].code == code

    @pytest.mark.parametrize("file", sorted(path.name for path in (VECTORS / "refused").glob("*.jwe")))
    def test_it_rejects_every_refused_part(self, own: Any, file: str) -> None:
        *kept, (name, _) = fields()
        body = [*kept, (name, (VECTORS / "refused" / file).read_bytes())]
        answer = verified(own.receive(DELIVERY_ID, HEADERS["parts-digest"], body))
        assert answer.verdict is Verdict.REJECT


class TestTenMinutes:
    def test_the_steps_work(self, tmp_path: Path) -> None:
        folder = tmp_path / "receiver"
        env = os.environ | {"RECEIVER_CONFIG_FILE": str(folder / "receiver.json")}
        steps = re.findall(r"^(?:RECEIVER_CONFIG_FILE=\S+ )?\.venv/bin/python -m (.+)$", TEXT, re.MULTILINE)
        assert [step.split()[0] for step in steps] == ["cli", "services.receiver", "services.receiver"]

        generated = run(steps[0].replace("receiver/keys", str(folder / "keys")).split(), env)
        assert generated.returncode == 0, generated.stderr
        (folder / "anchor.jwk").write_text(json.dumps(keys.public("directory")))
        (folder / "_platform.jws").write_text(keys.signed(keys.platform_entry()))
        (folder / "receiver.json").write_text(block("json"))
        checked = run(steps[1].split(), env)

        assert checked.returncode == 0, checked.stderr
        assert "https://annahme.landkreis.example/jobcenter-a" in checked.stdout
        assert public_jwk(read_jwk(folder / "keys" / "encrypt.jwk"))["kid"]
        assert list((folder / "handover" / ".incoming").iterdir()) == []
        assert not (folder / "journal").exists()

    def test_a_check_with_somebody_elses_platform_fails(self, tmp_path: Path) -> None:
        from tests.services.receiver.support import make_settings

        settings = make_settings(tmp_path)
        file = tmp_path / "receiver.json"
        file.write_text(settings.model_dump_json(exclude_none=True))
        assert run(["services.receiver", "check"], os.environ | {"RECEIVER_CONFIG_FILE": str(file)}).returncode == 0
        (tmp_path / "anchor.jwk").write_text(json.dumps(keys.public("push")))
        refused = run(["services.receiver", "check"], os.environ | {"RECEIVER_CONFIG_FILE": str(file)})
        assert refused.returncode == 78
        assert run(["services.receiver", "nonsense"], dict(os.environ)).returncode == 64


class TestTables:
    def test_every_reject_code_is_one_of_the_catalogue(self) -> None:
        table = TEXT.split("| reject code |")[1].split("\n\n")[0]
        codes = set(re.findall(r"`([a-z-]+)`", "".join(line.split("|")[1] for line in table.splitlines()[2:])))
        assert codes == {
            Reason.MANIFEST_INVALID, Reason.WRONG_DESTINATION, Reason.PART_MISSING, Reason.PART_EXTRA,
            Reason.PART_ALTERED, Reason.PART_UNOPENABLE, Reason.METADATA_MISMATCH, Reason.SCHEMA_UNSUPPORTED,
            Reason.NOT_RESPONSIBLE,
        }  # fmt: skip

    def test_every_claim_and_setting_is_described(self) -> None:
        names = [*Manifest.model_fields, *Answer.model_fields, *Limits.model_fields]
        names += [*ReceiverSettings.model_fields, *DestinationSettings.model_fields]
        missing = [name for name in names if f'"{name}"' not in TEXT and f"`{name}`" not in TEXT]
        assert missing == ["clearing_reason"]  # never in a manifest that a Jobcenter gets

    def test_every_unsigned_status_is_described(self) -> None:
        table = TEXT.split("| status |")[1].split("\n\n")[0]
        for refusal in (BadDelivery, NotNow, NotSigned, Silent, TooLarge):
            assert str(refusal.status) in table


def run(arguments: list[str], env: dict[str, str] | os._Environ[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )
