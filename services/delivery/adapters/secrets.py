"""Secrets of adapters: files in a folder that the operator fills, never data of the directory.

    <secrets folder>/<destination id>/https.crt, https.key   PEM: mutual TLS
    <secrets folder>/<destination id>/sftp.key               OpenSSH or PEM private key, without a passphrase
    <secrets folder>/<destination id>/s3.secret              the secret access key

An adapter that names a `secret` reads from the folder of that name: several destinations may share one. Files are read
anew for each delivery, so that a rotated secret takes effect at once. What is missing or wrong makes that one
destination wait (`adapter-not-configured`), nobody else.
"""

from __future__ import annotations

from pathlib import Path

from shared.contracts.directory import Destination, HttpsAdapter, S3Adapter, SftpAdapter
from shared.contracts.reasons import Reason
from shared.errors import JobcenterError, Misconfigured
from shared.settings import read_secret_file

CERTIFICATE, CERTIFICATE_KEY = "https.crt", "https.key"
SFTP_KEY = "sftp.key"
S3_SECRET = "s3.secret"  # noqa: S105 - a file's name


class NotConfigured(JobcenterError):
    """The platform's own operator must act, but only this destination waits. `what` is for the operator."""

    def __init__(self, what: str) -> None:
        super().__init__(Reason.ADAPTER_NOT_CONFIGURED)
        self.what = what


class Secrets:
    """The folder; None when this installation has none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def path(self, destination: Destination, name: str) -> Path:
        """Where a secret of this destination's adapter lies. Raises `NotConfigured` without a folder."""
        if self._folder is None:
            raise NotConfigured(f"DELIVERY_SECRETS_DIR is not set: no {name} for {destination.id}")
        adapter = destination.adapter
        own = adapter.secret if isinstance(adapter, HttpsAdapter | SftpAdapter | S3Adapter) else None
        return self._folder / (own or destination.id) / name

    def read(self, destination: Destination, name: str, *, private: bool = True) -> bytes:
        """The secret's bytes. Raises `NotConfigured`; its message names the file, never the content."""
        try:
            return read_secret_file(self.path(destination, name), private=private)
        except Misconfigured as error:
            raise NotConfigured(str(error)) from None
