"""A wrong clock is wrong everywhere in its process, and only there."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from devtools.chaos.ahead import CLOCKS
from devtools.chaos.faults import CLOCK_AHEAD_S, ahead
from devtools.toolchain import ROOT

READ = """
import json, sys, time, importlib
from datetime import datetime, UTC
from devtools.chaos.ahead import CLOCKS, shift
begin = time.monotonic()
main = shift(sys.argv[1], 180.0)
module = importlib.import_module(CLOCKS[sys.argv[1]])
now = module.utc_now if hasattr(module, "utc_now") else module.now if hasattr(module, "now") else None
print(json.dumps({
    "module": (module.datetime.now(UTC) - datetime.now(UTC)).total_seconds(),
    "function": None if now is None else (now() - datetime.now(UTC)).total_seconds(),
    "kafka": time.time() - datetime.now(UTC).timestamp(),
    "store": (importlib.import_module("minio.time").utcnow() - datetime.now(UTC)).total_seconds(),
    "monotonic": time.monotonic() - begin,
    "main": main.__module__,
}))
"""


@pytest.mark.parametrize("service", sorted(CLOCKS))
def test_every_time_of_day_is_ahead_and_monotonic_time_is_not(service: str) -> None:
    shown = subprocess.run([sys.executable, "-c", READ, service], cwd=ROOT, capture_output=True, text=True, check=True)
    read = json.loads(shown.stdout)
    assert read.pop("main") == f"{service}.__main__"
    assert 0 <= read.pop("monotonic") < 60
    assert {name: round(value / 10) * 10 for name, value in read.items() if value is not None} == dict.fromkeys(
        (name for name, value in read.items() if value is not None), 180
    )


def test_no_service_reads_the_time_of_day_anywhere_else() -> None:
    """A module that calls `datetime.now` by itself would keep the right time in a campaign."""
    reading = {
        str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
        for folder in ("services/intake", "services/router", "services/delivery", "shared")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\b(datetime\.(now|utcnow|today)|date\.today|time_ns)\(", path.read_text())
    }
    assert reading == set(CLOCKS.values())


def test_every_replica_comes_to_be_the_one_whose_clock_is_wrong() -> None:
    replicas = [f"{service}-{number}" for service in ("intake", "router", "delivery") for number in (1, 2)]
    chosen = [ahead(seed, replicas) for seed in range(60)]
    assert all(list(each.values()) == [CLOCK_AHEAD_S] for each in chosen)
    assert {name for each in chosen for name in each} == set(replicas)
    assert chosen == [ahead(seed, list(reversed(replicas))) for seed in range(60)]
