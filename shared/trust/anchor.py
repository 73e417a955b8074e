"""The one anchor: the offline directory key (ES256) that signs every directory entry and the platform's key set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from shared.contracts.canonical import strict_json
from shared.contracts.directory import DIRECTORY_TYP, JobcenterEntry, PlatformEntry
from shared.errors import InvalidSignature, Misconfigured
from shared.sealing import jws
from shared.sealing.jwk import Alg, PublicKey, load_private, load_public, public_jwk, read_jwk, thumbprint, unb64u
from shared.trust.keys import check_jobcenter_keys, check_platform_keys

Entry = JobcenterEntry | PlatformEntry
_MODELS: Final[Mapping[object, type[JobcenterEntry] | type[PlatformEntry]]] = {
    "jobcenter": JobcenterEntry,
    "platform": PlatformEntry,
}


class Anchor:
    """The public half of the directory key, pinned by file in every service."""

    def __init__(self, public: Mapping[str, Any]) -> None:
        """From a public JWK. Raises `InvalidSignature` unless it is P-256."""
        self._key = load_public(public, alg=Alg.ES256)
        self.jwk = public_jwk(public)
        self.kid = thumbprint(public)

    @classmethod
    def from_file(cls, path: Path) -> Anchor:
        """Raises `Misconfigured` when the file is no public P-256 JWK."""
        jwk = read_jwk(path)
        try:
            return cls(jwk)
        except InvalidSignature as error:
            raise Misconfigured(f"{path} is no anchor: {error}") from None

    def verify_entry(self, token: str | bytes) -> Entry:
        """The entry that the directory key signed, all its keys checked.

        Raises `InvalidSignature`. Whether it stands under its own id and is newer than the last one is the
        directory's question.
        """
        verified = jws.verify(token, key_for=self._key_for, alg="ES256", typ=DIRECTORY_TYP)
        try:
            claims = strict_json(verified.payload)
            kind = claims.get("type") if isinstance(claims, dict) else None
            entry: Entry = _MODELS[kind].model_validate(claims)
        except (ValidationError, ValueError, KeyError, TypeError):
            raise InvalidSignature("entry-form") from None
        _check(entry)
        return entry

    def _key_for(self, kid: str) -> PublicKey | None:
        return self._key if kid == self.kid else None


def sign_entry(entry: Entry, private: Mapping[str, Any]) -> str:
    """The signed entry. Raises `InvalidSignature` for an entry that no reader would take."""
    _check(entry)
    key = load_private(private, alg=Alg.ES256)
    return jws.sign(entry.to_bytes(), key=key, kid=thumbprint(private), alg="ES256", typ=DIRECTORY_TYP)


def fingerprint(jwk: Mapping[str, Any]) -> str:
    """A key's thumbprint for eyes and telephones: sixteen groups of four hex digits."""
    digits = unb64u(thumbprint(jwk)).hex()
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _check(entry: Entry) -> None:
    if isinstance(entry, PlatformEntry):
        check_platform_keys(entry)
    else:
        check_jobcenter_keys(entry)
