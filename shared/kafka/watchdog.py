"""Progress, or why not. aiokafka's consumer can stall after a broker's restart without saying so. Pure.

A partition is stalled when the broker has more than was read, the lane would take more, and nothing was read for
`limit_s`. A lane that is full or waits for its Jobcenter does not want more: it is never stalled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """One partition at one moment: the next offset to read, the broker's end, and whether the lane wants more."""

    position: int
    end: int
    wants_more: bool


class Watchdog:
    """Feed it all assigned partitions every few seconds; `observe` answers those that are stalled."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since: dict[str, tuple[int, float]] = {}

    def observe(self, now: float, readings: Mapping[str, Reading]) -> list[str]:
        """`now` is monotonic, in seconds; keys name partitions. Partitions that are not given are forgotten."""
        since: dict[str, tuple[int, float]] = {}
        for name, reading in readings.items():
            if not reading.wants_more or reading.end <= reading.position:
                continue
            position, start = self._since.get(name, (reading.position, now))
            since[name] = (reading.position, now if position != reading.position else start)
        self._since = since
        return sorted(name for name, (_, start) in since.items() if now - start >= self._limit_s)
