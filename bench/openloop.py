"""Open loop: a submission begins at every beat, however long the ones before it take. Receipt to acknowledgement."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bench.accounts import Accounts
from bench.client import Connection, Work, submit

RECEIPT_POLL_S = 0.1


async def open_loop(
    urls: Sequence[str], token: str, work: Sequence[Work], *, rate: int, seconds: float
) -> dict[UUID, float]:
    """Id → time of receipt (seconds since the epoch), as the signed receipt says it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    idle: list[Connection] = []
    received: dict[UUID, float] = {}

    async def one(number: int) -> None:
        connection = idle.pop() if idle else Connection(urls[number % len(urls)], token)
        submission_id, reply = await submit(connection, work[number % len(work)])
        while reply.status not in {200, 201}:  # stored, the receipt follows
            await asyncio.sleep(RECEIPT_POLL_S)
            reply = await connection.request("GET", f"/v1/submissions/{submission_id}/receipt")
        idle.append(connection)
        received[submission_id] = datetime.fromisoformat(json.loads(reply.body)["received_at"]).timestamp()

    tasks = []
    for number in range(round(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    await asyncio.gather(*(connection.close() for connection in idle))
    return received


def figures(rate: int, received: dict[UUID, float], accounts: Accounts) -> dict[str, float]:
    """Milliseconds from receipt until the acknowledgement was read on `submissions.events`; the missing are left out:
    they are counted as unaccounted."""
    took = sorted(
        (accounts.acknowledged[key] - at) * 1e3 for key, at in received.items() if key in accounts.acknowledged
    )
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return {"rate": rate, "p50_ms": round(cuts[49]), "p95_ms": round(cuts[94]), "p99_ms": round(cuts[98])}
