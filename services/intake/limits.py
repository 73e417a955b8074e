"""Two limits at the door: how fast one client may ask, and how much is under way at once.

Both decide before anything is read or written, so a surge is refused clearly and never half accepted.
Counted by each replica on its own: a client's real limit is the setting times the number of replicas.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

from shared.errors import SenderError


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class ClientLimits:
    """A token bucket for each client: `rate_per_s` requests a second, `burst` at once.

    Assumes a monotonic clock. Guarantees: in any window of t seconds a client gets at most `burst + rate_per_s * t`
    requests through, and one that waits as long as it was told gets the next one through.
    At most `max_clients` are remembered; the longest idle one is forgotten first (it would be full again anyway).
    """

    def __init__(self, rate_per_s: float, burst: int, max_clients: int = 10_000) -> None:
        self._rate = rate_per_s
        self._burst = float(burst)
        self._max = max_clients
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client_id: str, now_s: float) -> int | None:
        """Take one token; `None` when granted, else the whole seconds to wait."""
        bucket = self._buckets.get(client_id)
        if bucket is None:
            bucket = self._buckets[client_id] = _Bucket(self._burst, now_s)
            if len(self._buckets) > self._max:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(client_id)
        bucket.tokens = min(self._burst, bucket.tokens + max(0.0, now_s - bucket.at_s) * self._rate)
        bucket.at_s = now_s
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            return None
        return max(1, ceil((1.0 - bucket.tokens) / self._rate))

    def check(self, client_id: str, now_s: float) -> None:
        """Raise the 429 problem when the client is over its limit."""
        wait_s = self.take(client_id, now_s)
        if wait_s is not None:
            raise SenderError("too-many-requests", "Slow down: wait as long as Retry-After says.", retry_after_s=wait_s)


class Admission:
    """How many requests, and how many uploads among them, may be under way at once in this replica."""

    def __init__(self, max_requests: int, max_uploads: int, retry_after_s: int = 1) -> None:
        self._max_requests = max_requests
        self._max_uploads = max_uploads
        self._retry_after_s = retry_after_s
        self.requests = 0
        self.uploads = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold one place for a request, or refuse with 503 at once."""
        if self.requests >= self._max_requests:
            raise self._refusal()
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    @contextmanager
    def upload(self) -> Iterator[None]:
        """Hold one place for an upload, or refuse with 503 at once."""
        if self.uploads >= self._max_uploads:
            raise self._refusal()
        self.uploads += 1
        try:
            yield
        finally:
            self.uploads -= 1

    def _refusal(self) -> SenderError:
        return SenderError("busy", "Too much is under way here; nothing was stored.", retry_after_s=self._retry_after_s)
