"""Closed loop: so many senders, each with the next submission as soon as the last one was accepted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from bench.client import Connection, Work, submit


@dataclass
class Measured:
    """Accepted submissions and the time that they took; adds up over turns."""

    seconds: float = 0.0
    accepted: list[UUID] = field(default_factory=list)
    repeated: int = 0
    cpu_s: float = 0.0
    """Of the processes that answered."""

    @property
    def per_s(self) -> float:
        return len(self.accepted) / self.seconds if self.seconds else 0.0

    @property
    def cpu_ms_each(self) -> float:
        return round(self.cpu_s * 1e3 / len(self.accepted), 2) if self.accepted else 0.0


async def closed_loop(
    urls: Sequence[str], token: str, work: Sequence[Work], *, concurrency: int, seconds: float, at_most: int
) -> Measured:
    """Send until the time or the ids are used up; what is under way then is finished and counted, with its time."""
    measured = Measured()
    connections = [Connection(urls[number % len(urls)], token) for number in range(concurrency)]
    began = time.monotonic()
    left = at_most

    async def sender(number: int) -> None:
        nonlocal left
        turn = number
        while left > 0 and time.monotonic() - began < seconds:
            left -= 1
            submission_id, _ = await submit(connections[number], work[turn % len(work)])
            measured.accepted.append(submission_id)
            turn += 1

    try:
        await asyncio.gather(*(sender(number) for number in range(concurrency)))
    finally:
        measured.seconds = time.monotonic() - began
        measured.repeated = sum(connection.repeated for connection in connections)
        await asyncio.gather(*(connection.close() for connection in connections))
    return measured
