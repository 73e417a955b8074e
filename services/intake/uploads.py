"""What may be uploaded, decided from headers and first bytes. Pure.

Order of the checks: the request's own headers before anything is written, the first bytes before anything is sealed,
length and digests after the last byte and before the tag that completes the sealed part.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from services.intake.records import Document
from shared.errors import SenderError
from shared.form import media
from shared.form.metadata import Purpose

MAX_FILENAME = 255
_DIGESTS = {"sha-512": hashlib.sha512, "sha-256": hashlib.sha256}
_DIGEST_ITEM = re.compile(r"^([a-z0-9*_.-]+)=:([A-Za-z0-9+/]+={0,2}):$")
_EXTENDED = re.compile(r"(?:^|;)\s*filename\*\s*=\s*UTF-8'[^']*'([^;\s]+)", re.IGNORECASE)
_QUOTED = re.compile(r'(?:^|;)\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_TOKEN = re.compile(r"(?:^|;)\s*filename\s*=\s*([^;\s\"]+)", re.IGNORECASE)


@dataclass(frozen=True)
class UploadLimits:
    """Bytes of plaintext, number of documents of one submission."""

    max_document_bytes: int
    max_documents: int
    max_submission_bytes: int


@dataclass(frozen=True)
class Announced:
    """What a request says about the document that follows."""

    size: int
    media_type: str
    filename: str
    purpose: Purpose
    digests: Mapping[str, bytes]


def read_announcement(headers: Mapping[str, str], purpose: str, limits: UploadLimits) -> Announced:
    """Check everything that can be told before the body. `headers` must find names in any case.

    Raises `SenderError`: 411 without a length, 413 too large, 415 wrong type or encoding, 422 otherwise.
    """
    if "Transfer-Encoding" in headers or "Content-Length" not in headers:
        raise SenderError("length-required", "Send Content-Length: a document that was cut off must not look complete.")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise SenderError("unsupported-media-type", "Send the document without Content-Encoding.")
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in media.ALLOWED:
        raise SenderError("unsupported-media-type", "This media type is not accepted.", accepted=sorted(media.ALLOWED))
    length = headers["Content-Length"]
    if not (length.isascii() and length.isdigit()):
        raise SenderError("length-required", "Content-Length is not a number.")
    size = int(length)
    if size == 0:
        raise SenderError("document-empty", "The document has no bytes.")
    if size > limits.max_document_bytes:
        raise SenderError("document-too-large", "One document is too large.", limit_bytes=limits.max_document_bytes)
    try:
        chosen = Purpose(purpose)
    except ValueError:
        raise SenderError(
            "invalid-request", "Unknown purpose.", errors=[{"field": "purpose", "code": "unknown"}]
        ) from None
    return Announced(size, media_type, read_filename(headers), chosen, read_digests(headers))


def read_filename(headers: Mapping[str, str]) -> str:
    """The name in `Content-Disposition: attachment; filename*=UTF-8''…` (RFC 6266, RFC 8187), else `filename="…"`.

    In a header and not in the address, because addresses end up in the logs of every proxy.
    """
    disposition = headers.get("Content-Disposition", "")
    if found := _EXTENDED.search(disposition):
        try:
            name = unquote_to_bytes(found[1]).decode()
        except UnicodeDecodeError:
            raise _bad_filename("not-utf-8") from None
    elif found := _QUOTED.search(disposition):
        # aiohttp decodes headers as UTF-8 with surrogate escapes; whatever does not survive is no name.
        name = re.sub(r"\\(.)", r"\1", found[1])
    elif found := _TOKEN.search(disposition):
        name = found[1]
    else:
        raise _bad_filename("missing")
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > MAX_FILENAME:
        raise _bad_filename("length")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise _bad_filename("characters")
    return name


def read_digests(headers: Mapping[str, str]) -> dict[str, bytes]:
    """`Content-Digest` (RFC 9530): algorithm → digest, those that are known. Raises `SenderError` for a broken one."""
    wanted: dict[str, bytes] = {}
    for item in filter(None, (part.strip() for part in headers.get("Content-Digest", "").split(","))):
        found = _DIGEST_ITEM.match(item)
        try:
            value = b64decode(found[2], validate=True) if found else b""
        except NotBase64:
            value = b""
        if not found or not value:
            raise SenderError("invalid-request", "Content-Digest cannot be read (RFC 9530).")
        if found[1] in _DIGESTS:
            wanted[found[1]] = value
    return wanted


class DigestCheck:
    """Computes the digests that were announced, beside the SHA-512 that sealing computes anyway."""

    def __init__(self, wanted: Mapping[str, bytes]) -> None:
        self._wanted = wanted
        self._sha256 = hashlib.sha256() if "sha-256" in wanted else None

    def update(self, chunk: bytes) -> None:
        if self._sha256 is not None:
            self._sha256.update(chunk)

    def check(self, sha512: bytes) -> None:
        """After the last byte. Raises the 422 problem on a mismatch."""
        actual = {"sha-512": sha512, "sha-256": self._sha256.digest() if self._sha256 is not None else b""}
        if not all(hmac.compare_digest(actual[name], value) for name, value in self._wanted.items()):
            raise SenderError("digest-mismatch", "The bytes that arrived are not those that Content-Digest names.")


def check_content(head: bytes, media_type: str) -> None:
    """Whether the first bytes prove the announced media type. Raises the 415 problem."""
    actual = media.sniff(head)
    if actual is None:
        raise SenderError("unsupported-media-type", media.hint(head), accepted=sorted(media.ALLOWED))
    if actual != media_type:
        raise SenderError("unsupported-media-type", "The content is not of the announced media type.", content=actual)


def check_room(own: Document, others: Iterable[Document], limits: UploadLimits) -> None:
    """Whether one more document fits into the submission. `others` stand already. Raises the 413 problem."""
    sizes = [document.size for document in others if document.id != own.id]
    if len(sizes) + 1 > limits.max_documents:
        raise SenderError("too-many-documents", "The submission has too many documents.", limit=limits.max_documents)
    if sum(sizes) + own.size > limits.max_submission_bytes:
        raise SenderError(
            "submission-too-large", "All documents together are too large.", limit_bytes=limits.max_submission_bytes
        )


def _bad_filename(code: str) -> SenderError:
    return SenderError(
        "invalid-request",
        "Name the document in Content-Disposition: attachment; filename*=UTF-8''….",
        errors=[{"field": "Content-Disposition", "code": f"filename-{code}"}],
    )
