"""The reference receiver as a process, with misbehaviour around it: `python -m devtools.chaos.receiver`.

The receiver inside is the product's, unchanged. What it does wrong stands in the file `CHAOS_CONTROL_FILE`, a
`Control`, which is read at every request, so that it can be healed while it runs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import BaseModel, ConfigDict

from services.receiver.deliveries import Step
from services.receiver.http import JOSE, create_app
from services.receiver.settings import load
from shared.telemetry.logs import configure, emit

log = logging.getLogger(__name__)

DIED = 70
"""Exit code of a receiver that ended itself between writing and answering."""
_POSTS = 60


class Manner(StrEnum):
    """How a receiver behaves."""

    GOOD = "good"
    SLOW = "slow"
    """Answers seconds later."""
    FLAPPING = "flapping"
    """Works for some seconds, answers 503 or breaks the connection for some seconds."""
    POISON = "poison"
    """500 for one application only, the first that comes; everything else, and the probe, works."""
    LATE = "late"
    """202, and the signed answer later, to delivery's own endpoint."""
    DYING = "dying"
    """Ends itself, without any warning, between writing and answering; somebody starts it again."""


class Control(BaseModel):
    """What the campaign says. `answer_urls`: where late answers go, one after the other. `delay_s`: before anything."""

    model_config = ConfigDict(frozen=True)

    manner: Manner = Manner.GOOD
    answer_urls: tuple[str, ...] = ()
    delay_s: float = 0.0


class Misbehaviour:
    """A middleware around the whole receiver, and the step at which it may die."""

    def __init__(self, control_file: Path, source: random.Random) -> None:
        self._file = control_file
        self._poisoned = control_file.with_suffix(".poisoned")
        self._random = source
        self._posting: set[asyncio.Task[None]] = set()

    @property
    def control(self) -> Control:
        return Control.model_validate_json(self._file.read_bytes())

    def on_step(self, step: Step) -> None:
        """Dies in one of six hand-overs, somewhere between the folder's staging and the answer."""
        dangerous = (Step.STAGED, Step.BEGUN, Step.RENAMED, Step.ACCEPTED)
        if step in dangerous and self._random.random() < 1 / 24 and self.control.manner is Manner.DYING:
            os._exit(DIED)

    def middleware(self) -> Middleware:
        @web.middleware
        async def misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
            control = self.control
            if control.delay_s:
                await asyncio.sleep(control.delay_s)
            if control.manner is Manner.SLOW:
                await asyncio.sleep(self._random.uniform(0.5, 4.0))
            if control.manner is Manner.FLAPPING and int(time.monotonic() / 4) % 2:
                return self._down(request)
            delivery = request.match_info.get("delivery_id")
            if delivery is None:
                return await handler(request)
            if control.manner is Manner.POISON and self._is_poisoned(delivery):
                return web.Response(status=500)
            answer = await handler(request)
            if control.manner is Manner.LATE and answer.status == 200 and isinstance(answer, web.Response):
                assert isinstance(answer.body, bytes)
                self._answer_later(delivery, answer.body)
                return web.Response(status=202)
            return answer

        return misbehave

    def _down(self, request: web.Request) -> web.StreamResponse:
        if self._random.random() < 0.5 and request.transport is not None:
            request.transport.abort()
        return web.Response(status=503, headers={"Retry-After": "1"})

    def _is_poisoned(self, delivery: str) -> bool:
        """The first delivery that comes, remembered over restarts."""
        if not self._poisoned.exists():
            self._poisoned.write_text(delivery)
        return self._poisoned.read_text() == delivery

    def _answer_later(self, delivery: str, token: bytes) -> None:
        task = asyncio.create_task(self._post(delivery, token))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    async def _post(self, delivery: str, token: bytes) -> None:
        """Until delivery says that it is settled; an answer that dies with this process is asked for again."""
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for number in range(_POSTS):
                await asyncio.sleep(self._random.uniform(0.3, 2.0))
                urls = self.control.answer_urls
                url = f"{urls[number % len(urls)]}/v1/deliveries/{delivery}/events"
                try:
                    async with session.post(url, data=token, headers={"Content-Type": JOSE}) as answer:
                        status = answer.status
                except (aiohttp.ClientError, TimeoutError, OSError):
                    continue
                if status in (200, 204, 409):
                    emit(log, logging.INFO, "late answer", delivery=delivery, status=status)
                    return

    async def close(self) -> None:
        """Give up what was still to be posted."""
        for task in list(self._posting):
            task.cancel()
        await asyncio.gather(*self._posting, return_exceptions=True)


async def _run(config_file: Path, control_file: Path, ahead: timedelta) -> None:
    settings = load(config_file)
    misbehaviour = Misbehaviour(control_file, random.Random(f"{control_file.name} {os.getpid()}"))
    app = create_app(settings, lambda: datetime.now(UTC) + ahead, on_step=misbehaviour.on_step)
    app.middlewares.insert(0, misbehaviour.middleware())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=3)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await runner.setup()
        await web.TCPSite(runner, settings.host, settings.port).start()
        emit(log, logging.INFO, "ready", port=settings.port)
        await stop.wait()
    finally:
        await misbehaviour.close()
        await runner.cleanup()


def main() -> int:
    """`RECEIVER_CONFIG_FILE` as for the product; `CHAOS_CLOCK_AHEAD_S` puts its clock ahead."""
    os.umask(0o027)
    configure("receiver")
    ahead = timedelta(seconds=float(os.environ.get("CHAOS_CLOCK_AHEAD_S", "0")))
    asyncio.run(_run(Path(os.environ["RECEIVER_CONFIG_FILE"]), Path(os.environ["CHAOS_CONTROL_FILE"]), ahead))
    return 0


if __name__ == "__main__":
    sys.exit(main())
