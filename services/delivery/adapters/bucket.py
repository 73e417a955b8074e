"""S3-compatible bucket of a Jobcenter, through the same machinery as our own store (`shared.store.s3`).

An object appears whole or not at all, so nothing needs renaming; the manifest is the last one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr, ValidationError

from services.delivery.adapters.drop import Check, DropSigner, File, lay_down
from services.delivery.adapters.port import Consignment, HandedOver
from services.delivery.adapters.secrets import S3_SECRET, NotConfigured, Secrets
from shared.contracts.directory import Destination, S3Adapter
from shared.contracts.reasons import Reason
from shared.errors import JobcenterError, OurError, StoreRefused, StoreUnavailable
from shared.store.port import Store
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.trust import drops


class BucketDrop:
    """See `adapters.port` and `adapters.drop`."""

    def __init__(self, secrets: Secrets, sign: DropSigner, *, connect_timeout_s: float, idle_timeout_s: float) -> None:
        self._secrets, self._sign = secrets, sign
        self._connect_timeout_s, self._idle_timeout_s = connect_timeout_s, idle_timeout_s

    async def deliver(self, consignment: Consignment) -> HandedOver:
        async with self._open(consignment.destination) as (store, prefix):
            place = _Prefix(store, f"{prefix}{consignment.delivery_id}/")
            return await lay_down(place, consignment, self._sign)

    async def probe(self, destination: Destination) -> None:
        """Writes an empty, marked object and takes it away again."""
        async with self._open(destination) as (store, prefix):
            try:
                await store.put(f"{prefix}{drops.PROBE}", b"")
                await store.delete(f"{prefix}{drops.PROBE}")
            except StoreUnavailable as error:
                raise _theirs(error) from None

    @asynccontextmanager
    async def _open(self, destination: Destination) -> AsyncIterator[tuple[Store, str]]:
        adapter = destination.adapter
        if not isinstance(adapter, S3Adapter):
            raise NotConfigured(f"{destination.id} has no S3 adapter")
        secret = self._secrets.read(destination, S3_SECRET).decode("ascii", "replace")
        try:
            settings = StoreSettings(
                endpoint=adapter.endpoint,
                access_key=adapter.access_key,
                secret_key=SecretStr(secret),
                secret_key_file=None,
                bucket=adapter.bucket,
                secure=adapter.secure,
                region=adapter.region,
                max_connections=4,
                connect_timeout_s=self._connect_timeout_s,
                operation_timeout_s=self._connect_timeout_s + self._idle_timeout_s,
                idle_timeout_s=self._idle_timeout_s,
            )
        except ValidationError:
            raise NotConfigured(f"{destination.id}: the bucket's address is unusable") from None
        async with S3Store.open(settings) as store:
            yield store, adapter.prefix


class _Prefix:
    """One delivery's objects (`adapters.drop.Place`)."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store, self._prefix = store, prefix

    async def holds(self, file: File) -> bool:
        key, check = f"{self._prefix}{file.name}", Check(file)
        try:
            async with self._store.get_stream(key) as stream:
                if stream is None or stream.size != file.size:
                    return False
                async for chunk in stream.chunks:
                    check.update(chunk)
        except StoreUnavailable as error:
            raise _theirs(error) from None
        return check.same

    async def write(self, file: File, chunks: AsyncIterator[bytes]) -> None:
        try:
            await self._store.put_stream(f"{self._prefix}{file.name}", file.size, chunks)
        except OurError as error:
            # Also an error of `chunks`: `lay_down` knows which it was and puts the blame right.
            raise _theirs(error) from None


def _theirs(error: OurError) -> JobcenterError:
    """It is their store, so it is their failure."""
    if not isinstance(error, StoreRefused):
        return JobcenterError(Reason.TIMEOUT if "Timeout" in str(error) else Reason.CONNECT)
    if error.status in (401, 403):
        return JobcenterError(Reason.LOGIN)
    return JobcenterError(Reason.REFUSED if error.status < 500 else Reason.HTTP_STATUS)
