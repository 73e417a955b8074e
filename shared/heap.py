"""The cyclic garbage collector, set for a service: a large heap that stays, requests that leave little behind."""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 50_000
"""New container objects before the young ones are looked through; Python's own 700 are a fraction of one application.
What waits meanwhile is a few megabytes: almost everything is freed at once, without the collector."""


def settle_heap() -> None:
    """Once, when a service is ready: what is there now (tables, directory, forms, modules) stays, so the collector need
    not walk through it again and again, nor throw it out of the processor's caches each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
