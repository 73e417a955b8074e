"""The published vectors still verify, with this project's code and with another JOSE library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from jwcrypto import jwe as oracle_jwe
from jwcrypto import jwk as oracle_jwk
from jwcrypto import jws as oracle_jws

from devtools.vectors import Vectors, main
from shared.contracts.directory import Destination, JobcenterEntry, PlatformEntry
from shared.contracts.ids import delivery_id
from shared.contracts.manifest import Manifest
from shared.errors import CannotOpen
from shared.sealing.jwe import key_ring, open_part
from shared.sealing.jwk import load_public, read_jwk, unb64u
from shared.trust.anchor import Anchor, fingerprint
from shared.trust.answers import verify_answer
from shared.trust.content import content_claim
from shared.trust.manifests import manifest_digest, verify_manifest
from shared.trust.platform import PlatformKeys
from shared.trust.proofs import verify_bundle
from shared.trust.push import parts_digest, verify_probe, verify_push

FOLDER = Path(__file__).parents[2] / "docs" / "vectors"
INDEX: dict[str, Any] = json.loads((FOLDER / "vectors.json").read_text())
TOKEN = (FOLDER / "manifest.jws").read_text()


def jwk(name: str) -> dict[str, Any]:
    return read_jwk(FOLDER / "keys" / f"{name}.jwk")


def platform() -> PlatformKeys:
    entry = anchor().verify_entry((FOLDER / "directory/_platform.jws").read_text())
    assert isinstance(entry, PlatformEntry)
    return PlatformKeys(entry)


def anchor() -> Anchor:
    return Anchor.from_file(FOLDER / "keys/directory.public.jwk")


def destination() -> Destination:
    entry = anchor().verify_entry((FOLDER / "directory/jobcenter-a.jws").read_text())
    assert isinstance(entry, JobcenterEntry)
    return entry.destinations[0]


def manifest() -> Manifest:
    return verify_manifest(TOKEN, platform())


def test_keys_and_bundle() -> None:
    for name, digits in INDEX["fingerprints"].items():
        assert fingerprint(jwk(f"{name}.public")) == digits
        load_public(jwk(f"{name}.public"))
    assert tuple(verify_bundle(json.loads((FOLDER / "bundle.json").read_text()))) == destination().keys


def test_manifest() -> None:
    assert json.loads(manifest().to_bytes()) == INDEX["manifest"]["claims"]
    assert manifest_digest(TOKEN) == INDEX["manifest"]["sha256"]
    secret = unb64u(INDEX["manifest"]["receipt_secret"])
    content = (FOLDER / "content.json").read_bytes()
    by_hand = hmac.new(secret, hashlib.sha512(content).digest(), hashlib.sha256).digest()
    assert manifest().content == content_claim(secret, content)
    assert unb64u(manifest().content) == by_hand


def test_parts() -> None:
    assert [part["id"] for part in INDEX["parts"]] == [str(part.id) for part in manifest().parts]
    for part in INDEX["parts"]:
        sealed = (FOLDER / f"parts/{part['role']}.jwe").read_bytes()
        plaintext = (FOLDER / f"parts/{part['role']}.plaintext").read_bytes()
        opened, header = open_part(sealed, key_ring(jwk("a-encrypt.private")))
        assert (opened, header.cty, header.kid) == (plaintext, part["cty"], part["kid"])
        theirs = oracle_jwe.JWE()
        theirs.deserialize(sealed.decode(), oracle_jwk.JWK(**jwk("a-encrypt.private")))
        assert theirs.payload == plaintext
        assert hashlib.sha512(plaintext).hexdigest() == part["plaintext_sha512"]
        assert hashlib.sha256(sealed).digest() == unb64u(part["sha256"])
        assert len(sealed) == part["size"]
        assert sealed.endswith(f".{part['tag']}".encode())


def test_metadata_names_the_other_parts() -> None:
    metadata = json.loads((FOLDER / "parts/metadata.plaintext").read_bytes())
    _, data, attachment = INDEX["parts"]
    assert metadata["contentStructure"]["data"]["hash"]["content"] == data["plaintext_sha512"]
    described = metadata["contentStructure"]["attachments"][0]
    assert described["attachmentId"] == attachment["id"]
    assert described["hash"]["content"] == attachment["plaintext_sha512"]


@pytest.mark.parametrize("name", sorted(INDEX["refused"]))
def test_refused(name: str) -> None:
    with pytest.raises(CannotOpen):
        open_part((FOLDER / f"refused/{name}.jwe").read_bytes(), key_ring(jwk("a-encrypt.private")))


def test_push_and_probe() -> None:
    push, probe = INDEX["push"], INDEX["probe"]
    at = datetime.fromtimestamp(push["at"], UTC)
    verify_push(push["method"], push["url"], push["headers"], platform().push_key_for, at)
    verify_probe(probe["url"], probe["headers"], platform().push_key_for, at)
    assert push["headers"]["Parts-Digest"] == parts_digest(TOKEN, manifest())
    assert UUID(push["headers"]["Delivery-Id"]) == delivery_id(manifest().submission_id, "jobcenter-a", 0)


def test_push_by_hand() -> None:
    """The published signature base and plain ECDSA are all that a receiver needs."""
    signature = base64.b64decode(INDEX["push"]["headers"]["Signature"].removeprefix("push=:").removesuffix(":"))
    der = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    key = load_public(jwk("push.public"))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(der, INDEX["push"]["signature_base"].encode(), ec.ECDSA(SHA256()))


def test_answers() -> None:
    for name, claims in INDEX["answers"].items():
        answer = verify_answer(
            (FOLDER / f"answer-{name}.jws").read_text(),
            destination=destination(),
            delivery_id=UUID(INDEX["push"]["headers"]["Delivery-Id"]),
            manifest=manifest(),
            manifest_token=TOKEN,
            handed_over_at=datetime.fromtimestamp(INDEX["push"]["at"], UTC) + timedelta(minutes=1),
        )
        assert json.loads(answer.to_bytes()) == claims
        assert answer.verdict == name


@pytest.mark.parametrize(
    ("file", "key", "alg"),
    [
        ("manifest.jws", "receipt", "ES256"),
        ("directory/_platform.jws", "directory", "ES256"),
        ("directory/jobcenter-a.jws", "directory", "ES256"),
        ("answer-accept.jws", "a-verify", "PS512"),
        ("answer-reject.jws", "a-verify", "PS512"),
    ],
)
def test_another_library_verifies_every_token(file: str, key: str, alg: str) -> None:
    theirs = oracle_jws.JWS()
    theirs.deserialize((FOLDER / file).read_text(), oracle_jwk.JWK(**jwk(f"{key}.public")), alg=alg)
    assert theirs.is_valid


def test_every_file_is_in_the_set_that_the_command_makes(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    kept = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert kept == made | {"README.md"}
    with pytest.raises(FileExistsError):
        main([str(tmp_path)])
    assert main([]) == 2


def test_what_is_not_random_has_not_changed() -> None:
    """A change here changes what Jobcenters' receivers read: it needs a decision, not a new set of vectors."""
    fresh = Vectors()
    fresh.make()
    for name in ("parts/metadata.plaintext", "parts/data.plaintext", "parts/attachment.plaintext", "content.json"):
        assert fresh.files[name] == (FOLDER / name).read_bytes()
    assert {name: claims.keys() for name, claims in fresh.index["answers"].items()} == {
        name: claims.keys() for name, claims in INDEX["answers"].items()
    }
    assert fresh.index["manifest"]["claims"].keys() == INDEX["manifest"]["claims"].keys()
