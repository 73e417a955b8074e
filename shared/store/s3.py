"""The store port over any S3 server: URLs presigned by the `minio` client, bodies moved by aiohttp.

Presigning is arithmetic: the region is fixed in the settings, so the synchronous client never opens a socket and never
blocks the loop. Bodies stream in both directions with constant memory.

Trap measured on versitygw 1.8.0: an upload whose connection ends by FIN before `Content-Length` is reached is *kept*,
truncated, and answered 200 (from about 4 MiB on). One that ends by RST is dropped. All sockets of this store therefore
have `SO_LINGER` with zero time: whenever they close early, killed processes included, the server sees a reset.

What counts as what (S3 API reference, "Error responses"):

| answer | meaning here |
|---|---|
| 404 `NoSuchKey` | the key is proven free: None or False |
| 412 to a conditional write | another writer won: False |
| 409 to a conditional write | undecided: read back, try again |
| anything else but 2xx, a timeout, a broken connection | `StoreUnavailable` |
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    TCPConnector,
    TraceConfig,
)
from minio import Minio
from yarl import URL

from shared.errors import Misconfigured, StoreRefused, StoreUnavailable
from shared.store.port import ObjectStream
from shared.store.settings import StoreSettings
from shared.store.streams import ExactBody

CHUNK_BYTES: Final = 256 * 1024
MAX_ERROR_BYTES: Final = 16 * 1024
CONDITIONAL_ATTEMPTS: Final = 3
WRITE_SHARE: Final = 2 / 3
"""Share of an operation's time that the write itself may take; the rest is kept for reading back."""

_CODE = re.compile(rb"<Code>([A-Za-z]{1,64})</Code>")


class _NotSent(Exception):
    """The request did not leave: nothing can have been written."""


class _Ambiguous(Exception):
    """The request may or may not have had its effect."""


def open_session(settings: StoreSettings) -> ClientSession:
    """A session with the bounded connection pool that `S3Store` expects; the caller closes it."""
    trace = TraceConfig()
    trace.on_connection_reuseconn.append(_note_reuse)
    return ClientSession(
        connector=TCPConnector(limit=settings.max_connections, ttl_dns_cache=60, socket_factory=_resetting_socket),
        timeout=ClientTimeout(total=settings.operation_timeout_s, sock_connect=settings.connect_timeout_s),
        auto_decompress=False,
        trace_configs=[trace],
    )


