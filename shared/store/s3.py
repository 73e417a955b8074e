"""The store port over any S3 server: URLs signed as the `minio` client signs them, bodies moved by aiohttp.

Presigning is arithmetic (`shared.store.presign`): nothing here blocks the loop. Small objects take the short way over
aiohttp's connections (`shared.store.wire`), large bodies stream through its session with constant memory.

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
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from shared.errors import Misconfigured, StoreRefused, StoreUnavailable
from shared.store.port import ObjectStream
from shared.store.presign import Presigner, Signed
from shared.store.settings import StoreSettings
from shared.store.streams import ExactBody
from shared.store.wire import MAX_ERROR_BYTES, Ambiguous, NotSent, Reply, Wire

CHUNK_BYTES: Final = 256 * 1024
UNUSED_KEY: Final = "check"
"""No object has it: whether a bucket answers is asked by looking for it."""
CONDITIONAL_ATTEMPTS: Final = 3
WRITE_SHARE: Final = 2 / 3
"""Share of an operation's time that the write itself may take; the rest is kept for reading back."""

_CODE = re.compile(rb"<Code>([A-Za-z]{1,64})</Code>")


def open_session(settings: StoreSettings) -> ClientSession:
    """A session with the bounded connection pool that `S3Store` expects; the caller closes it."""
    return ClientSession(
        connector=TCPConnector(limit=settings.max_connections, ttl_dns_cache=60, socket_factory=_resetting_socket),
        timeout=ClientTimeout(total=settings.operation_timeout_s, sock_connect=settings.connect_timeout_s),
        auto_decompress=False,
    )


