from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from services.receiver import trust
from tests.services.receiver.support import Running, make_settings

_load = trust.load_private_rsa
_loaded: dict[str, Any] = {}


def _load_once(jwk: Mapping[str, Any], *, alg: Any) -> Any:
    """Checking RSA 4096 takes a quarter of a second; once for each key and purpose is enough for tests."""
    name = f"{jwk['kid']} {alg}"
    if name not in _loaded:
        _loaded[name] = _load(jwk, alg=alg)
    return _loaded[name]


@pytest.fixture(autouse=True)
def _keys_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.receiver.trust.load_private_rsa", _load_once)


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Running]:
    """A running receiver for `jobcenter-a` and `jobcenter-b`."""
    async with Running(make_settings(tmp_path)) as running:
        yield running
