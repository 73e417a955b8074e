"""Uploading and deleting documents: from the request's body through checks and sealing into the store.

    descriptor `uploading`  →  part, sealed as it streams  →  descriptor `uploaded`  →  is there an outcome?

A part without an `uploaded` descriptor can be in no manifest; so up to there whatever goes wrong ends with erasing it.
From the last descriptor on only an outcome that does not name the document allows that.
One chunk is in memory at a time; the store's back-pressure reaches the sender.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

from services.intake.door import Door, ended
from services.intake.records import Document, DocumentState, Opening, seal, unseal
from services.intake.uploads import Announced, DigestCheck, UploadLimits, check_content, check_room
from shared.contracts.manifest import Part, Role
from shared.contracts.stored import Outcome, OutcomeKind
from shared.errors import SenderError, StoreUnavailable
from shared.form.media import SNIFF_BYTES
from shared.sealing.jwe import PartSealer, sealed_size
from shared.store import keys
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)


async def upload(
    door: Door, limits: UploadLimits, opening: Opening, announced: Announced, body: AsyncIterator[bytes]
) -> Document:
    """Store one document and answer its final descriptor. Raises `SenderError`, `StoreUnavailable`."""
    now = door.clock()
    document = Document(
        id=uuid4(),
        state=DocumentState.UPLOADING,
        deadline=now + timedelta(seconds=door.settings.upload_timeout_s),
        purpose=announced.purpose,
        media_type=announced.media_type,
        filename=announced.filename,
        size=announced.size,
    )
    key = keys.document(opening.submission_id, document.id)
    try:
        # First, so that a completion meanwhile, or another upload, sees that this one is under way.
        await door.store.put(key, seal(door.box, document, key))
        others = [other for other in await door.documents(opening.submission_id) if other.stands(now)]
        check_room(document, others, limits)
        uploaded = await _transfer(door, opening, document, announced, body)
        await _check_not_deleted(door, key)
    except BaseException:
        await _forget(door, opening.submission_id, document.id)
        raise
    await door.store.put(key, seal(door.box, uploaded, key))
    outcome = await door.outcome(opening.submission_id)
    if outcome is not None and not _names(door, outcome, document.id):
        await _forget(door, opening.submission_id, document.id)
        raise ended(outcome, opening.client_id)
    return uploaded


async def delete(door: Door, opening: Opening, document_id: UUID) -> None:
    """Take a document back. Its sealed part stays until the submission ends, in case a completion names it right now.

    One that is still being uploaded can be taken back too: its door may have died, and nobody should wait for that
    upload's deadline. If the door lives, it finds the tombstone at the end. Should it overwrite it in that very
    moment, the document stands again and a completion that does not name it says so.

    Raises 404 for an unknown one, 409 when the submission was completed meanwhile.
    """
    key = keys.document(opening.submission_id, document_id)
    document = await _read(door, key)
    if document is None or document.state is DocumentState.DELETED:
        raise not_found_document()
    gone = document.model_copy(update={"state": DocumentState.DELETED})
    await door.store.put(key, seal(door.box, gone, key))
    outcome = await door.outcome(opening.submission_id)
    if outcome is not None:
        raise ended(outcome, opening.client_id)


async def _read(door: Door, key: str) -> Document | None:
    body = await door.store.get(key)
    return None if body is None else unseal(door.box, Document, body, key)


async def _check_not_deleted(door: Door, key: str) -> None:
    document = await _read(door, key)
    if document is None or document.state is DocumentState.DELETED:
        raise SenderError("document-not-found", "It was deleted while it was being uploaded.")


def not_found_document() -> SenderError:
    return SenderError("document-not-found", "The submission has no such document.")


async def _transfer(
    door: Door, opening: Opening, document: Document, announced: Announced, body: AsyncIterator[bytes]
) -> Document:
    """Seal while streaming. Any exception ends the store's PUT before its last byte, so nothing is stored."""
    recipient = door.recipients.of(opening, door.view.directory, door.platform)
    sealer = PartSealer(recipient, cty=document.media_type, lock=door.recipients.transit(door.platform))
    digests = DigestCheck(announced.digests)

    async def sealed() -> AsyncIterator[bytes]:
        yield sealer.begin()
        async for chunk in _checked(body, announced):
            digests.update(chunk)
            yield sealer.update(chunk)
        # The tag completes the part: it leaves only when nothing is left to object to.
        last = sealer.finish()
        digests.check(bytes.fromhex(sealer.result.plaintext_sha512))
        yield last

    size = sealed_size(recipient, document.media_type, announced.size)
    try:
        async with asyncio.timeout(door.settings.upload_timeout_s):
            await door.store.put_stream(keys.part(opening.submission_id, document.id), size, sealed())
    except TimeoutError:
        raise SenderError("upload-too-slow", "The document did not arrive in time; nothing of it was kept.") from None
    result = sealer.result
    part = Part(
        role=Role.ATTACHMENT, id=document.id, kid=result.kid, size=result.size, sha256=result.sha256, tag=result.tag
    )
    return document.model_copy(
        update={
            "state": DocumentState.UPLOADED,
            "sha512": result.plaintext_sha512,
            "part": part,
            "lock": result.lock,
        }
    )


async def _checked(body: AsyncIterator[bytes], announced: Announced) -> AsyncIterator[bytes]:
    """The body's chunks, the first bytes proven to be of the announced type, the length exactly the announced one."""
    head: bytes | None = b""
    seen = 0
    try:
        async for chunk in body:
            seen += len(chunk)
            if seen > announced.size:
                raise SenderError("document-cut-off", "More bytes came than Content-Length said.")
            if head is None:
                yield chunk
                continue
            head += chunk
            if len(head) >= min(SNIFF_BYTES, announced.size):
                check_content(head, announced.media_type)
                yield head
                head = None
    except (ConnectionError, EOFError, OSError):
        seen = -1
    if seen != announced.size:
        raise SenderError("document-cut-off", "The document was cut off; nothing of it was kept.")


async def _forget(door: Door, submission_id: UUID, document_id: UUID) -> None:
    """Erase the part, then its descriptor. What the store refuses now is erased when the submission ends."""

    async def erase() -> None:
        try:
            await door.store.delete(keys.part(submission_id, document_id))
            await door.store.delete(keys.document(submission_id, document_id))
        except StoreUnavailable:
            emit(log, logging.WARNING, "erase-later", submission=submission_id)

    # Also when the request was cancelled: the sender must not see half a document as uploading until its deadline.
    await asyncio.shield(erase())


def _names(door: Door, outcome: Outcome, document_id: UUID) -> bool:
    return outcome.kind is OutcomeKind.ACCEPTED and door.verified(outcome).part(document_id) is not None
