"""Puts the parts of delivery together; `__main__` and the tests use the same function."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp

from services.delivery.adapters import wire
from services.delivery.adapters.choose import Chosen
from services.delivery.adapters.port import Adapter
from services.delivery.adapters.settings import AdapterSettings
from services.delivery.backoff import Backoff
from services.delivery.deliver import Courier
from services.delivery.lanes import Lanes, Observer
from services.delivery.runner import Limits
from services.delivery.settings import DeliverySettings
from services.delivery.settle import Publisher, Settler
from services.delivery.tiers import Schedule
from shared.contracts.control import Control
from shared.directory.snapshot import Directory
from shared.errors import Misconfigured
from shared.sealing.jwk import read_jwk, thumbprint
from shared.store.port import Store
from shared.store.settings import StoreSettings


def utc_now() -> datetime:
    return datetime.now(UTC)


def push_kid(settings: DeliverySettings) -> str:
    """The thumbprint of the platform's push key."""
    return thumbprint(read_jwk(settings.push_key_file))


def make_adapters(
    settings: DeliverySettings,
    session: aiohttp.ClientSession,
    *,
    adapters: AdapterSettings | None = None,
    store: StoreSettings | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Chosen:
    """One adapter of each kind, with the platform's push key. Raises `Misconfigured` for an unusable key file.

    `store` is where links in mails point to.
    """
    return wire.make_adapters(
        wire.PushKey.read(settings.push_key_file),
        adapters or AdapterSettings(),
        session=session,
        store=store,
        clock=clock,
        timeouts=wire.Timeouts(settings.connect_timeout_s, settings.idle_timeout_s, settings.answer_timeout_s),
    )


def make_courier(
    settings: DeliverySettings,
    *,
    store: Store,
    parts_store: Store,
    settler: Settler,
    directory: Callable[[], Directory],
    adapter: Adapter,
    clock: Callable[[], datetime] = utc_now,
) -> Courier:
    """`parts_store` reads the parts over connections of its own: slow Jobcenters hold them for long, and must not
    take the ones that claims and settlements of all other lanes need."""
    return Courier(
        store=store,
        parts_store=parts_store,
        settler=settler,
        directory=directory,
        adapter=adapter,
        clock=clock,
        schedule=make_schedule(settings),
    )


def make_settler(
    settings: DeliverySettings, store: Store, publisher: Publisher, clock: Callable[[], datetime] = utc_now
) -> Settler:
    return Settler(store, publisher, clock=clock, source=f"/delivery/{settings.instance_id}")


def make_schedule(settings: DeliverySettings) -> Schedule:
    """Raises `Misconfigured` for delays that fall."""
    try:
        return Schedule(settings.budget_s, settings.retry_delays_s, settings.awaiting_s)
    except ValueError as error:
        raise Misconfigured(f"DELIVERY_RETRY_DELAYS_S: {error}") from None


def make_lanes(
    settings: DeliverySettings,
    courier: Courier,
    observer: Observer,
    *,
    control: Callable[[str], Control | None],
    open_s: Callable[[str], float],
    clock: Callable[[], datetime] = utc_now,
    chance: Callable[[], float] = random.random,
) -> Lanes:
    return Lanes(
        courier,
        observer,
        limits=Limits(window=settings.window, slots=settings.slots),
        backoff=Backoff(first_s=settings.backoff_first_s, most_s=settings.backoff_most_s),
        probing=Backoff(first_s=settings.probe_first_s, most_s=settings.probe_most_s),
        control=control,
        open_s=open_s,
        clock=clock,
        chance=chance,
    )
