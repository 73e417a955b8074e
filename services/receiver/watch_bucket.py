"""A bucket as inbox: `<prefix><delivery id>/` with the objects of `shared.trust.drops`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from services.receiver.refusals import NotNow
from services.receiver.settings import BucketInbox as BucketSettings
from shared.errors import StoreRefused, StoreUnavailable
from shared.settings import load_settings
from shared.store.port import Store
from shared.store.settings import StoreSettings
from shared.trust import drops


def store_settings(settings: BucketSettings) -> StoreSettings:
    """How the bucket is reached. Raises `Misconfigured` that names what is wrong."""
    return load_settings(
        StoreSettings,
        {
            "endpoint": settings.endpoint,
            "secure": settings.secure,
            "region": settings.region,
            "bucket": settings.bucket,
            "access_key": settings.access_key,
            "secret_key_file": settings.secret_key_file,
            "secret_key": None,
            "max_connections": 16,
            "connect_timeout_s": 10,
            "operation_timeout_s": 30,
        },
    )


class BucketInbox:
    """See `services.receiver.watch.Inbox`."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store, self._prefix = store, prefix

    async def complete(self) -> list[UUID]:
        try:
            keys = await self._store.list(self._prefix)
        except StoreUnavailable as error:
            raise _not_now(error) from None
        found = []
        for key in keys:
            name, separator, file = key.removeprefix(self._prefix).partition("/")
            if separator and file == drops.MANIFEST:
                try:
                    delivery_id = UUID(name)
                except ValueError:
                    continue
                if str(delivery_id) == name:
                    found.append(delivery_id)
        return found

    @asynccontextmanager
    async def open(self, delivery_id: UUID, name: str) -> AsyncIterator[AsyncIterator[bytes] | None]:
        try:
            async with self._store.get_stream(f"{self._prefix}{delivery_id}/{name}") as stream:
                yield stream.chunks if stream is not None else None
        except StoreUnavailable as error:
            raise _not_now(error) from None

    async def erase(self, delivery_id: UUID) -> None:
        folder = f"{self._prefix}{delivery_id}/"
        try:
            await self._store.delete(f"{folder}{drops.MANIFEST}")
            for key in await self._store.list(folder):
                await self._store.delete(key)
        except StoreUnavailable as error:
            raise _not_now(error) from None


def _not_now(error: StoreUnavailable) -> NotNow:
    return NotNow("inbox-refused" if isinstance(error, StoreRefused) else "inbox-unreachable")
