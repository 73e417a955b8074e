"""TEST-ONLY keys, the same in every run, so that no test waits for RSA 4096.

Their private halves are in the repository: never trust one of them anywhere. `python -m tests.keys` makes missing ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from shared.contracts.directory import (
    Contact,
    Destination,
    DestinationKey,
    HttpsAdapter,
    JobcenterEntry,
    KeyState,
    KeyUse,
    PlatformEntry,
    PlatformKey,
    PlatformKeyUse,
    Rollout,
)
from shared.sealing.jwe import Recipient
from shared.sealing.jwk import Alg, PrivateKey, generate_ec, generate_rsa, load_private, public_jwk, write_new
from shared.trust.anchor import Anchor, sign_entry
from shared.trust.platform import PlatformKeys

DATA = Path(__file__).parent / "data"
ISSUED_AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)

_MAKERS: dict[str, Callable[[], dict[str, Any]]] = {
    "directory": generate_ec,
    "receipt": generate_ec,
    "push": generate_ec,
    "transit": generate_rsa,
    "a-encrypt": generate_rsa,
    "a-verify": lambda: generate_rsa(alg=Alg.PS512),
    "b-encrypt": generate_rsa,
    "b-verify": lambda: generate_rsa(alg=Alg.PS512),
}


def path(name: str) -> Path:
    """File of the private JWK `name`: directory, receipt, push, transit, {a,b}-{encrypt,verify}."""
    return DATA / f"{name}.jwk"


@cache
def _text(name: str) -> str:
    return path(name).read_text()


def private_jwk(name: str) -> dict[str, Any]:
    """A fresh copy of the private JWK."""
    jwk: dict[str, Any] = json.loads(_text(name))
    del jwk["comment"]
    return jwk


def public(name: str) -> dict[str, Any]:
    """The public JWK."""
    return public_jwk(private_jwk(name))


def kid(name: str) -> str:
    """The key's thumbprint."""
    return str(private_jwk(name)["kid"])


@cache
def private_key(name: str) -> PrivateKey:
    """The loaded private key (a quarter of a second for RSA, once)."""
    return load_private(private_jwk(name))


def recipient(name: str) -> Recipient:
    """A sealing key (`transit`, `a-encrypt`, `b-encrypt`) to seal for."""
    return Recipient.from_jwk(public(name))


def key_for(*names: str) -> Callable[[str], Any]:
    """`key_for` over private keys, for openers."""
    return {kid(name): private_key(name) for name in names}.get


def anchor() -> Anchor:
    return Anchor(public("directory"))


def platform_entry(*, version: int = 1) -> PlatformEntry:
    """The platform's key set of the tests: one active key for each use."""
    return PlatformEntry(
        version=version,
        issued_at=ISSUED_AT,
        issuer="Antragsweiche (TEST ONLY)",
        keys=tuple(
            PlatformKey(kid=kid(use.value), use=use, state=KeyState.ACTIVE, jwk=public(use.value))
            for use in PlatformKeyUse
        ),
    )


@cache
def platform_keys() -> PlatformKeys:
    return PlatformKeys(platform_entry())


def destination_keys(letter: str) -> tuple[DestinationKey, ...]:
    """The active keys of test destination `a` or `b`."""
    return tuple(
        DestinationKey(
            kid=kid(f"{letter}-{use.value}"), use=use, state=KeyState.ACTIVE, jwk=public(f"{letter}-{use.value}")
        )
        for use in KeyUse
    )


def destination(letter: str, identity: str | None = None, *, url: str | None = None) -> Destination:
    """A destination with the keys of `a` or `b`; its id is `jobcenter-<letter>` unless given."""
    return Destination(
        id=identity or f"jobcenter-{letter}",
        adapter=HttpsAdapter(url=url) if url else None,
        keys=destination_keys(letter),
    )


def jobcenter_entry(
    letter: str, identity: str | None = None, *, version: int = 1, url: str | None = None
) -> JobcenterEntry:
    """A live Jobcenter with one destination of the same id."""
    name = identity or f"jobcenter-{letter}"
    return JobcenterEntry(
        id=name,
        version=version,
        issued_at=ISSUED_AT,
        name=f"Jobcenter {letter.upper()} (TEST ONLY)",
        state="Hessen",
        carrier_number="99999",
        rollout=Rollout.LIVE,
        contact=Contact(),
        destinations=(destination(letter, name, url=url),),
    )


def signed(entry: PlatformEntry | JobcenterEntry) -> str:
    """An entry signed by the test directory key."""
    return sign_entry(entry, private_jwk("directory"))


def _make_missing() -> None:
    for name, make in _MAKERS.items():
        if not path(name).exists():
            write_new(path(name), {"comment": "TEST ONLY: published in the repository, never to be trusted", **make()})


if __name__ == "__main__":
    _make_missing()
