"""The body of a push: multipart/form-data (RFC 7578), streamed, of a length known beforehand.

Field `manifest` first, then one field for each part in the manifest's order, named by its id; `application/jose` each.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator

from services.delivery.adapters.port import Consignment

_FIELD = '--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: application/jose\r\n\r\n'


class PushBody:
    """`chunks()` may be consumed once. `fault` is the error that ended it early, so that it is not taken for the
    Jobcenter's: an HTTP client reports a failing body as a failing connection."""

    def __init__(self, consignment: Consignment) -> None:
        self._consignment = consignment
        self._boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={self._boundary}"
        self.fault: Exception | None = None
        self.complete = False
        """All parts were taken: only now can the receiver say that it has everything."""
        self.longest_wait_s = 0.0
        """The longest time that the receiver took to take one chunk."""

    @property
    def length(self) -> int:
        """Bytes of the whole body."""
        fields = [("manifest", len(self._consignment.manifest_token))]
        fields += [(str(part.id), part.size) for part in self._consignment.manifest.parts]
        return sum(len(self._head(name)) + size + 2 for name, size in fields) + len(self._tail())

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks():
                before = time.monotonic()
                yield chunk
                self.longest_wait_s = max(self.longest_wait_s, time.monotonic() - before)
        except Exception as error:
            self.fault = error
            raise

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield self._head("manifest") + self._consignment.manifest_token.encode("ascii") + b"\r\n"
        for part in self._consignment.manifest.parts:
            yield self._head(str(part.id))
            async for chunk in self._consignment.open_part(part):
                yield chunk
            yield b"\r\n"
        self.complete = True
        yield self._tail()

    def _head(self, name: str) -> bytes:
        return _FIELD.format(boundary=self._boundary, name=name).encode("ascii")

    def _tail(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode("ascii")
