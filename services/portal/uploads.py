"""A posted form with files, read as it comes: fields before files, nothing on disk, constant memory."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import BodyPartReader, web

from services.portal.drafts import Drafts
from services.portal.records import StoredFile
from services.portal.vault import Vault
from shared.errors import AntragsweicheError
from shared.form import media

T = TypeVar("T")
MAX_FIELD_BYTES = 16 * 1024
MAX_NAME = 200
MAX_PARTS = 500
READ_BYTES = 256 * 1024
REFUSALS = {
    "heic": (
        "ist ein Foto im Format HEIC. Das kann das Jobcenter nicht öffnen. Stellen Sie Ihr iPhone um: "
        "Einstellungen, Kamera, Formate, „Maximale Kompatibilität“. Oder machen Sie einen Screenshot vom Foto."
    ),
    "office": "ist eine Office-Datei oder ein ZIP-Archiv. Bitte speichern Sie sie als PDF und laden Sie das PDF hoch.",
    "type": "hat ein Format, das nicht angenommen wird. Möglich sind PDF, JPG und PNG.",
    "empty": "ist leer. Bitte prüfen Sie die Datei.",
    "large": "ist zu groß. Eine Datei darf höchstens {limit} MB haben. Bitte verkleinern oder teilen Sie sie.",
    "total": "passt nicht mehr dazu: Alle Dateien zusammen sind zu groß. Bitte reichen Sie den Rest später nach.",
    "many": "passt nicht mehr dazu: Es sind zu viele Dateien. Bitte reichen Sie den Rest später nach.",
}


class _Refused(AntragsweicheError):
    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Room:
    """How much may still come."""

    document_bytes: int
    total_bytes: int
    documents: int


@dataclass(frozen=True)
class Patience:
    """How long a whole form may take, and how long a sender may be silent."""

    whole_s: float
    idle_s: float


@dataclass
class Received:
    """`refused` pairs a file's name with what is wrong and what to do, in German."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


async def receive(
    request: web.Request,
    drafts: Drafts,
    vault: Vault,
    *,
    slot_of: Callable[[dict[str, list[str]]], str],
    check: Callable[[dict[str, list[str]]], None],
    room: Room,
    patience: Patience,
) -> Received:
    """Reads the whole form. `check` sees the fields before the first file is read and may raise.

    What was received stays stored: the caller puts it into the record, or deletes it.
    """
    try:
        async with asyncio.timeout(patience.whole_s):
            return await _receive(request, drafts, vault, slot_of, check, room, patience.idle_s)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


async def _receive(  # noqa: PLR0917 - called once
    request: web.Request,
    drafts: Drafts,
    vault: Vault,
    slot_of: Callable[[dict[str, list[str]]], str],
    check: Callable[[dict[str, list[str]]], None],
    room: Room,
    idle_s: float,
) -> Received:
    received = Received()
    checked = False
    parts = 0
    reader = await request.multipart()
    while (part := await _idle(reader.next, idle_s)) is not None:
        parts += 1
        if not isinstance(part, BodyPartReader) or parts > MAX_PARTS:
            raise web.HTTPBadRequest
        if part.filename is None:
            text = await _text(part, idle_s)
            received.fields.setdefault(part.name or "", []).append(text)
            continue
        if not checked:
            check(received.fields)
            checked = True
        if part.filename == "":
            await part.release()  # what browsers send when no file was chosen
            continue
        name = part.filename[-MAX_NAME:]
        left = Room(
            room.document_bytes,
            room.total_bytes - sum(file.size for file in received.files),
            room.documents - len(received.files),
        )
        try:
            file = await _store(part, drafts, vault, slot=slot_of(received.fields), name=name, room=left, idle_s=idle_s)
            received.files.append(file)
        except _Refused as refused:
            text = REFUSALS[refused.why].format(limit=room.document_bytes // 1_000_000)
            received.refused.append((name, text))
            await _drain(part, idle_s)
    if not checked:
        check(received.fields)
    return received


async def _store(
    part: BodyPartReader, drafts: Drafts, vault: Vault, *, slot: str, name: str, room: Room, idle_s: float
) -> StoredFile:
    if room.documents < 1:
        raise _Refused("many")
    head = await _idle(lambda: part.read_chunk(READ_BYTES), idle_s)
    while head and len(head) < media.SNIFF_BYTES and not part.at_eof():
        head += await _idle(lambda: part.read_chunk(READ_BYTES), idle_s)
    if not head:
        raise _Refused("empty")
    media_type = media.sniff(head)
    if media_type is None:
        raise _Refused("heic" if media.is_heic(head) else "office" if head[:2] == b"PK" else "type")
    file_id = secrets.token_hex(16)

    async def chunks() -> AsyncIterator[bytes]:
        size = len(head)
        yield head
        while chunk := await _idle(lambda: part.read_chunk(READ_BYTES), idle_s):
            size += len(chunk)
            if size > room.document_bytes:
                raise _Refused("large")
            if size > room.total_bytes:
                raise _Refused("total")
            yield chunk

    written = await drafts.write_file(vault, file_id, chunks())
    return StoredFile(
        id=file_id,
        slot=slot,
        name=name,
        media_type=media_type,
        size=written.size,
        sha512=written.sha512,
        chunks=written.chunks,
    )


async def _text(part: BodyPartReader, idle_s: float) -> str:
    content = bytearray()
    while chunk := await _idle(lambda: part.read_chunk(8192), idle_s):
        content += chunk
        if len(content) > MAX_FIELD_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_FIELD_BYTES, len(content))
    return content.decode("utf-8", "replace")


async def _drain(part: BodyPartReader, idle_s: float) -> None:
    while await _idle(lambda: part.read_chunk(READ_BYTES), idle_s):
        pass


async def _idle(read: Callable[[], Awaitable[T]], idle_s: float) -> T:
    try:
        async with asyncio.timeout(idle_s):
            return await read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
