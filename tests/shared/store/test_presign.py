"""URLs are those that the `minio` client signs, for whatever key and at whatever moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from minio import Minio
from minio.helpers import check_object_name
from minio.signer import presign_v4

from shared.store.presign import Presigner, Signed
from shared.store.settings import StoreSettings

NIGHT = datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))
NAMES = st.sampled_from(["list-type", "prefix", "continuation-token", "versioning", "max-keys"])


def store(endpoint: str = "127.0.0.1:7070", *, secure: bool = False, bucket: str = "submissions") -> StoreSettings:
    return StoreSettings(
        endpoint=endpoint, access_key="AKIA/+x", secret_key="s3cr3t/+", bucket=bucket, secure=secure, region="eu-1"
    )


def client(of: StoreSettings) -> Minio:
    return Minio(of.endpoint, access_key=of.access_key, secret_key=of.secret(), secure=of.secure, region=of.region)


def url(presigner: Presigner, signed: Signed) -> str:
    return f"{presigner.scheme}://{signed.netloc}{signed.target}"


def expected(of: StoreSettings, method: str, key: str, query: dict[str, str], at: datetime) -> str:
    lifetime = timedelta(seconds=of.presign_lifetime_s)
    return str(
        client(of).get_presigned_url(
            method, of.bucket, key, expires=lifetime, request_date=at, extra_query_params=dict(query)
        )
    )


@given(
    st.sampled_from(["GET", "PUT", "DELETE"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    st.dictionaries(NAMES, st.text(st.characters(codec="ascii"), max_size=20)),
    MOMENTS,
)
@example("GET", " ", {}, NIGHT)
@example("GET", "a/../b", {}, NIGHT)
@settings(deadline=None)
def test_objects_are_signed_as_by_the_client(method: str, key: str, query: dict[str, str], at: datetime) -> None:
    of = store()
    presigner = Presigner(of, lambda: at)
    try:
        check_object_name(key)
    except ValueError:
        with pytest.raises(ValueError):
            presigner.object(method, key, query)
        return
    assert url(presigner, presigner.object(method, key, query)) == expected(of, method, key, query, at)


@pytest.mark.parametrize(
    "of",
    [
        store("s3.eu-central-1.amazonaws.com", secure=True),
        store("s3.eu-central-1.amazonaws.com", secure=True, bucket="with.dots"),
        store("store.example:443", secure=True),
        store("store.example", secure=True),
    ],
    ids=["virtual host", "dots", "port", "no port"],
)
def test_every_way_of_addressing_is_the_clients(of: StoreSettings) -> None:
    presigner = Presigner(of, lambda: NIGHT)
    assert url(presigner, presigner.object("GET", "a/b", {})) == expected(of, "GET", "a/b", {}, NIGHT)


@pytest.mark.parametrize(
    ("method", "query"),
    [("PUT", {}), ("GET", {"list-type": "2", "prefix": "open/x y/+"}), ("GET", {"versioning": ""})],
    ids=["create", "list", "versioning"],
)
@pytest.mark.parametrize("of", [store(), store("s3.eu-central-1.amazonaws.com", secure=True)], ids=["path", "host"])
def test_the_bucket_is_signed_as_by_the_client(of: StoreSettings, method: str, query: dict[str, str]) -> None:
    presigner, signer = Presigner(of, lambda: NIGHT), _any(client(of))
    wanted = presign_v4(
        method=method,
        url=signer._base_url.build(method=method, region=of.region, bucket_name=of.bucket, query_params=dict(query)),
        region=of.region,
        credentials=signer._provider.retrieve(),
        date=NIGHT,
        expires=of.presign_lifetime_s,
    )
    assert url(presigner, presigner.bucket(method, query)) == wanted.geturl()


def test_a_new_second_and_a_new_day_are_noticed() -> None:
    """One presigner over midnight, and back again: a clock may be set."""
    of, now = store(), NIGHT
    presigner = Presigner(of, lambda: now)
    seen = set()
    for step_s in (0, 0.2, 1, 1, 1, 86_400, -86_400 * 2):
        now += timedelta(seconds=step_s)
        signed = url(presigner, presigner.object("GET", "a/b"))
        assert signed == expected(of, "GET", "a/b", {}, now)
        seen.add(signed)
    assert len(seen) == 6, "within one second it is the same, otherwise another"


def _any(value: Any) -> Any:
    return value