def _resetting_socket(info: Any) -> socket.socket:
    """A socket that closes by RST, so that a body cut off is never mistaken for one that ended."""
    family, kind, protocol, _, _ = info
    sock = socket.socket(family=family, type=kind, proto=protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return sock


async def _note_reuse(_session: ClientSession, context: SimpleNamespace, _params: Any) -> None:
    request = context.trace_request_ctx
    if isinstance(request, dict):
        request["reused"] = True


class S3Store:
    """Implements `shared.store.port.Store`. Safe for concurrent use; holds no state but the signing key."""

    def __init__(self, settings: StoreSettings, session: ClientSession) -> None:
        self._settings = settings
        self.session = session
        self._bucket = settings.bucket
        self._lifetime = timedelta(seconds=settings.presign_lifetime_s)
        self._signer = Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=settings.secret(),
            secure=settings.secure,
            region=settings.region,
        )

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: StoreSettings) -> AsyncIterator[S3Store]:
        """`async with S3Store.open(settings) as store:` with a session of its own."""
        async with open_session(settings) as session:
            yield cls(settings, session)

    def presign(self, method: str, key: str, query: Mapping[str, str] | None = None) -> URL:
        """The signed URL of an object; no network I/O."""
        url = self._signer.get_presigned_url(
            method, self._bucket, key, expires=self._lifetime, extra_query_params=dict(query or {})
        )
        return URL(url, encoded=True)

    def _presign_bucket(self, method: str, query: Mapping[str, str]) -> URL:
        # The client's public method insists on an object name. A placeholder would be signed too, so the URL is
        # built and signed by the same functions that it uses itself.
        from minio import time as minio_time
        from minio.signer import presign_v4

        signer: Any = self._signer
        url = presign_v4(
            method=method,
            url=signer._base_url.build(
                method=method, region=self._settings.region, bucket_name=self._bucket, query_params=dict(query)
            ),
            region=self._settings.region,
            credentials=signer._provider.retrieve(),
            date=minio_time.utcnow(),
            expires=int(self._lifetime.total_seconds()),
        )
        return URL(url.geturl(), encoded=True)

    # -- writing ---------------------------------------------------------------------------------------------------

    async def put_new(self, key: str, body: bytes) -> bool:
        deadline = asyncio.get_running_loop().time() + self._settings.operation_timeout_s
        for _ in range(CONDITIONAL_ATTEMPTS):
            decided = await self._try_put_new(key, body, deadline)
            if decided is not None:
                return decided
        raise StoreUnavailable("put_new: undecided")

    async def _try_put_new(self, key: str, body: bytes, deadline: float) -> bool | None:
        """True or False when decided, None when another attempt is worth it."""
        left = self._left(deadline)
        reused: dict[str, bool] = {}
        status: int | None = None
        try:
            async with self._request(
                "PUT",
                self.presign("PUT", key),
                timeout_s=left * WRITE_SHARE,
                data=body,
                headers={"If-None-Match": "*", "Content-Type": "application/octet-stream"},
                trace_request_ctx=reused,
            ) as response:
                status = response.status
                if status < 300:
                    return True
                if status == 412 and not reused:
                    return False
                if status not in (409, 412) and status < 500:
                    raise await _refusal("put_new", response)
        except _NotSent as error:
            raise StoreUnavailable(f"put_new: {error}") from None
        except _Ambiguous:
            status = None
        # Undecided, or a 412 over a kept-alive connection, on which aiohttp may have sent our own write twice.
        found = await self.get(key, timeout_s=self._left(deadline))
        if found is not None:
            return found == body
        if status == 409:
            return None
        raise StoreUnavailable("put_new: unanswered, and nothing is there yet")

    def _left(self, deadline: float) -> float:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise StoreUnavailable("timeout")
        return left

    async def put(self, key: str, body: bytes) -> None:
        await self._done("put", "PUT", self.presign("PUT", key), data=body)

    async def put_stream(self, key: str, size: int, chunks: AsyncIterator[bytes]) -> None:
        idle_s = self._settings.idle_timeout_s
        body: ExactBody | None = None
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s + idle_s) as limit:
                body = ExactBody(chunks, size, limit, idle_s)
                async with self.session.put(
                    self.presign("PUT", key),
                    data=body.stream(),
                    headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"},
                    timeout=ClientTimeout(total=None, sock_connect=self._settings.connect_timeout_s),
                ) as response:
                    body.raise_if_broken()
                    if response.status >= 300:
                        raise await _refusal("put_stream", response)
                    await response.read()
        except (ClientError, TimeoutError, OSError) as error:
            if body is not None:
                body.raise_if_broken()
            raise StoreUnavailable(f"put_stream: {type(error).__name__}") from None

    async def delete(self, key: str) -> None:
        await self._done("delete", "DELETE", self.presign("DELETE", key))

    async def _done(self, what: str, method: str, url: URL, **options: Any) -> None:
        """A request that has one good answer: 2xx."""
        async with self._plain(what, method, url, **options) as response:
            if response.status >= 300 and not (method == "DELETE" and await _is_no_such_key(response)):
                raise await _refusal(what, response)

    # -- reading ---------------------------------------------------------------------------------------------------

    async def get(self, key: str, *, timeout_s: float | None = None) -> bytes | None:
        async with self._plain("get", "GET", self.presign("GET", key), timeout_s=timeout_s) as response:
            if response.status == 200:
                return await _read_exactly(response)
            if await _is_no_such_key(response):
                return None
            raise await _refusal("get", response)

    def get_stream(self, key: str) -> AbstractAsyncContextManager[ObjectStream | None]:
        return self._get_stream(key)

    @asynccontextmanager
    async def _get_stream(self, key: str) -> AsyncIterator[ObjectStream | None]:
        timeout = ClientTimeout(
            total=None, sock_connect=self._settings.connect_timeout_s, sock_read=self._settings.idle_timeout_s
        )
        try:
            response = await self.session.get(self.presign("GET", key), timeout=timeout)
        except (ClientError, TimeoutError, OSError) as error:
            raise StoreUnavailable(f"get_stream: {type(error).__name__}") from None
        try:
            if response.status == 200:
                size = response.content_length
                if size is None:
                    raise StoreUnavailable("get_stream: no Content-Length")
                yield ObjectStream(size, _chunks(response, size))
            elif await _is_no_such_key(response):
                yield None
            else:
                raise await _refusal("get_stream", response)
        finally:
            response.close()

    async def exists(self, key: str) -> bool:
        return await self.size(key) is not None

    async def size(self, key: str) -> int | None:
        # Not HEAD: its 404 has no body and so cannot tell a free key from a missing bucket.
        headers = {"Range": "bytes=0-0"}
        async with self._plain("size", "GET", self.presign("GET", key), headers=headers) as response:
            if response.status == 206:
                return int(response.headers["Content-Range"].rpartition("/")[2])
            if response.status == 200:
                return response.content_length
            if response.status == 416:
                return 0
            if await _is_no_such_key(response):
                return None
            raise await _refusal("size", response)

    async def list(self, prefix: str) -> list[str]:
        keys: list[str] = []
        token = ""
        while True:
            query = {"list-type": "2", "prefix": prefix} | ({"continuation-token": token} if token else {})
            async with self._plain("list", "GET", self._presign_bucket("GET", query)) as response:
                if response.status != 200:
                    raise await _refusal("list", response)
                page = _parse(await _read_exactly(response))
            keys += [_text(element, "Key") for element in page.iter("Contents")]
            if page.findtext("IsTruncated") != "true":
                return sorted(key for key in keys if not key.endswith("/"))
            following = page.findtext("NextContinuationToken") or ""
            if not following or following == token:
                raise StoreUnavailable("list: truncated without a new continuation token")
            token = following

    # -- the bucket ------------------------------------------------------------------------------------------------

    async def ensure_bucket(self) -> None:
        """Creates the bucket unless it exists already."""
        async with self._plain("ensure_bucket", "PUT", self._presign_bucket("PUT", {})) as response:
            if response.status >= 300:
                code = await _code(response)
                if code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise StoreUnavailable(f"ensure_bucket: {response.status} {code}")
        await self.check()

    async def check(self) -> None:
        query = {"list-type": "2", "max-keys": "1"}
        async with self._plain("check", "GET", self._presign_bucket("GET", query)) as response:
            if response.status != 200:
                raise await _refusal("check", response)

    async def check_bucket(self) -> None:
        """Refuses a bucket in which erasing would not erase.

        Raises `Misconfigured` when the bucket is missing, or has, or ever had, versioning, or has object lock.
        """
        async with self._plain("check_bucket", "GET", self._presign_bucket("GET", {"versioning": ""})) as response:
            code = await _code(response) if response.status >= 300 else ""
            if code == "NoSuchBucket":
                raise Misconfigured(f"bucket {self._bucket} does not exist")
            # A server without versioning at all says so with an error of its own.
            if response.status >= 300 and code not in ("NotImplemented", "VersioningNotConfigured"):
                raise StoreUnavailable(f"check_bucket: {response.status} {code}")
            if response.status == 200 and _parse(await _read_exactly(response)).findtext("Status"):
                raise Misconfigured(f"bucket {self._bucket} has versioning: erasing would not erase")
        async with self._plain("check_bucket", "GET", self._presign_bucket("GET", {"object-lock": ""})) as response:
            if response.status == 200:
                if _parse(await _read_exactly(response)).findtext("ObjectLockEnabled") == "Enabled":
                    raise Misconfigured(f"bucket {self._bucket} has object lock: erasing would not erase")
                return
            code = await _code(response)
            if code not in ("ObjectLockConfigurationNotFoundError", "NotImplemented"):
                raise StoreUnavailable(f"check_bucket: {response.status} {code}")

    # -- transfer --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _plain(
        self, what: str, method: str, url: URL, *, timeout_s: float | None = None, **options: Any
    ) -> AsyncIterator[ClientResponse]:
        """A request whose every transport failure is `StoreUnavailable`."""
        try:
            async with self._request(
                method, url, timeout_s=timeout_s or self._settings.operation_timeout_s, **options
            ) as response:
                yield response
        except (_NotSent, _Ambiguous) as error:
            raise StoreUnavailable(f"{what}: {error}") from None

    @asynccontextmanager
    async def _request(
        self, method: str, url: URL, *, timeout_s: float, **options: Any
    ) -> AsyncIterator[ClientResponse]:
        timeout = ClientTimeout(total=timeout_s, sock_connect=min(timeout_s, self._settings.connect_timeout_s))
        try:
            async with self.session.request(method, url, timeout=timeout, **options) as response:
                yield response
        except ClientConnectorError as error:
            raise _NotSent(type(error).__name__) from None
        except (ClientError, TimeoutError, OSError) as error:
            raise _Ambiguous(type(error).__name__) from None


