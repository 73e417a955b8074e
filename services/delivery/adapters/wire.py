"""Puts the adapters together: what they share is the platform's push key, the clock and the time limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from services.delivery.adapters.bucket import BucketDrop
from services.delivery.adapters.choose import Chosen
from services.delivery.adapters.drop import DropSigner
from services.delivery.adapters.https import HttpsPush
from services.delivery.adapters.mail import LinkMaker, MailPush
from services.delivery.adapters.port import Consignment
from services.delivery.adapters.secrets import Secrets
from services.delivery.adapters.settings import AdapterSettings
from services.delivery.adapters.sftp import SftpDrop
from services.delivery.adapters.tls import TlsContexts
from shared.contracts.manifest import Part
from shared.errors import InvalidSignature, Misconfigured
from shared.sealing.jwk import Alg, load_private, read_jwk, thumbprint
from shared.store import keys
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.trust.drops import Drop, sign_drop
from shared.trust.push import parts_digest, sign_probe, sign_push


@dataclass(frozen=True)
class Timeouts:
    """Seconds. `idle_s`: longest time for one chunk; `answer_s`: from the last byte to an answer over HTTP."""

    connect_s: float = 10
    idle_s: float = 60
    answer_s: float = 120


@dataclass(frozen=True)
class PushKey:
    """The platform's push key."""

    key: Any
    kid: str

    @classmethod
    def read(cls, file: Path) -> PushKey:
        """Raises `Misconfigured` for an unusable key file."""
        try:
            jwk = read_jwk(file)
            return cls(load_private(jwk, alg=Alg.ES256), thumbprint(jwk))
        except InvalidSignature:
            raise Misconfigured(f"{file} holds no private P-256 JWK") from None

    def sign_request(self, method: str, url: str, headers: dict[str, str], now: datetime) -> dict[str, str]:
        """For `HttpsPush`: a push, or with no headers the probe."""
        if not headers:
            return sign_probe(url, self.key, self.kid, now)
        return sign_push(method, url, headers, self.key, self.kid, now)

    def drop_signer(self, clock: Callable[[], datetime]) -> DropSigner:
        """For the adapters that lay files down."""

        def sign(consignment: Consignment) -> str:
            drop = Drop(
                delivery_id=consignment.delivery_id,
                destination=consignment.destination.id,
                parts_digest=digest(consignment),
                created=int(clock().timestamp()),
            )
            return sign_drop(drop, self.key, self.kid)

        return sign


def digest(consignment: Consignment) -> str:
    """The `Parts-Digest` of a consignment."""
    return parts_digest(consignment.manifest_token, consignment.manifest)


def make_adapters(
    push_key: PushKey,
    settings: AdapterSettings,
    *,
    session: aiohttp.ClientSession,
    store: StoreSettings | None,
    clock: Callable[[], datetime],
    timeouts: Timeouts,
) -> Chosen:
    """One of each kind. `store` is the platform's own, for links in mails; without it large mails are not possible."""
    secrets, sign = Secrets(settings.secrets_dir), push_key.drop_signer(clock)
    limits = {"connect_timeout_s": timeouts.connect_s, "idle_timeout_s": timeouts.idle_s}
    return Chosen(
        {
            "https": HttpsPush(
                session,
                sign=push_key.sign_request,
                digest=digest,
                clock=clock,
                answer_timeout_s=timeouts.answer_s,
                tls=TlsContexts(secrets),
                **limits,
            ),
            "sftp": SftpDrop(secrets, sign, **limits),
            "s3": BucketDrop(secrets, sign, **limits),
            "mail": MailPush(settings, sign, _links(settings, store, session), clock, **limits),
        }
    )


def _links(settings: AdapterSettings, store: StoreSettings | None, session: aiohttp.ClientSession) -> LinkMaker:
    def link(consignment: Consignment, part: Part) -> str:
        if signer is None:
            raise Misconfigured("no store is configured: large documents cannot be linked in a mail")
        return str(signer.presign("GET", keys.part(consignment.manifest.submission_id, part.id)))

    signer = None
    if store is not None:
        changes: dict[str, Any] = {"presign_lifetime_s": settings.link_lifetime_s}
        if settings.link_endpoint is not None:
            changes |= {"endpoint": settings.link_endpoint, "secure": settings.link_secure}
        signer = S3Store(store.model_copy(update=changes), session)
    return link
