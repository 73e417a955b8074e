"""The store's accounts on the real store: nobody reaches a bucket that is not its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from minio import Minio
from minio.error import S3Error

from devtools.compose_setup import USERS, Folders, make_keys
from devtools.provision import make_bucket
from devtools.servers import S3Server
from devtools.stack import BUCKET, DRAFTS_BUCKET
from devtools.store_accounts import ROOT_ACCOUNT, open_bucket
from shared.errors import Misconfigured, StoreRefused, StoreUnavailable
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings

pytestmark = pytest.mark.servers

REFUSED = (StoreRefused, StoreUnavailable, Misconfigured)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    made = Folders(tmp_path_factory.mktemp("set-up"))
    make_keys(made, ())
    return made


@pytest.fixture(scope="module")
def store(folders: Folders, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """As compose starts it and set-up leaves it."""
    server = S3Server(
        tmp_path_factory.mktemp("store"),
        access_key=ROOT_ACCOUNT,
        secret_key=folders.root_store_key.read_text(),
        accounts=folders.store_secret / "accounts",
    )
    with server:
        for bucket, accounts in USERS.items():
            make_bucket(server, bucket)
            open_bucket(server.endpoint, server.secret_key, bucket, accounts)
        yield server


@asynccontextmanager
async def as_(account: str, bucket: str, store: S3Server, folders: Folders) -> AsyncIterator[S3Store]:
    settings = StoreSettings(
        endpoint=store.endpoint,
        access_key=account,
        secret_key_file=folders.of(account) / "store-secret",
        bucket=bucket,
        secure=False,
    )
    async with S3Store.open(settings) as opened:
        yield opened


@pytest.mark.parametrize(("account", "bucket"), [(name, bucket) for bucket, names in USERS.items() for name in names])
async def test_a_service_can_do_all_it_needs_in_its_bucket(
    account: str, bucket: str, store: S3Server, folders: Folders
) -> None:
    async with as_(account, bucket, store, folders) as own:
        await own.check_bucket()
        await own.check()
        key = f"{account}/1"
        assert await own.put_new(key, b"one")
        assert not await own.put_new(key, b"two")
        assert await own.get(key) == b"one"
        assert await own.get(f"{account}/2") is None
        assert await own.size(key) == 3
        assert await own.list(f"{account}/") == [key]
        await own.delete(key)
        assert not await own.exists(key)


@pytest.mark.parametrize(
    ("account", "bucket"), [("portal", BUCKET), *((name, DRAFTS_BUCKET) for name in USERS[BUCKET])]
)
async def test_nobody_reaches_anothers_bucket(account: str, bucket: str, store: S3Server, folders: Folders) -> None:
    owner = USERS[bucket][0]
    async with as_(owner, bucket, store, folders) as own:
        await own.put_new("kept", b"kept")
        async with as_(account, bucket, store, folders) as foreign:
            attempts = (foreign.get("kept"), foreign.list(""), foreign.delete("kept"), foreign.put_new("planted", b"x"))
            for attempt in (*attempts, foreign.check(), foreign.check_bucket()):
                with pytest.raises(REFUSED):
                    await attempt
        assert await own.get("kept") == b"kept"
        assert await own.get("planted") is None


async def test_nobody_makes_buckets_or_opens_one(store: S3Server, folders: Folders) -> None:
    async with as_("portal", "another", store, folders) as portal:
        with pytest.raises(REFUSED):
            await portal.ensure_bucket()
    secret = (folders.portal / "store-secret").read_text()
    client = _client(store, "portal", secret)
    try:
        assert await asyncio.to_thread(lambda: [each.name for each in client.list_buckets()]) == []
        with pytest.raises(S3Error, match="AccessDenied"):
            await asyncio.to_thread(client.delete_bucket_policy, BUCKET)
        with pytest.raises(S3Error, match="AccessDenied"):
            await asyncio.to_thread(client.set_bucket_policy, DRAFTS_BUCKET, "{}")
    finally:
        client._http.clear()


def _client(store: S3Server, account: str, secret: str) -> Minio:
    return Minio(store.endpoint, access_key=account, secret_key=secret, secure=False)
