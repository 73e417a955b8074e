"""`antragsweiche submit FOLDER`: sends what a folder holds, through the public API, as a portal would.

    FOLDER/application.json    the application, without ids of documents
    FOLDER/*.pdf *.jpg *.png   its documents, in the order of their names
    FOLDER/receipt.json        written last: receipt and receipt secret

Sending again is safe: the folder's content is the idempotency key, so the same submission answers with the same
receipt.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import aiohttp
import typer
from rich.console import Console

from shared.errors import AntragsweicheError

app = typer.Typer(help="Send a folder with an application and its documents.")

CHUNK_BYTES = 256 * 1024
MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
}


class Refused(AntragsweicheError):
    """Intake's problem: status, code and what to do."""


@dataclass(frozen=True)
class Document:
    """A file of the folder; `sha512` is raw."""

    path: Path
    media_type: str
    size: int
    sha512: bytes


@dataclass(frozen=True)
class Place:
    """What the opening says beyond the application."""

    unresolved: bool
    send_anyway: bool


@app.command()
def submit(  # noqa: PLR0917 - the command line names them
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    url: Annotated[str, typer.Option(envvar="INTAKE_PUBLIC_URL", help="Where intake is.")],
    client_id: Annotated[str, typer.Option(envvar="ANTRAGSWEICHE_CLIENT_ID")],
    secret_file: Annotated[
        Path | None, typer.Option(help="File with the client secret; else ANTRAGSWEICHE_CLIENT_SECRET.")
    ] = None,
    unresolved: Annotated[bool, typer.Option("--unresolved", help="The municipality is not known.")] = False,
    send_anyway: Annotated[
        bool, typer.Option("--send-anyway", help="Although a joint Jobcenter is responsible.")
    ] = False,
) -> None:
    """Open, upload, complete; print the receipt's facts and store it beside the application."""
    secret = secret_file.read_text().strip() if secret_file else os.environ.get("ANTRAGSWEICHE_CLIENT_SECRET", "")
    if not secret:
        raise typer.BadParameter("give --secret-file or ANTRAGSWEICHE_CLIENT_SECRET")
    place = Place(unresolved, send_anyway)
    try:
        receipt = asyncio.run(send_folder(folder, url.rstrip("/"), client_id, secret, place))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Refused(f"intake cannot be reached at {url}: {type(error).__name__}") from None
    target = folder / "receipt.json"
    target.write_text(json.dumps(receipt, indent=2) + "\n")
    target.chmod(0o600)
    console = Console(highlight=False)
    console.print(f"received    {receipt['received_at']}")
    console.print(f"submission  {receipt['submission_id']}")
    console.print(f"Jobcenter   {receipt['jobcenter'] or 'a human looks for it'}")
    console.print(f"receipt     {target}")


async def send_folder(folder: Path, url: str, client_id: str, secret: str, place: Place) -> dict[str, Any]:
    """The receipt. Raises `Refused` for a problem, `aiohttp.ClientError` when intake cannot be reached."""
    application: dict[str, Any] = json.loads((folder / "application.json").read_text())
    documents = read_documents(folder)
    async with aiohttp.ClientSession() as session:
        token = await _token(session, url, client_id, secret)
        api = _Api(session, url, {"Authorization": f"Bearer {token}"})
        opening = _opening(application, place)
        key = _idempotency_key(opening, application, documents)
        opened = await api.call("POST", "/v1/submissions", json=opening, headers={"Idempotency-Key": key})
        path = f"/v1/submissions/{opened['submission_id']}"
        if opened["status"] != "opened":
            return await api.call("GET", f"{path}/receipt")
        await _discard(api, path)
        ids = [(await _upload(api, path, document))["id"] for document in documents]
        return await api.call("PUT", path, json={"application": application, "documents": ids})


def read_documents(folder: Path) -> list[Document]:
    """The folder's documents by name. Raises `Refused` for a file that is none."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name in ("application.json", "receipt.json") or path.name.startswith("."):
            continue
        media_type = MEDIA_TYPES.get(path.suffix.lower())
        if media_type is None or not path.is_file():
            raise Refused("the folder holds something that is neither PDF, JPEG nor PNG")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha512").digest()
        found.append(Document(path, media_type, path.stat().st_size, digest))
    return found


def _opening(application: dict[str, Any], place: Place) -> dict[str, Any]:
    from shared.form import routing_answers

    postcode, municipality_key = routing_answers(application)
    members: dict[str, Any] = {"service": application["form"]["service"], "postcode": postcode}
    if municipality_key is not None:
        members["municipality_key"] = municipality_key
    if place.unresolved:
        members["unresolved"] = True
    if place.send_anyway:
        members["send_anyway"] = True
    return members


def _idempotency_key(opening: dict[str, Any], application: dict[str, Any], documents: list[Document]) -> str:
    names = [(document.path.name, document.sha512.hex()) for document in documents]
    return hashlib.sha256(json.dumps([opening, application, names], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Api:
    session: aiohttp.ClientSession
    url: str
    headers: dict[str, str]

    async def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        headers = {**self.headers, **options.pop("headers", {})}
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            body: dict[str, Any] = await response.json(content_type=None) if response.status != 204 else {}
            if response.status == 202:
                raise Refused("stored; the receipt follows: run the same command again in a minute")
            if response.status >= 400:
                raise Refused(_told(response.status, body))
            return body


def _told(status: int, problem: dict[str, Any]) -> str:
    lines = [f"{status} {problem.get('code', '')}: {problem.get('detail') or problem.get('title', '')}"]
    lines += [f"  {each.get('field')}: {each.get('code')}" for each in problem.get("errors", [])]
    for each in problem.get("candidates", []):
        responsible = each.get("jobcenter") or (each.get("referral") or {}).get("url")
        lines.append(f"  {each.get('municipality_key')} {each.get('municipality')}: {responsible}")
    return "\n".join(lines)


async def _token(session: aiohttp.ClientSession, url: str, client_id: str, secret: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    async with session.post(f"{url}/oauth/token", data=form) as response:
        if response.status != 200:
            raise Refused(f"{response.status}: no token; check client id and secret")
        return str((await response.json())["access_token"])


async def _discard(api: _Api, path: str) -> None:
    """An earlier run may have stopped half way: its documents are uploaded anew."""
    status = await api.call("GET", path)
    for document in status["documents"]:
        await api.call("DELETE", f"{path}/documents/{document['id']}")


async def _upload(api: _Api, path: str, document: Document) -> dict[str, Any]:
    headers = {
        "Content-Type": document.media_type,
        "Content-Length": str(document.size),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.path.name, safe='')}",
        "Content-Digest": f"sha-512=:{b64encode(document.sha512).decode()}:",
    }
    return await api.call("POST", f"{path}/documents", data=_stream(document.path), headers=headers)


async def _stream(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
