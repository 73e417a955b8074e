"""Sending, so that it may break anywhere and be repeated by whoever comes next.

    1  the draft is marked `sending` (a lease, renewed while it goes on), so that nothing changes meanwhile
    2  the submission is opened; the Idempotency-Key follows from the draft: a repetition finds the same submission
    3  documents that intake has already (by SHA-512) stay, others are uploaded from the sealed files, strangers deleted
    4  the application is completed; a repetition gets the stored receipt
    5  the case is written, then the draft is marked `sent` and gets its 24 hours

A crash after 4 is met by 2: intake answers that the submission is accepted, and the receipt is fetched.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from services.portal import plans
from services.portal.drafts import CHUNK_BYTES, Drafts
from services.portal.intake import Answer, Intake, Refused
from services.portal.plans import Ready, SendKind
from services.portal.records import Record, Sent, Stage, StoredFile, Target
from services.portal.settings import PortalSettings
from services.portal.times import berlin_today
from services.portal.vault import Vault
from shared.contracts.manifest import Kind
from shared.errors import AntragsweicheError, OurError
from shared.form.pdf import CannotRender
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)

OPENINGS: Final = 4
COPY_FILE: Final = "copy"
COPY_NAME: Final = "Antrag.pdf"
LATER_FILE: Final = "later"
LATER_NAME: Final = "Nachreichung.pdf"
RECEIPT_TRIES: Final = 8
OVER: Final = frozenset({"submission-expired", "submission-withdrawn", "idempotency-key-reused", "destination-changed"})
"""This opening leads nowhere any more: the next gets another key."""
DONE: Final = frozenset({"submission-completed", "content-differs"})
"""Completed before, by a sending whose end nobody saw."""
ELSEWHERE: Final = frozenset(
    {"joint-jobcenter", "municipality-needed", "postcode-unknown", "municipality-unknown", "municipality-mismatch"}
)
"""The directory has changed since the place was looked up."""

Render = Callable[[Mapping[str, Any], Record, datetime, Kind], bytes]
"""The PDF of an application or supplement."""


class Busy(AntragsweicheError):
    """Another request is sending this draft."""


class ReceiptFollows(AntragsweicheError):
    """Stored safely; intake's receipt is not ready yet."""


class PlaceChanged(AntragsweicheError):
    """Another Jobcenter is responsible than the citizen was shown."""


