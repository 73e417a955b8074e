"""A receiver that ends itself with SIGKILL at one step: `python -m tests.services.receiver.killed <folder> <step>`.

With a third argument it watches that folder as its inbox; nobody takes its answers.
Prints its port when it serves. SIGKILL leaves what a power cut leaves, but for what was not on the disk yet.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from services.receiver.deliveries import Step
from services.receiver.http import create_app
from services.receiver.settings import FolderInbox
from tests.services.receiver.support import NOW, make_settings


async def main(folder: Path, fatal: Step, inbox: Path | None = None) -> None:
    def on_step(step: Step) -> None:
        if step is fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = make_settings(folder)
    destination = settings.destinations[0]
    if inbox is not None:
        destination = destination.model_copy(update={"inbox": FolderInbox(folder=inbox)})
        settings = settings.model_copy(update={"answers_url": "http://127.0.0.1:1", "inbox_interval_s": 0.05})
    settings = settings.model_copy(update={"destinations": (destination,)})
    runner = web.AppRunner(create_app(settings, lambda: NOW, on_step=on_step))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Step(sys.argv[2]), *(Path(each) for each in sys.argv[3:])))
