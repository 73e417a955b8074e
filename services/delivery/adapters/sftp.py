"""SFTP hot folder of a Jobcenter (asyncssh). One connection for each delivery; the host key is pinned by the directory.

Files are written as `<name>.<random>.part`, compared in size, then renamed: two attempts at once never share a file.
What a broken attempt leaves behind ends in `.part` and goes with the delivery's folder when the Jobcenter takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from services.delivery.adapters.drop import Check, DropSigner, File, lay_down
from services.delivery.adapters.port import Consignment, HandedOver
from services.delivery.adapters.secrets import SFTP_KEY, NotConfigured, Secrets
from shared.contracts.directory import Destination, SftpAdapter
from shared.contracts.reasons import Reason
from shared.errors import JobcenterError
from shared.trust import drops

_CHUNK_BYTES = 256 * 1024


class SftpDrop:
    """See `adapters.port` and `adapters.drop`."""

    def __init__(self, secrets: Secrets, sign: DropSigner, *, connect_timeout_s: float, idle_timeout_s: float) -> None:
        asyncssh.set_log_level(logging.WARNING)  # else it tells of every connection
        self._secrets, self._sign = secrets, sign
        self._connect_timeout_s, self._idle_timeout_s = connect_timeout_s, idle_timeout_s

    async def deliver(self, consignment: Consignment) -> HandedOver:
        async with self._open(consignment.destination) as (sftp, root):
            place = _Folder(sftp, f"{root}/{consignment.delivery_id}", self._idle_timeout_s)
            await place.make()
            return await lay_down(place, consignment, self._sign)

    async def probe(self, destination: Destination) -> None:
        """Logs in, writes an empty, marked file into the hot folder and takes it away again."""
        async with self._open(destination) as (sftp, root), _faults():
            name = f"{root}/{drops.PROBE}.{secrets.token_hex(8)}{drops.UNFINISHED}"
            async with asyncio.timeout(self._idle_timeout_s):
                async with sftp.open(name, "wb"):
                    pass
                await sftp.remove(name)

    @asynccontextmanager
    async def _open(self, destination: Destination) -> AsyncIterator[tuple[asyncssh.SFTPClient, str]]:
        adapter = destination.adapter
        if not isinstance(adapter, SftpAdapter):
            raise NotConfigured(f"{destination.id} has no SFTP adapter")
        try:
            key = asyncssh.import_private_key(self._secrets.read(destination, SFTP_KEY) + b"\n")
        except asyncssh.KeyImportError:
            raise NotConfigured(f"{destination.id}: {SFTP_KEY} is no private key without passphrase") from None
        try:
            pinned = [asyncssh.import_public_key(line) for line in adapter.host_keys]
        except asyncssh.KeyImportError:
            raise NotConfigured(f"{destination.id}: a pinned host key is no OpenSSH public key") from None
        async with contextlib.AsyncExitStack() as stack:
            async with _faults():
                connection = await stack.enter_async_context(
                    asyncssh.connect(
                        adapter.host,
                        adapter.port,
                        username=adapter.user,
                        client_keys=[key],
                        known_hosts=(pinned, [], []),
                        preferred_auth="publickey",
                        agent_path=None,
                        config=None,
                        x509_trusted_certs=None,
                        connect_timeout=self._connect_timeout_s,
                        login_timeout=self._connect_timeout_s,
                        keepalive_interval=self._idle_timeout_s / 2,
                    )
                )
                async with asyncio.timeout(self._connect_timeout_s):
                    sftp = await stack.enter_async_context(connection.start_sftp_client())
            yield sftp, adapter.path


class _Folder:
    """One delivery's folder (`adapters.drop.Place`)."""

    def __init__(self, sftp: asyncssh.SFTPClient, path: str, idle_timeout_s: float) -> None:
        self._sftp, self._path, self._idle_timeout_s = sftp, path, idle_timeout_s

    async def make(self) -> None:
        async with _faults(), asyncio.timeout(self._idle_timeout_s):
            if not await self._sftp.isdir(self._path):
                with contextlib.suppress(asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
                    await self._sftp.mkdir(self._path)  # another attempt may be first
                if not await self._sftp.isdir(self._path):
                    raise JobcenterError(Reason.REFUSED)

    async def holds(self, file: File) -> bool:
        name = f"{self._path}/{file.name}"
        async with _faults():
            try:
                async with asyncio.timeout(self._idle_timeout_s):
                    if (await self._sftp.stat(name)).size != file.size:
                        return False
                return await self._same(name, file)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return False

    async def _same(self, name: str, file: File) -> bool:
        check = Check(file)
        async with asyncio.timeout(self._idle_timeout_s) as limit, self._sftp.open(name, "rb") as reader:
            while chunk := await reader.read(_CHUNK_BYTES):
                limit.reschedule(asyncio.get_running_loop().time() + self._idle_timeout_s)
                assert isinstance(chunk, bytes)
                check.update(chunk)
        return check.same

    async def write(self, file: File, chunks: AsyncIterator[bytes]) -> None:
        final = f"{self._path}/{file.name}"
        unfinished = f"{final}.{secrets.token_hex(8)}{drops.UNFINISHED}"
        async with _faults():
            try:
                await self._write(unfinished, chunks)
                async with asyncio.timeout(self._idle_timeout_s):
                    await self._rename(unfinished, final, file.size)
            except Exception:
                with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
                    async with asyncio.timeout(self._idle_timeout_s):
                        await self._sftp.remove(unfinished)
                raise

    async def _write(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        # The time limit covers the server alone: how long the store takes for a chunk is the store's own business.
        async with _limited(self._idle_timeout_s):
            writer = await self._sftp.open(name, "wb")
        try:
            async for chunk in chunks:
                async with _limited(self._idle_timeout_s):
                    await writer.write(chunk)
            with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                async with _limited(self._idle_timeout_s):
                    await writer.fsync()
        finally:
            async with _limited(self._idle_timeout_s):
                await writer.close()

    async def _rename(self, old: str, new: str, size: int) -> None:
        if (await self._sftp.stat(old)).size != size:
            raise JobcenterError(Reason.REFUSED)  # a full disk that says nothing
        try:
            await self._sftp.posix_rename(old, new)
        except (asyncssh.SFTPOpUnsupported, asyncssh.SFTPFailure):
            # Servers without OpenSSH's extension refuse to replace; a moment without the file harms nobody.
            if await self._sftp.exists(new):
                await self._sftp.remove(new)
            await self._sftp.rename(old, new)


@asynccontextmanager
async def _limited(seconds: float) -> AsyncIterator[None]:
    async with asyncio.timeout(seconds):
        yield


@asynccontextmanager
async def _faults() -> AsyncIterator[None]:
    """What went wrong at the Jobcenter's server, as codes. Our own errors pass."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable:
        raise JobcenterError(Reason.HOST_KEY) from None
    except asyncssh.PermissionDenied:
        raise JobcenterError(Reason.LOGIN) from None
    except TimeoutError:
        raise JobcenterError(Reason.TIMEOUT) from None
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
        raise JobcenterError(Reason.CONNECT) from None
    except asyncssh.SFTPError:
        raise JobcenterError(Reason.REFUSED) from None
    except (asyncssh.Error, OSError):
        raise JobcenterError(Reason.CONNECT) from None
