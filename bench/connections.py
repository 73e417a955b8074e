"""What the store's kept-alive connections are worth: `python -m bench.connections`. Two versitygw, in turn, one run."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import uvloop

from devtools.servers import S3Server
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings

OPERATIONS = 400
AT_ONCE = 16
ROUNDS = 4
BODY = os.urandom(12_000)


async def _turn(store: S3Store) -> tuple[float, float]:
    """Conditional puts: wall seconds and CPU seconds of this process."""
    left = iter(range(OPERATIONS))
    wall, cpu = time.monotonic(), time.process_time()

    async def worker() -> None:
        for _ in left:
            await store.put_new(f"{uuid4()}/outcome", BODY)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return time.monotonic() - wall, time.process_time() - cpu


async def _measure(servers: dict[str, S3Server]) -> dict[str, dict[str, float]]:
    sums = {name: [0.0, 0.0] for name in servers}
    for number in range(ROUNDS):
        for name in sorted(servers, reverse=bool(number % 2)):
            server = servers[name]
            settings = StoreSettings(
                endpoint=server.endpoint,
                access_key=server.access_key,
                secret_key=server.secret_key,
                bucket="bench",
                secure=False,
            )
            async with S3Store.open(settings) as store:
                await store.ensure_bucket()
                wall, cpu = await _turn(store)
            sums[name][0] += wall
            sums[name][1] += cpu
    done = OPERATIONS * ROUNDS
    return {
        name: {"puts_per_s": round(done / wall), "client_cpu_ms": round(cpu / done * 1e3, 3)}
        for name, (wall, cpu) in sums.items()
    }


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        S3Server(Path(folder) / "kept") as kept,
        S3Server(Path(folder) / "new", keep_alive=False) as new,
    ):
        print(json.dumps(uvloop.run(_measure({"kept alive": kept, "a new one each": new})), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
