"""Whom the receiver believes: the platform's key set, signed by the pinned anchor, in a file that may change.

The file is looked at before each delivery and read again when it changed. One that is missing, unsigned, foreign or
older than the newest ever seen (the journal remembers) changes nothing: the last good one stays, and the log says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.receiver.journal import Journal
from services.receiver.settings import DestinationSettings, ReceiverSettings
from shared.contracts.directory import PlatformEntry
from shared.errors import InvalidSignature, Misconfigured
from shared.sealing.jwk import Alg, load_private_rsa, read_jwk, thumbprint
from shared.telemetry.logs import emit
from shared.trust.anchor import Anchor, fingerprint
from shared.trust.platform import PlatformKeys

log = logging.getLogger(__name__)
_VERSION = "platform-version"


def load_anchor(settings: ReceiverSettings) -> Anchor:
    """The anchor's public key, compared with the fingerprint that was confirmed by a second channel, if one is set."""
    anchor = Anchor.from_file(settings.anchor_file)
    pinned = settings.anchor_fingerprint
    if pinned is not None and _plain(fingerprint(read_jwk(settings.anchor_file))) != _plain(pinned):
        raise Misconfigured(f"the fingerprint of {settings.anchor_file} is not anchor_fingerprint")
    return anchor


def _plain(groups: str) -> str:
    return "".join(character for character in groups if character.isalnum())


class PlatformTrust:
    """The platform's current keys. Raises `Misconfigured` when there is no usable key set at start."""

    def __init__(self, anchor: Anchor, file: Path, journal: Journal) -> None:
        self._anchor, self._file, self._journal = anchor, file, journal
        self._seen = self._stamp()
        try:
            self._keys = PlatformKeys(self._read())
        except (OSError, InvalidSignature) as error:
            raise Misconfigured(f"no valid platform key set in {file}") from error

    def current(self) -> PlatformKeys:
        """The newest good key set. A look at the file costs one system call."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._keys = PlatformKeys(self._read())
            except (OSError, InvalidSignature) as error:
                emit(log, logging.ERROR, "platform key set refused, the last good one stays", error=error)
        return self._keys

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> PlatformEntry:
        entry = self._anchor.verify_entry(self._file.read_text(encoding="ascii", errors="replace").strip())
        if not isinstance(entry, PlatformEntry):
            raise InvalidSignature("entry-type")
        if entry.version < int(self._journal.fact(_VERSION) or 0):
            raise InvalidSignature("entry-older")
        self._journal.set_fact(_VERSION, str(entry.version))
        return entry


@dataclass(frozen=True)
class DestinationKeys:
    """A destination's private keys: `opening` by kid, and the one that signs answers."""

    opening: dict[str, Any]
    signing: Any
    signing_kid: str


def load_keys(settings: DestinationSettings) -> DestinationKeys:
    """Read a destination's key files. Raises `Misconfigured` naming the file that is wrong, never its content."""
    opening = dict(_load(file, Alg.SEAL) for file in settings.encryption_key_files)
    kid, signing = _load(settings.signing_key_file, Alg.PS512)
    if kid in opening:
        raise Misconfigured(f"{settings.signing_key_file}: signing and encryption keys must differ")
    return DestinationKeys(opening, signing, kid)


def _load(file: Path, alg: Alg) -> tuple[str, Any]:
    jwk = read_jwk(file)
    try:
        return thumbprint(jwk), load_private_rsa(jwk, alg=alg)
    except InvalidSignature as error:
        raise Misconfigured(f"{file} is no private RSA 4096 key for {alg.value}: {error}") from error
