"""A service whose clock is wrong: `python -m devtools.chaos.ahead SECONDS services.delivery`.

The service inside is the product's, unchanged. What it and its libraries read as the time of day is so many seconds
ahead (or, negative, behind); monotonic time is not touched, as on a machine whose clock is wrong. Each service reads
the time of day in one place, its composition root; the tests find one that does it elsewhere.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

CLOCKS = {
    "services.intake": "services.intake.__main__",
    "services.router": "services.router.__main__",
    "services.delivery": "services.delivery.wiring",
}
"""Service → the module of it that calls `datetime.now`."""
LIBRARIES = ("minio.time",)
"""Others that call it: requests to the store are signed with the time."""


def shift(service: str, ahead_s: float) -> Callable[[], int]:
    """Puts this process's clock ahead, for good, and answers the service's `main`. Before anything else is imported."""
    ahead, honest = timedelta(seconds=ahead_s), time.time

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead

    time.time = lambda: honest() + ahead_s
    for name in (CLOCKS[service], *LIBRARIES):
        module = importlib.import_module(name)
        if module.datetime is not datetime:
            raise RuntimeError(f"{name} reads the time in another way now")
        module.datetime = Shifted  # type: ignore[attr-defined]
    main: Callable[[], int] = importlib.import_module(f"{service}.__main__").main
    return main


if __name__ == "__main__":
    sys.exit(shift(sys.argv[2], float(sys.argv[1]))())
