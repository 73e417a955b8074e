"""Where the key set of another issuer comes from. Both may change while the service runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from services.intake.auth import JwksSource
from shared.contracts.canonical import strict_json
from shared.errors import SenderError

TIMEOUT_S = 1.5
MAX_BYTES = 256 * 1024


def jwks_from_file(path: Path) -> JwksSource:
    """Reads the file each time it is asked."""

    async def read() -> dict[str, Any]:
        try:
            return _key_set(await asyncio.to_thread(path.read_bytes))
        except OSError:
            raise _unavailable() from None

    return read


def jwks_from_url(url: str) -> JwksSource:
    """Fetches the document each time it is asked; no redirects, at most 256 KiB."""

    async def fetch() -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise _unavailable()
                body = b""
                while len(body) <= MAX_BYTES and (chunk := await response.content.read(MAX_BYTES)):
                    body += chunk
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise _unavailable() from None
        return _key_set(body)

    return fetch


def _key_set(body: bytes) -> dict[str, Any]:
    try:
        document = strict_json(body)
    except ValueError:
        raise _unavailable() from None
    if len(body) > MAX_BYTES or not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise _unavailable()
    return document


def _unavailable() -> SenderError:
    # The sender is not to blame, but must be told to come back: nobody's token can be checked now.
    return SenderError("unavailable", "The issuer's keys cannot be read at the moment.")
