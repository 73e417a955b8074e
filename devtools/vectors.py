"""Test vectors for those who write their own receiver or sender: `python -m devtools.vectors FOLDER`.

Everything is made with the TEST-ONLY keys of `tests/data`. Sealing and ES256 draw random numbers, so a second run gives
other bytes; `docs/vectors` keeps one run, and the tests check that today's code still reads it. Never overwrites.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha512
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.contracts.answer import Answer, Problem, Verdict
from shared.contracts.canonical import canonical_json
from shared.contracts.directory import (
    Contact,
    Destination,
    HttpsAdapter,
    JobcenterEntry,
    KeyState,
    PlatformEntry,
    PlatformKey,
    PlatformKeyUse,
    Rollout,
)
from shared.contracts.ids import delivery_id
from shared.contracts.manifest import Manifest, Part, Role
from shared.contracts.reasons import Reason
from shared.form.metadata import Document, Purpose, build_metadata
from shared.sealing import jwe
from shared.sealing.jwk import b64u, load_private, public_jwk, read_jwk
from shared.trust.anchor import fingerprint, sign_entry
from shared.trust.answers import sign_answer
from shared.trust.content import SentDocument, content_claim, content_plaintext
from shared.trust.manifests import manifest_digest, sign_manifest
from shared.trust.proofs import make_bundle, verify_bundle
from shared.trust.push import parts_digest, sign_probe, sign_push

KEYS: Final = Path(__file__).parent.parent / "tests" / "data"
NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SUBMISSION: Final = UUID("5a1b1e0c-7d2e-4c0a-9d1a-0e6f3c2b1a90")
PART_IDS: Final = {
    Role.METADATA: UUID("1c2d3e4f-0001-4000-8000-000000000001"),
    Role.DATA: UUID("1c2d3e4f-0002-4000-8000-000000000002"),
    Role.ATTACHMENT: UUID("1c2d3e4f-0003-4000-8000-000000000003"),
}
DESTINATION: Final = "jobcenter-a"
URL: Final = "https://receiver.example/antragsweiche"
RECEIPT_SECRET: Final = bytes(range(32))
CONTENT_TYPE: Final = "multipart/form-data; boundary=antragsweiche-test-vector"
FILENAME: Final = "Kontoauszug März.pdf"
_PUBLIC: Final = ("directory", "receipt", "push", "transit", "a-encrypt", "a-verify")


class Vectors:
    """Collects files and the index, then writes both at once."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.index: dict[str, Any] = {"warning": "TEST ONLY: these keys are published, trust nothing signed by them"}
        self._keys = {path.stem: read_jwk(path) for path in KEYS.glob("*.jwk")}
        self._bundle = make_bundle(DESTINATION, self.private("a-encrypt"), self.private("a-verify"), NOW)
        self._entry = _jobcenter(self._bundle)

    def private(self, name: str) -> dict[str, Any]:
        return {member: value for member, value in self._keys[name].items() if member != "comment"}

    def make(self) -> None:
        self._make_keys()
        self._make_entries()
        parts = self._make_parts()
        manifest, token = self._make_manifest(parts)
        self._make_push(manifest, token)
        self._make_answers(manifest, token)
        self._make_refused()

    def _make_keys(self) -> None:
        for name in ("a-encrypt", "a-verify"):
            self._add(f"keys/{name}.private.jwk", _pretty(self._keys[name]))
        for name in _PUBLIC:
            self._add(f"keys/{name}.public.jwk", _pretty(public_jwk(self._keys[name])))
        self.index["fingerprints"] = {name: fingerprint(self._keys[name]) for name in _PUBLIC}
        self._add("bundle.json", _pretty(self._bundle))

    def _make_entries(self) -> None:
        records = tuple(
            PlatformKey(
                kid=self._keys[use.value]["kid"], use=use, state=KeyState.ACTIVE, jwk=public_jwk(self._keys[use.value])
            )
            for use in PlatformKeyUse
        )
        platform = PlatformEntry(version=1, issued_at=NOW, issuer="Antragsweiche (TEST ONLY)", keys=records)
        self._add("directory/_platform.jws", sign_entry(platform, self.private("directory")).encode())
        self._add(f"directory/{DESTINATION}.jws", sign_entry(self._entry, self.private("directory")).encode())

    def _make_parts(self) -> tuple[Part, ...]:
        data = canonical_json({"hinweis": "Testdaten ohne Person", "umlaute": "äöüß"})
        attachment = b"%PDF-1.4\n% TEST ONLY\n%%EOF\n"
        document = Document(
            PART_IDS[Role.ATTACHMENT], sha512(attachment).hexdigest(), FILENAME, Purpose.ATTACHMENT, "application/pdf"
        )
        metadata = build_metadata(
            submission_id=SUBMISSION,
            received_at=NOW,
            schema_uri="https://antragsweiche.example/schemas/test/1",
            data_sha512=sha512(data).hexdigest(),
            documents=[document],
        )
        contents = {
            Role.METADATA: ("application/json", canonical_json(metadata)),
            Role.DATA: ("application/json", data),
            Role.ATTACHMENT: ("application/pdf", attachment),
        }
        recipient = jwe.Recipient.from_jwk(public_jwk(self._keys["a-encrypt"]))
        parts, index = [], []
        for role, (cty, plaintext) in contents.items():
            sealed_bytes, sealed = jwe.seal(plaintext, recipient, cty)
            self._add(f"parts/{role.value}.jwe", sealed_bytes)
            self._add(f"parts/{role.value}.plaintext", plaintext)
            part = Part(
                role=role, id=PART_IDS[role], kid=sealed.kid, size=sealed.size, sha256=sealed.sha256, tag=sealed.tag
            )
            parts.append(part)
            index.append({**json.loads(part.to_bytes()), "cty": cty, "plaintext_sha512": sealed.plaintext_sha512})
        self.index["parts"] = index
        return tuple(parts)

    def _make_manifest(self, parts: tuple[Part, ...]) -> tuple[Manifest, str]:
        data, attachment = self.index["parts"][1], self.index["parts"][2]
        sent = SentDocument(
            attachment["id"], attachment["plaintext_sha512"], FILENAME, Purpose.ATTACHMENT.value, attachment["cty"]
        )
        content = content_plaintext(data["plaintext_sha512"], [sent])
        manifest = Manifest(
            submission_id=SUBMISSION,
            client_id="test-portal",
            received_at=NOW,
            service="sgb2-hauptantrag",
            postcode="63303",
            destination=DESTINATION,
            jobcenter=DESTINATION,
            directory_version=self._entry.version,
            parts=parts,
            content=content_claim(RECEIPT_SECRET, content),
        )
        key = load_private(self.private("receipt"))
        token = sign_manifest(manifest, key, self._keys["receipt"]["kid"])
        self._add("manifest.jws", token.encode())
        self._add("content.json", content)
        self.index["manifest"] = {
            "claims": json.loads(manifest.to_bytes()),
            "sha256": manifest_digest(token),
            "receipt_secret": b64u(RECEIPT_SECRET),
        }
        return manifest, token

    def _make_push(self, manifest: Manifest, token: str) -> None:
        delivery = delivery_id(SUBMISSION, DESTINATION, 0)
        url = f"{URL}/v1/deliveries/{delivery}"
        headers = {
            "Delivery-Id": str(delivery),
            "Parts-Digest": parts_digest(token, manifest),
            "Content-Type": CONTENT_TYPE,
        }
        key, kid = load_private(self.private("push")), self._keys["push"]["kid"]
        signed = sign_push("POST", url, headers, key, kid, NOW)
        probe = f"{URL}/v1/probe"
        self.index["push"] = {"method": "POST", "url": url, "headers": headers | signed, "at": int(NOW.timestamp())}
        self.index["push"]["signature_base"] = (
            f'"@method": POST\n"@target-uri": {url}\n"delivery-id": {headers["Delivery-Id"]}\n'
            f'"parts-digest": {headers["Parts-Digest"]}\n"content-type": {headers["Content-Type"]}\n'
            f'"@signature-params": {signed["Signature-Input"].removeprefix("push=")}'
        )
        self.index["probe"] = {"method": "GET", "url": probe, "headers": sign_probe(probe, key, kid, NOW)}

    def _make_answers(self, manifest: Manifest, token: str) -> None:
        accept = Answer(
            iss=DESTINATION,
            jti=UUID("0a0b0c0d-0001-4000-8000-000000000001"),
            iat=int(NOW.timestamp()) + 2,
            delivery_id=delivery_id(SUBMISSION, DESTINATION, 0),
            submission_id=SUBMISSION,
            manifest=manifest_digest(token),
            verdict=Verdict.ACCEPT,
            tags={part.id: part.tag for part in manifest.parts},
            reference="FV-2026-000001",
        )
        problem = Problem(code=Reason.PART_ALTERED, part=PART_IDS[Role.ATTACHMENT])
        reject = accept.model_copy(update={"verdict": Verdict.REJECT, "tags": {}, "problems": (problem,)})
        key, kid = load_private(self.private("a-verify")), self._keys["a-verify"]["kid"]
        self.index["answers"] = {}
        for name, answer in (("accept", accept), ("reject", reject)):
            self._add(f"answer-{name}.jws", sign_answer(answer, key, kid).encode())
            self.index["answers"][name] = json.loads(answer.to_bytes())

    def _make_refused(self) -> None:
        good = self.files["parts/data.jwe"]
        head, key, iv, text, tag = good.split(b".")
        foreign = jwe.Recipient.from_jwk(public_jwk(self._keys["b-encrypt"]))
        header = {
            "alg": "RSA-OAEP-256",
            "cty": "application/json",
            "enc": "A256GCM",
            "kid": self._keys["a-encrypt"]["kid"],
        }
        cases = {
            "altered-tag": (_join(head, key, iv, text, _other(tag)), "the first character of the tag is another"),
            "altered-text": (
                _join(head, key, iv, _other(text), tag),
                "the first character of the ciphertext is another",
            ),
            "altered-key": (
                _join(head, _other(key), iv, text, tag),
                "the first character of the encrypted key is another",
            ),
            "cut-off": (good[:-30], "the last 30 bytes are missing"),
            "newline-at-the-end": (good + b"\n", "a line feed after the tag"),
            "padded": (_join(head, key, iv, text, tag + b"=="), "base64 padding"),
            "stray-bits": (good[:-1] + _next_letter(good[-1:]), "unused bits of the last character are not zero"),
            "six-segments": (good + b".", "a sixth segment"),
            "short-iv": (_join(head, key, iv[:-4], text, tag), "an IV of 72 bits"),
            "another-recipient": (jwe.seal(b"{}", foreign, "application/json")[0], "sealed for another kid"),
            "parts-mixed": (
                _join(*self.files["parts/metadata.jwe"].split(b".")[:3], text, tag),
                "header, key and IV of the metadata, text and tag of the data",
            ),
            "zip": (self._sealed_under({**header, "zip": "DEF"}), "rightly sealed, but the header has zip"),
            "crit": (self._sealed_under({**header, "crit": ["exp"]}), "rightly sealed, but the header has crit"),
            "jwk-in-header": (self._sealed_under({**header, "jwk": {}}), "rightly sealed, but the header has jwk"),
            "long-header": (self._sealed_under({**header, "cty": "x" * 4096}), "the header is longer than 4 KiB"),
        }
        self.index["refused"] = {name: why for name, (_, why) in cases.items()}
        for name, (part, _) in cases.items():
            self._add(f"refused/{name}.jwe", part)

    def _sealed_under(self, header: Mapping[str, Any]) -> bytes:
        """Sealed with a key and IV that are random enough for a published text."""
        content_key, iv = AESGCM.generate_key(256), b"test-only-iv"
        head = b64u(canonical_json(header))
        recipient = jwe.Recipient.from_jwk(public_jwk(self._keys["a-encrypt"]))
        sealed = AESGCM(content_key).encrypt(iv, b"{}", head.encode())
        wrapped = jwe.wrap(recipient, content_key)
        return ".".join((head, wrapped, b64u(iv), b64u(sealed[:-16]), b64u(sealed[-16:]))).encode()

    def _add(self, name: str, content: bytes) -> None:
        self.files[name] = content

    def write(self, folder: Path) -> None:
        """Raises `FileExistsError` before anything is written when one of the files exists."""
        files = self.files | {"vectors.json": _pretty(self.index)}
        for name in files:
            if (folder / name).exists():
                raise FileExistsError(folder / name)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _jobcenter(bundle: Mapping[str, Any]) -> JobcenterEntry:
    records = tuple(verify_bundle(bundle))
    return JobcenterEntry(
        id=DESTINATION,
        version=7,
        issued_at=NOW,
        name="Jobcenter A (TEST ONLY)",
        state="Hessen",
        carrier_number="99999",
        rollout=Rollout.TEST,
        contact=Contact(),
        destinations=(Destination(id=DESTINATION, adapter=HttpsAdapter(url=URL), keys=records),),
    )


def _pretty(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _join(*segments: bytes) -> bytes:
    return b".".join(segments)


def _other(segment: bytes) -> bytes:
    """The segment with another, still canonical, first character."""
    return (b"A" if segment[:1] != b"A" else b"B") + segment[1:]


def _next_letter(letter: bytes) -> bytes:
    """The same significant bits, other unused ones: the last character of a tag ends in four zero bits."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) + 1 :][:1]


def main(arguments: list[str]) -> int:
    """Write a fresh set into a folder that holds none."""
    if len(arguments) != 1:
        print("usage: python -m devtools.vectors FOLDER", file=sys.stderr)
        return 2
    vectors = Vectors()
    vectors.make()
    vectors.write(Path(arguments[0]))
    print(f"wrote {len(vectors.files) + 1} files to {arguments[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