def _resetting_socket(info: Any) -> socket.socket:
    """A socket that closes by RST, so that a body cut off is never mistaken for one that ended."""
    family, kind, protocol, _, _ = info
    sock = socket.socket(family=family, type=kind, proto=protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return sock


class S3Store:
    """Implements `shared.store.port.Store`. Safe for concurrent use within one event loop."""

    def __init__(self, settings: StoreSettings, session: ClientSession) -> None:
        self._settings = settings
        self.session = session
        self._bucket = settings.bucket
        self._signer = Presigner(settings)
        assert session.connector is not None, "a closed session"
        self._wire = Wire(session.connector, self._signer.scheme, settings.connect_timeout_s)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: StoreSettings) -> AsyncIterator[S3Store]:
        """`async with S3Store.open(settings) as store:` with a session of its own."""
        async with open_session(settings) as session:
            yield cls(settings, session)

    def presign(self, method: str, key: str, query: Mapping[str, str] | None = None) -> URL:
        """The signed URL of an object; no network I/O."""
        signed = self._signer.object(method, key, query)
        return URL(f"{self._signer.scheme}://{signed.netloc}{signed.target}", encoded=True)

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
        status: int | None = None
        try:
            reply = await self._wire.request(
                "PUT",
                self._signer.object("PUT", key),
                timeout_s=left * WRITE_SHARE,
                body=body,
                headers={"If-None-Match": "*", "Content-Type": "application/octet-stream"},
            )
            status = reply.status
            if status < 300:
                return True
            if status == 412 and not reply.repeated:
                return False
            if status not in (409, 412) and status < 500:
                raise _refusal("put_new", reply)
        except NotSent as error:
            raise StoreUnavailable(f"put_new: {error}") from None
        except Ambiguous:
            status = None
        # Undecided, or a 412 to a write that was sent twice: it may be our own that stands there.
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
        reply = await self._plain("put", "PUT", self._signer.object("PUT", key), body=body)
        if reply.status >= 300:
            raise _refusal("put", reply)

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
                        raise await _refused("put_stream", response)
                    await response.read()
        except (ClientError, TimeoutError, OSError) as error:
            if body is not None:
                body.raise_if_broken()
            raise StoreUnavailable(f"put_stream: {type(error).__name__}") from None

    async def delete(self, key: str) -> None:
        reply = await self._plain("delete", "DELETE", self._signer.object("DELETE", key))
        if reply.status >= 300 and not _is_no_such_key(reply):
            raise _refusal("delete", reply)

    # -- reading ---------------------------------------------------------------------------------------------------

    async def get(self, key: str, *, timeout_s: float | None = None) -> bytes | None:
        reply = await self._plain("get", "GET", self._signer.object("GET", key), timeout_s=timeout_s)
        if reply.status == 200:
            return _whole(reply)
        if _is_no_such_key(reply):
            return None
        raise _refusal("get", reply)

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
            elif response.status == 404 and _is_missing(await _code_of(response)):
                yield None
            else:
                raise await _refused("get_stream", response)
        finally:
            response.close()

    async def exists(self, key: str) -> bool:
        return await self.size(key) is not None

    async def size(self, key: str) -> int | None:
        # Not HEAD: its 404 has no body and so cannot tell a free key from a missing bucket.
        headers = {"Range": "bytes=0-0"}
        reply = await self._plain("size", "GET", self._signer.object("GET", key), headers=headers)
        if reply.status == 206:
            return int(reply.headers["Content-Range"].rpartition("/")[2])
        if reply.status == 200:
            return len(_whole(reply))
        if reply.status == 416:
            return 0
        if _is_no_such_key(reply):
            return None
        raise _refusal("size", reply)

    async def list(self, prefix: str) -> list[str]:
        keys: list[str] = []
        token = ""
        while True:
            query = {"list-type": "2", "prefix": prefix} | ({"continuation-token": token} if token else {})
            reply = await self._plain("list", "GET", self._signer.bucket("GET", query))
            if reply.status != 200:
                raise _refusal("list", reply)
            page = _parse(_whole(reply))
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
        reply = await self._plain("ensure_bucket", "PUT", self._signer.bucket("PUT", {}))
        if reply.status >= 300:
            code = _code(reply.body)
            if code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise StoreUnavailable(f"ensure_bucket: {reply.status} {code}")
        await self.check()

    async def check(self) -> None:
        # Not by a listing: versitygw reads the whole top folder for one, which has an entry for each submission.
        await self.exists(UNUSED_KEY)

    async def check_bucket(self) -> None:
        """Refuses a bucket in which erasing would not erase.

        Raises `Misconfigured` when the bucket is missing, or has, or ever had, versioning, or has object lock.
        """
        reply = await self._plain("check_bucket", "GET", self._signer.bucket("GET", {"versioning": ""}))
        code = _code(reply.body) if reply.status >= 300 else ""
        if code == "NoSuchBucket":
            raise Misconfigured(f"bucket {self._bucket} does not exist")
        # A server without versioning at all says so with an error of its own.
        if reply.status >= 300 and code not in ("NotImplemented", "VersioningNotConfigured"):
            raise StoreUnavailable(f"check_bucket: {reply.status} {code}")
        if reply.status == 200 and _parse(_whole(reply)).findtext("Status"):
            raise Misconfigured(f"bucket {self._bucket} has versioning: erasing would not erase")
        reply = await self._plain("check_bucket", "GET", self._signer.bucket("GET", {"object-lock": ""}))
        if reply.status == 200:
            if _parse(_whole(reply)).findtext("ObjectLockEnabled") == "Enabled":
                raise Misconfigured(f"bucket {self._bucket} has object lock: erasing would not erase")
            return
        code = _code(reply.body)
        if code not in ("ObjectLockConfigurationNotFoundError", "NotImplemented"):
            raise StoreUnavailable(f"check_bucket: {reply.status} {code}")

    async def _plain(
        self, what: str, method: str, signed: Signed, *, timeout_s: float | None = None, **options: Any
    ) -> Reply:
        """A request whose every transport failure is `StoreUnavailable`."""
        try:
            return await self._wire.request(
                method, signed, timeout_s=timeout_s or self._settings.operation_timeout_s, **options
            )
        except (NotSent, Ambiguous) as error:
            raise StoreUnavailable(f"{what}: {error}") from None


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


def _whole(reply: Reply) -> bytes:
    """The body, exactly as long as announced."""
    announced = reply.headers.get("Content-Length")
    if announced is not None and int(announced) != len(reply.body):
        raise StoreUnavailable("the body was cut off")
    return reply.body


def _code(body: bytes) -> str:
    """The S3 error code of a response, or an empty string."""
    match = _CODE.search(body)
    return match[1].decode() if match else ""


async def _code_of(response: ClientResponse) -> str:
    return _code(await response.content.read(MAX_ERROR_BYTES))


def _is_missing(code: str) -> bool:
    """Whether a 404 proves that the key is free."""
    if code != "NoSuchKey":
        raise StoreUnavailable(f"404 {code}")
    return True


def _is_no_such_key(reply: Reply) -> bool:
    return reply.status == 404 and _is_missing(_code(reply.body))


def _refusal(what: str, reply: Reply) -> StoreRefused:
    return StoreRefused(f"{what}: {reply.status} {_code(reply.body)}", reply.status)


async def _refused(what: str, response: ClientResponse) -> StoreRefused:
    return StoreRefused(f"{what}: {response.status} {await _code_of(response)}", response.status)


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