class NotAccepted(AntragsweicheError):
    """Intake refuses what it should accept. `code` is the problem's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Again(Exception):
    """This opening is over: open another."""


@dataclass(frozen=True)
class Sender:
    drafts: Drafts
    intake: Intake
    settings: PortalSettings
    clock: Callable[[], datetime]
    render: Render | None = None

    async def send(self, vault: Vault, kind: SendKind) -> Record:
        """The record after sending. Raises this module's errors, `Incomplete`, `OurError`."""
        record = await self._begin(vault, kind)
        if record.stage is Stage.SENT:
            return record
        kind = SendKind(record.sending_kind or kind)
        try:
            async with self._kept(vault):
                answer, ready = await self._deliver(vault, record, kind)
        except (PlaceChanged, NotAccepted, plans.Incomplete) as error:
            fields: dict[str, Any] = {"stage": Stage.EDITING, "sending_since": None, "sending_kind": None}
            if isinstance(error, PlaceChanged):
                fields |= {"place": None, "attempt": record.attempt + 1}
            await self.drafts.change(vault, lambda found: found.changed(**fields), self.settings.unused_s)
            raise
        except (OurError, ReceiptFollows):
            await self._release(vault)
            raise
        return await self._finish(vault, kind, answer, ready)

    # -- 1 ----------------------------------------------------------------------------------------------------------

    async def _begin(self, vault: Vault, kind: SendKind) -> Record:
        now = self.clock()
        today = berlin_today(now)

        def begin(record: Record) -> Record:
            if record.stage is Stage.SENT:
                return record
            if record.stage is Stage.SENDING:
                if record.sending_since is not None and record.sending_since + self._lease > now:
                    raise Busy
            else:
                plans.check(record, kind, today)
            return record.changed(
                stage=Stage.SENDING, sending_since=now, sending_kind=record.sending_kind or kind.value
            )

        return await self.drafts.change(vault, begin, self.settings.unused_s)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.send_lease_s)

    @asynccontextmanager
    async def _kept(self, vault: Vault) -> AsyncIterator[None]:
        """Renews the lease: a long sending must not be joined by a second one that tidies its documents away."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self.settings.send_lease_s / 3)
                with suppress(OurError):
                    await self.drafts.change(vault, self._renewed, self.settings.unused_s)

        renewing = asyncio.create_task(renew(), name="lease")
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing

    def _renewed(self, record: Record) -> Record:
        return record.changed(sending_since=self.clock()) if record.stage is Stage.SENDING else record

    async def _release(self, vault: Vault) -> None:
        """Let the next try begin at once. The draft stays as it is: it may have arrived."""
        try:
            await self.drafts.change(vault, lambda found: found.changed(sending_since=None), self.settings.unused_s)
        except OurError as error:
            emit(log, logging.WARNING, "lease kept", error=error)

    # -- 2 to 4 -----------------------------------------------------------------------------------------------------

    async def _deliver(self, vault: Vault, record: Record, kind: SendKind) -> tuple[Answer, Ready]:
        for attempt in range(record.attempt, record.attempt + OPENINGS):
            if attempt > record.attempt:
                await self.drafts.change(vault, partial(_at, attempt), self.settings.unused_s)
            try:
                return await self._attempt(vault, record, kind, attempt)
            except _Again:
                continue
        raise NotAccepted("no-opening")

    async def _attempt(self, vault: Vault, record: Record, kind: SendKind, attempt: int) -> tuple[Answer, Ready]:
        purpose = kind.value if not record.sent else f"{kind.value} {len(record.sent)}"
        try:
            opened = await self.intake.open(vault.idempotency_key(purpose, attempt), plans.open_request(record, kind))
        except Refused as refused:
            if refused.code in OVER:
                raise _Again from None
            raise PlaceChanged if refused.code in ELSEWHERE else NotAccepted(refused.code) from None
        submission_id = str(opened["submission_id"])
        today = berlin_today(self.clock())
        if opened["status"] in ("withdrawn", "expired"):
            raise _Again
        if opened["status"] != "opened":
            ready = plans.build(record, kind, [], today)
            return await self._receipt(submission_id), ready
        try:
            uploaded = await self._upload_files(vault, record, submission_id)
            ready = plans.build(record, kind, uploaded, today)
            documents = [document for _, document in uploaded]
            if self.render is not None and kind is not SendKind.WITHDRAWAL:
                documents[:0] = await self._upload_copy(vault, record, submission_id, kind, ready.application)
            answer = await self.intake.complete(submission_id, ready.application, documents)
        except Refused as refused:
            if refused.code in OVER:
                raise _Again from None
            if refused.code in DONE:
                return await self._receipt(submission_id), plans.build(record, kind, [], today)
            fields = [str(error.get("field")) for error in refused.members.get("errors", ())][:3]
            emit(log, logging.ERROR, "intake refuses a submission", code=refused.code, count=len(fields))
            raise NotAccepted(refused.code) from None
        return (answer if answer.status != 202 else await self._receipt(submission_id)), ready

    async def _upload_files(self, vault: Vault, record: Record, submission_id: str) -> list[tuple[StoredFile, str]]:
        """Every file once at intake; what else lies there is deleted."""
        there: dict[str, list[str]] = defaultdict(list)
        for document in (await self.intake.status(submission_id)).get("documents", ()):
            fit = document["state"] == "uploaded" and document["purpose"] == "attachment"
            there[document["sha512"] if fit else ""].append(document["id"])
        uploaded = []
        for file in record.pending:
            known = there[file.sha512]
            uploaded.append((file, known.pop() if known else await self._upload(vault, submission_id, file)))
        for document_id in [each for rest in there.values() for each in rest]:
            await self.intake.delete_document(submission_id, document_id)
        return uploaded

    async def _upload(self, vault: Vault, submission_id: str, file: StoredFile) -> str:
        def chunks() -> AsyncIterator[bytes]:
            return self.drafts.read_file(vault, file.id, file.chunks)

        return await self.intake.upload(
            submission_id, file.name, file.media_type, "attachment", file.size, file.sha512, chunks
        )

    async def _upload_copy(
        self, vault: Vault, record: Record, submission_id: str, kind: SendKind, application: Mapping[str, Any]
    ) -> list[str]:
        """What is sent as a PDF: for case workers without an interface, and kept for the citizen while the draft is. A
        case keeps no answers, so no copy. What cannot be rendered goes without: the receiver tries again.
        """
        assert self.render is not None, "asked before"
        later = kind is SendKind.SUPPLEMENT
        meant = Kind.SUPPLEMENT if later else Kind.APPLICATION
        try:
            pdf = await asyncio.to_thread(self.render, application, record, self.clock(), meant)
        except CannotRender as error:
            emit(log, logging.ERROR, "sent without its PDF", error=error)
            return []
        if not record.case:
            written = await self.drafts.write_file(vault, LATER_FILE if later else COPY_FILE, _pieces(pdf))
            names = ("later_chunks", "later_size") if later else ("copy_chunks", "copy_size")
            fields = dict(zip(names, (written.chunks, written.size), strict=True))
            await self.drafts.change(vault, lambda found: found.changed(**fields), self.settings.unused_s)
        sha512 = hashlib.sha512(pdf).hexdigest()
        name = LATER_NAME if later else COPY_NAME
        uploaded = await self.intake.upload(
            submission_id, name, "application/pdf", "form", len(pdf), sha512, lambda: _pieces(pdf)
        )
        return [uploaded]

    async def _receipt(self, submission_id: str) -> Answer:
        for number in range(RECEIPT_TRIES):
            try:
                answer = await self.intake.receipt(submission_id)
            except Refused as refused:
                if refused.code != "receipt-pending":
                    raise NotAccepted(refused.code) from None
            else:
                if answer.status == 200:
                    return answer
            await asyncio.sleep(min(2.0, 0.2 * 2**number))
        raise ReceiptFollows

    # -- 5 ----------------------------------------------------------------------------------------------------------

    async def _finish(self, vault: Vault, kind: SendKind, answer: Answer, ready: Ready) -> Record:
        body = answer.body
        sent = Sent(
            submission_id=body["submission_id"],
            received_at=body["received_at"],
            kind=kind.value,
            receipt=body["receipt"],
            receipt_secret=body["receipt_secret"],
            documents=body["documents"],
            jobcenter=body["jobcenter"],
        )
        now = self.clock()
        today = berlin_today(now)
        loaded = await self.drafts.load(vault)
        assert loaded is not None, "it was written a moment ago"
        record = loaded.record
        gone_files = record.pending
        finished: dict[str, Any] = {"stage": Stage.EDITING, "sending_since": None, "sending_kind": None, "attempt": 0}
        if record.case:
            keep_s = self.settings.case_s
            delivered = {file.slot for file in record.files}

            def end(found: Record) -> Record:
                left = tuple(each for each in found.open_evidence if each.key not in delivered)
                kept = tuple(file for file in found.files if file not in gone_files)
                return found.changed(sent=(*found.sent, sent), files=kept, open_evidence=left, **finished)

            done = await self.drafts.change(vault, end, keep_s)
            for file in gone_files:
                await self.drafts.delete_file(vault, file.id)
            return done
        complete = kind in (SendKind.APPLICATION, SendKind.SUPPLEMENT)
        keep_s = self.settings.sent_s if complete else self.settings.unused_s
        target = record.place.target if record.place is not None else Target()
        announced = plans.open_evidence(record, today)
        lasting = {
            "open_evidence": announced,
            "target": target,
            "flags": plans.protecting_flags(ready.application),
            "erased_at": now + timedelta(seconds=keep_s),
        }
        await self._write_case(vault, sent, lasting)

        def close(found: Record) -> Record:
            fields = finished | {
                "stage": Stage.SENT if complete else Stage.EDITING,
                "sent": (*found.sent, sent),
                "target": target,
                "announced": ready.to_follow,
                "early": {} if complete else ready.application,
                "delivered": (*found.delivered, *(file.id for file in gone_files)),
            }
            return found.changed(**fields)

        return await self.drafts.change(vault, close, keep_s)

    async def _write_case(self, vault: Vault, sent: Sent, lasting: Mapping[str, Any]) -> None:
        """`lasting`: the case's fields. Twice is harmless: what was sent stands in it once."""
        case = vault.case()
        await self.drafts.create(case, Record(case=True, sent=(sent,), **lasting), self.settings.case_s)

        def add(found: Record) -> Record:
            known = any(each.submission_id == sent.submission_id for each in found.sent)
            together = found.sent if known else (*found.sent, sent)
            return found.changed(sent=together, **lasting)

        await self.drafts.change(case, add, self.settings.case_s)


def _at(attempt: int, record: Record) -> Record:
    return record.changed(attempt=attempt)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]
