"""`antragsweiche adapter check DESTINATION`: sends the marked, empty probe, and says what works.

To be run where delivery runs: it reads the same settings (`DELIVERY_SECRETS_DIR`, `DELIVERY_SMTP_…`) and the same push
key. Nothing is handed over: HTTPS asks `GET …/v1/probe`; a hot folder or bucket gets an empty file that is taken away
again; a mail address gets one empty mail that says so (with `--no-mail` the mail server is only asked).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import aiohttp
import typer
from rich.console import Console

from cli.directory import ANCHOR_FILE
from services.delivery.adapters.mail import MailPush
from services.delivery.adapters.secrets import CERTIFICATE, CERTIFICATE_KEY, S3_SECRET, SFTP_KEY, NotConfigured, Secrets
from services.delivery.adapters.settings import AdapterSettings
from services.delivery.adapters.wire import PushKey, Timeouts, make_adapters
from shared.contracts.directory import (
    Destination,
    HttpsAdapter,
    JobcenterEntry,
    KeyState,
    KeyUse,
    S3Adapter,
    SftpAdapter,
)
from shared.contracts.reasons import Reason
from shared.directory.folder import read_folder
from shared.errors import JobcenterError, Misconfigured
from shared.settings import load_settings
from shared.trust.anchor import Anchor

app = typer.Typer(help="Try how a destination is reached.", no_args_is_help=True)
console = Console(highlight=False, soft_wrap=True)

TIMEOUTS = Timeouts(connect_s=10, idle_s=20, answer_s=20)
ADVICE = {
    Reason.CONNECT: "nobody answers there: address, firewall, is it running?",
    Reason.TLS: "TLS failed: the server's certificate, its authority (`--ca-file`), or ours that it does not accept",
    Reason.TIMEOUT: "it answers too slowly",
    Reason.HTTP_STATUS: "it answers, but not as the contract says: is our push key in its platform file?",
    Reason.LOGIN: "it does not let us in: user, key or secret",
    Reason.HOST_KEY: "another host key than the directory pins: ask the Jobcenter by telephone before you change it",
    Reason.REFUSED: "it does not take our files or mails: permission, space, folder, recipient",
}


@app.callback()
def _group() -> None:
    """A group, though it has one command."""


@app.command()
def check(
    *,
    directory: Annotated[Path, typer.Option("--directory", help="Folder of signed entries (<id>.jws).")],
    destination: Annotated[str, typer.Argument(metavar="DESTINATION", help="Id of the destination.")],
    push_key: Annotated[
        Path | None, typer.Option(help="The platform's push key (JWK); by default DELIVERY_PUSH_KEY_FILE.")
    ] = None,
    anchor: Annotated[Path | None, typer.Option(help="The directory's public key; by default in the folder.")] = None,
    fallback: Annotated[bool, typer.Option("--fallback", help="Try the fallback instead.")] = False,
    mail: Annotated[bool, typer.Option("--mail/--no-mail", help="Mail: send the empty mail, or only ask.")] = True,
) -> None:
    """Say what is configured, what is missing, and what the probe did. Exit code 1 when a delivery would fail."""
    found = _find(directory, Anchor.from_file(anchor or directory / ANCHOR_FILE), destination)
    target = found[1].model_copy(update={"adapter": found[1].fallback}) if fallback else found[1]
    settings = load_settings(AdapterSettings)
    for line in _described(found[0], target, settings):
        console.print(line)
    file = push_key or Path(os.environ.get("DELIVERY_PUSH_KEY_FILE", ""))
    if not file.is_file():
        raise Misconfigured("say --push-key, or set DELIVERY_PUSH_KEY_FILE")
    if not asyncio.run(_probe(target, PushKey.read(file), settings, mail=mail)):
        raise typer.Exit(1)


def _find(folder: Path, anchor: Anchor, destination: str) -> tuple[JobcenterEntry, Destination]:
    found = read_folder(folder, anchor).destination(destination)
    if found is None:
        raise Misconfigured(f"no destination {destination} in {folder}")
    if found[1].adapter is None and found[1].fallback is None:
        raise Misconfigured(f"{destination} has no adapter: `antragsweiche directory set-adapter`")
    return found


def _described(entry: JobcenterEntry, destination: Destination, settings: AdapterSettings) -> Iterator[str]:
    adapter = destination.adapter
    if adapter is None:
        raise Misconfigured(f"{destination.id} has no such adapter")
    yield f"destination  {destination.id} ({entry.name}, {entry.rollout.value})"
    yield f"adapter      {adapter.kind}  {adapter.where}"
    uses = [key.use for key in destination.keys if key.state is KeyState.ACTIVE]
    for use in KeyUse:
        yield f"{use.value:<12} {'ok' if use in uses else 'MISSING: no active key in the directory'}"
    secrets, names = Secrets(settings.secrets_dir), list[str]()
    if isinstance(adapter, HttpsAdapter) and adapter.client_certificate:
        names = [CERTIFICATE, CERTIFICATE_KEY]
    elif isinstance(adapter, SftpAdapter):
        names = [SFTP_KEY]
    elif isinstance(adapter, S3Adapter):
        names = [S3_SECRET]
    for name in names:
        try:
            secrets.read(destination, name, private=name != CERTIFICATE)
        except NotConfigured as error:
            yield f"{name:<12} MISSING: {error.what}"
        else:
            yield f"{name:<12} ok"


async def _probe(destination: Destination, key: PushKey, settings: AdapterSettings, *, mail: bool) -> bool:
    async with aiohttp.ClientSession() as session:
        adapters = make_adapters(
            key, settings, session=session, store=None, clock=lambda: datetime.now(UTC), timeouts=TIMEOUTS
        )
        try:
            await adapters.probe(destination)
            chosen = adapters.of(destination)
            if mail and isinstance(chosen, MailPush):
                await chosen.send_probe(destination)
                console.print("mail         an empty mail was sent")
        except NotConfigured as error:
            console.print(f"probe        FAILED ({error.code}): {error.what}")
        except JobcenterError as error:
            advice = next((text for reason, text in ADVICE.items() if reason == error.code), "")
            console.print(f"probe        FAILED ({error.code}): {advice}")
        else:
            console.print("probe        ok: a delivery would be taken now")
            return True
    return False
