"""A receiver that signs without opening: it verifies nothing and keeps nothing. For measuring delivery alone.

`RECEIVER_CONFIG_FILE=… python -m bench.signer`, with the configuration of the product's receiver.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID, uuid4

from aiohttp import MultipartReader, web

from services.receiver.settings import ReceiverSettings, load
from services.receiver.trust import DestinationKeys, load_keys
from shared.contracts.answer import Answer, Verdict
from shared.contracts.manifest import Manifest
from shared.sealing.jwk import unb64u
from shared.telemetry.logs import configure, emit
from shared.trust.answers import sign_answer
from shared.trust.manifests import manifest_digest

log = logging.getLogger(__name__)


def create_app(settings: ReceiverSettings) -> web.Application:
    """Accepts whatever comes."""
    keys: Mapping[str, DestinationKeys] = {item.id: load_keys(item) for item in settings.destinations}

    async def deliver(request: web.Request) -> web.Response:
        destination = request.match_info["destination"]
        token = await _manifest_token(request)
        manifest = Manifest.model_validate_json(unb64u(token.split(".")[1]))
        answer = Answer(
            iss=destination,
            jti=uuid4(),
            iat=int(time.time()),
            delivery_id=UUID(request.match_info["delivery_id"]),
            submission_id=manifest.submission_id,
            manifest=manifest_digest(token),
            verdict=Verdict.ACCEPT,
            tags={part.id: part.tag for part in manifest.parts},
        )
        signing = keys[destination]
        signed = await asyncio.to_thread(sign_answer, answer, signing.signing, signing.signing_kid)
        return web.Response(body=signed.encode("ascii"), content_type="application/jose")

    async def probe(_: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/{destination}/v1/deliveries/{delivery_id}", deliver)
    app.router.add_get("/{destination}/v1/probe", probe)
    return app


async def _manifest_token(request: web.Request) -> str:
    """The first field; all others are read and forgotten."""
    token = ""
    async for part in await request.multipart():
        if part is None or isinstance(part, MultipartReader):
            continue
        if part.name == "manifest":
            token = (await part.read()).decode("ascii")
        else:
            while await part.read_chunk(65_536):
                pass
    return token


async def _run(settings: ReceiverSettings) -> None:
    runner = web.AppRunner(create_app(settings), access_log=None)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    emit(log, logging.INFO, "ready", port=settings.port)
    await stop.wait()
    await runner.cleanup()


def main() -> int:
    configure("receiver")
    asyncio.run(_run(load(Path(os.environ["RECEIVER_CONFIG_FILE"]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
