"""Presigned URLs (AWS Signature Version 4, query form) at the price of two hashes.

The `minio` client signs the same URLs (tests compare them, over midnight too) in about 80 µs: it derives the day's key
and formats the moment anew for each one. Here the client decides once how the bucket is addressed, its own functions
derive the key once a day, and what depends on the moment is written once a second.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from minio import Minio
from minio import time as minio_time
from minio.helpers import check_object_name, queryencode, quote
from minio.signer import _get_signing_key, get_credential_string
from minio.time import to_amz_date

from shared.store.settings import StoreSettings

SERVICE: Final = "s3"


class Signed(NamedTuple):
    """Where a signed request goes, and its target: path and query, encoded."""

    netloc: str
    target: str


@dataclass(frozen=True)
class _Moment:
    """What all signatures of one second have in common."""

    second: int
    key: bytes
    head: str
    """The string to sign, up to the hash of the request."""
    query: str


def _clients_now() -> datetime:
    """The `minio` client's clock, looked up at each use: whoever shifts that one shifts this one."""
    return minio_time.utcnow()


class Presigner:
    """Signs for one bucket. Holds no state but the last second's. Arithmetic alone: no network, no waiting."""

    def __init__(self, settings: StoreSettings, now: Callable[[], datetime] = _clients_now) -> None:
        self._settings = settings
        self._secret = settings.secret()
        self._now = now
        self._client: Any = Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=self._secret,
            secure=settings.secure,
            region=settings.region,
        )
        # An object's address is this one with its own name: built for the shortest name, which then is cut off.
        url = self._client._base_url.build(
            method="GET", region=settings.region, bucket_name=settings.bucket, object_name="o"
        )
        self.scheme: Final[str] = url.scheme
        self._netloc: str = url.netloc
        self._folder: str = url.path[:-1]
        self._day: tuple[str, bytes] = ("", b"")
        self._moment: _Moment | None = None

    def object(self, method: str, key: str, query: Mapping[str, str] | None = None) -> Signed:
        """An object's URL. Raises `ValueError` for a key that the client refuses too (empty, `.` and `..`)."""
        check_object_name(key)
        return self._signed(method, self._netloc, self._folder + quote(key), _encode(query or {}))

    def bucket(self, method: str, query: Mapping[str, str]) -> Signed:
        """The bucket's own URL. How it is addressed depends on method and query, so the client is asked each time."""
        settings = self._settings
        url = self._client._base_url.build(
            method=method, region=settings.region, bucket_name=settings.bucket, query_params=dict(query)
        )
        return self._signed(method, url.netloc, url.path or "/", _encode(query))

    def _signed(self, method: str, netloc: str, path: str, own: list[str]) -> Signed:
        moment = self._at(self._now())
        query = "&".join((*own, moment.query))
        # The X-Amz-… stand in order already; a query of our own has to be put in its place among them.
        canonical = "&".join(sorted(query.split("&"))) if own else query
        request = f"{method}\n{path}\n{canonical}\nhost:{netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = hmac.digest(moment.key, (moment.head + digest).encode(), "sha256").hex()
        return Signed(netloc, f"{path}?{query}&X-Amz-Signature={signature}")

    def _at(self, now: datetime) -> _Moment:
        second = int(now.timestamp())
        if self._moment is None or self._moment.second != second:
            settings = self._settings
            moment = to_amz_date(now)
            scope = get_credential_string(settings.access_key, now, settings.region)
            if self._day[0] != scope:
                self._day = (scope, _get_signing_key(self._secret, now, settings.region, SERVICE))
            self._moment = _Moment(
                second=second,
                key=self._day[1],
                head=f"AWS4-HMAC-SHA256\n{moment}\n{scope[len(settings.access_key) + 1 :]}\n",
                query=(
                    f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={queryencode(scope)}&X-Amz-Date={moment}"
                    f"&X-Amz-Expires={settings.presign_lifetime_s}&X-Amz-SignedHeaders=host"
                ),
            )
        return self._moment


def _encode(query: Mapping[str, str]) -> list[str]:
    return [f"{queryencode(name)}={queryencode(value)}" for name, value in sorted(query.items())]
