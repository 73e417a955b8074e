"""Puts the parts of delivery together; `__main__` and the tests use the same function."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp

from services.delivery.adapters.https import HttpsPush
from services.delivery.backoff import Backoff
from services.delivery.deliver import Courier
from services.delivery.lanes import Lanes, Limits, Observer
from services.delivery.settings import DeliverySettings
from services.delivery.settle import Publisher, Settler
from shared.directory.snapshot import Directory
from shared.errors import InvalidSignature, Misconfigured
from shared.sealing.jwk import Alg, load_private, read_jwk, thumbprint
from shared.store.port import Store
from shared.trust.push import parts_digest, sign_push


def utc_now() -> datetime:
    return datetime.now(UTC)


def push_kid(settings: DeliverySettings) -> str:
    """The thumbprint of the platform's push key."""
    return thumbprint(read_jwk(settings.push_key_file))


def make_push(
    settings: DeliverySettings, session: aiohttp.ClientSession, clock: Callable[[], datetime] = utc_now
) -> HttpsPush:
    """The HTTPS adapter with the platform's push key. Raises `Misconfigured` for an unusable key file."""
    try:
        jwk = read_jwk(settings.push_key_file)
        key, kid = load_private(jwk, alg=Alg.ES256), thumbprint(jwk)
    except InvalidSignature:
        raise Misconfigured(f"{settings.push_key_file} holds no private P-256 JWK") from None

    def sign(method: str, url: str, headers: dict[str, str], now: datetime) -> dict[str, str]:
        return sign_push(method, url, headers, key, kid, now)

    return HttpsPush(
        session,
        sign=sign,
        digest=lambda consignment: parts_digest(consignment.manifest_token, consignment.manifest),
        clock=clock,
        connect_timeout_s=settings.connect_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
        answer_timeout_s=settings.answer_timeout_s,
    )


def make_lanes(
    settings: DeliverySettings,
    *,
    store: Store,
    parts_store: Store,
    publisher: Publisher,
    directory: Callable[[], Directory],
    session: aiohttp.ClientSession,
    observer: Observer,
    clock: Callable[[], datetime] = utc_now,
    chance: Callable[[], float] = random.random,
) -> Lanes:
    """`parts_store` reads the parts over connections of its own: slow Jobcenters hold them for long, and must not
    take the ones that claims and settlements of all other lanes need."""
    source = f"/delivery/{settings.instance_id}"
    courier = Courier(
        store=store,
        parts_store=parts_store,
        settler=Settler(store, publisher, clock=clock, source=source),
        directory=directory,
        adapter=make_push(settings, session, clock),
        clock=clock,
    )
    return Lanes(
        courier,
        observer,
        limits=Limits(window=settings.window, slots=settings.slots),
        backoff=Backoff(first_s=settings.backoff_first_s, most_s=settings.backoff_most_s),
        clock=clock,
        chance=chance,
    )
