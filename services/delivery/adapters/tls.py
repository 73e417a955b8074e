"""TLS of outgoing pushes: which authorities are believed, and which certificate is shown (mutual TLS)."""

from __future__ import annotations

import ssl
from typing import Final

from services.delivery.adapters.secrets import CERTIFICATE, CERTIFICATE_KEY, NotConfigured, Secrets
from shared.contracts.directory import Destination, HttpsAdapter

_Stamp = tuple[str | None, tuple[int, ...]]
ORDINARY: Final = True
"""aiohttp's word for the system's authorities and no certificate of our own."""


class TlsContexts:
    """One context for each destination that needs its own, made anew when its certificate or authority changes.

    aiohttp pools connections by context, so a changed certificate never travels over an old connection.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._made: dict[str, tuple[_Stamp, ssl.SSLContext]] = {}

    def context(self, destination: Destination) -> ssl.SSLContext | bool:
        """What aiohttp's `ssl=` wants. Raises `NotConfigured` when certificate, key or authority are unusable."""
        adapter = destination.adapter
        if not isinstance(adapter, HttpsAdapter) or not (adapter.ca or adapter.client_certificate):
            return ORDINARY
        stamp = adapter.ca, self._files(destination) if adapter.client_certificate else ()
        known = self._made.get(destination.id)
        if known is None or known[0] != stamp:
            known = stamp, self._make(destination, adapter)
            self._made[destination.id] = known
        return known[1]

    def _files(self, destination: Destination) -> tuple[int, ...]:
        found: list[int] = []
        for name in (CERTIFICATE, CERTIFICATE_KEY):
            path = self._secrets.path(destination, name)
            try:
                stat = path.stat()
            except OSError:
                raise NotConfigured(f"cannot read secret file {path}") from None
            found += [stat.st_ino, stat.st_mtime_ns, stat.st_size]
        return tuple(found)

    def _make(self, destination: Destination, adapter: HttpsAdapter) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cadata=adapter.ca)
        except (ssl.SSLError, ValueError):
            raise NotConfigured(f"{destination.id}: `ca` in the directory is no PEM certificate") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if adapter.client_certificate:
            self._secrets.read(destination, CERTIFICATE, private=False)
            self._secrets.read(destination, CERTIFICATE_KEY)
            certificate = self._secrets.path(destination, CERTIFICATE)
            try:
                context.load_cert_chain(certificate, self._secrets.path(destination, CERTIFICATE_KEY), password=_refuse)
            except (OSError, ssl.SSLError, ValueError):
                raise NotConfigured(f"{certificate} and its key do not fit each other, or are no PEM") from None
        return context


def _refuse() -> str:
    """A key with a passphrase would otherwise be asked for at the terminal."""
    raise ValueError("the key has a passphrase")