async def _chunks(response: ClientResponse, size: int) -> AsyncIterator[bytes]:
    seen = 0
    try:
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            seen += len(chunk)
            yield chunk
    except (ClientError, TimeoutError, OSError) as error:
        raise StoreUnavailable(f"get_stream: {type(error).__name__}") from None
    if seen != size:
        raise StoreUnavailable("get_stream: the body was cut off")


async def _read_exactly(response: ClientResponse) -> bytes:
    body = await response.read()
    if response.content_length is not None and response.content_length != len(body):
        raise StoreUnavailable("the body was cut off")
    return body


async def _code(response: ClientResponse) -> str:
    """The S3 error code of a response, or an empty string."""
    match = _CODE.search(await response.content.read(MAX_ERROR_BYTES))
    return match[1].decode() if match else ""


async def _is_no_such_key(response: ClientResponse) -> bool:
    if response.status != 404:
        return False
    code = await _code(response)
    if code != "NoSuchKey":
        raise StoreUnavailable(f"404 {code}")
    return True


async def _refusal(what: str, response: ClientResponse) -> StoreRefused:
    code = await _code(response)
    return StoreRefused(f"{what}: {response.status} {code}", response.status)


def _parse(document: bytes) -> ET.Element:
    """The response without XML namespaces. Expat, as Python builds it, bounds entity expansion."""
    try:
        root = ET.fromstring(document)  # noqa: S314 our own store, authenticated by TLS or loopback
    except ET.ParseError:
        raise StoreUnavailable("unreadable XML") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _text(element: ET.Element, name: str) -> str:
    text = element.findtext(name)
    if not text:
        raise StoreUnavailable(f"list: no {name}")
    return text
