"""The receiver as a process: `RECEIVER_CONFIG_FILE=receiver.json python -m services.receiver`.

With the argument `check` it only says whether the configuration works; see `services.receiver.check`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from services.receiver.check import check
from services.receiver.http import create_app
from services.receiver.settings import ReceiverSettings, TlsSettings, load
from shared.errors import Misconfigured
from shared.telemetry.logs import configure, emit

log = logging.getLogger(__name__)

_UMASK = 0o027
_DRAIN_S = 30.0


def _tls(settings: TlsSettings | None) -> ssl.SSLContext | None:
    if settings is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"TLS certificate or key cannot be read: {settings.certificate_file}") from error
    if settings.client_ca_file is not None:
        try:
            context.load_verify_locations(settings.client_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(f"no PEM certificates in {settings.client_ca_file}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def _run(settings: ReceiverSettings) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is under way."""
    app = create_app(settings, lambda: datetime.now(UTC))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_S)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await runner.setup()
        site = web.TCPSite(runner, settings.host, settings.port, ssl_context=_tls(settings.tls))
        await site.start()
        emit(log, logging.INFO, "ready", port=runner.addresses[0][1])
        await stop.wait()
    finally:
        await runner.cleanup()


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 after SIGTERM or a good check, 78 (EX_CONFIG) when the configuration is wrong, 64 for misuse."""
    if arguments not in ([], ["check"]):
        sys.stderr.write("usage: python -m services.receiver [check]\n")
        return 64
    os.umask(_UMASK)
    configure("receiver")
    try:
        settings = load(Path(os.environ.get("RECEIVER_CONFIG_FILE", "receiver.json")))
        if arguments:
            for line in check(settings, datetime.now(UTC)):
                sys.stdout.write(f"{line}\n")
        else:
            asyncio.run(_run(settings))
    except Misconfigured as error:
        emit(log, logging.CRITICAL, "misconfigured", error=error)
        return 78
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
