"""The clients file of the built-in issuer: who may ask for tokens. Written by `antragsweiche client add`.

    {"clients": {"<client id>": {"name": "...", "secret_sha256": "<base64url>", "disabled": false, "test": false}}}

Secrets are 256 random bits, so a plain SHA-256 is enough: there is nothing to guess and no dictionary to slow down.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import tempfile
from pathlib import Path

from pydantic import Field, ValidationError

from shared.contracts.base import Contract, Slug
from shared.errors import Misconfigured
from shared.sealing.jwk import b64u
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)
SECRET_BYTES = 32


class Client(Contract):
    """A portal. `test` clients reach Jobcenters in rollout state `test`."""

    name: str = Field(default="", max_length=200)
    secret_sha256: str = Field(pattern=r"^[A-Za-z0-9_-]{43}$")
    disabled: bool = False
    test: bool = False


class ClientsFile(Contract):
    clients: dict[Slug, Client] = Field(default_factory=dict)


def hash_secret(secret: str) -> str:
    return b64u(hashlib.sha256(secret.encode()).digest())


def new_secret() -> str:
    """256 random bits, base64url."""
    return secrets.token_urlsafe(SECRET_BYTES)


def read_clients(path: Path) -> ClientsFile:
    """Raises `Misconfigured` naming the file, never its content."""
    try:
        return ClientsFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise Misconfigured(f"no readable clients in {path}") from None


def write_clients(path: Path, document: ClientsFile) -> None:
    """Replaces the file in one step, so that a reader never sees half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(document.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class Clients:
    """The file as it is now: looked at again at most once a second. A broken file keeps the last good one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = read_clients(path).clients
        self._stamp = self._now_stamp()
        self._looked_at = float("-inf")

    def get(self, client_id: str, now_s: float) -> Client | None:
        """The client, unless unknown or disabled. `now_s` is monotonic."""
        if now_s - self._looked_at >= 1.0:
            self._looked_at = now_s
            self._reload()
        client = self._known.get(client_id)
        return None if client is None or client.disabled else client

    def authenticate(self, client_id: str, secret: str, now_s: float) -> Client | None:
        """The client if the secret is its own. Takes the same time for an unknown client."""
        client = self.get(client_id, now_s)
        expected = client.secret_sha256 if client is not None else hash_secret("")
        good = hmac.compare_digest(hash_secret(secret), expected)
        return client if good and secret else None

    def _reload(self) -> None:
        stamp = self._now_stamp()
        if stamp == self._stamp:
            return
        try:
            self._known = read_clients(self._path).clients
        except Misconfigured:
            emit(log, logging.ERROR, "clients-file-unreadable")
            return
        self._stamp = stamp

    def _now_stamp(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)
