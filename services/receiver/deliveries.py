"""One delivery from its first byte to its signed answer, whatever it came over.

Order: manifest, parts (each verified and opened as it streams), contents, hand-over. Nothing is believed before the
step that proves it, nothing is answered before the journal has it, and only a delivery that the platform signed and
this destination's keys can judge is ever rejected: what could be this receiver's own fault raises `NotNow` instead, so
that the delivery comes again.

Deliveries run at once and wait for each other only at the hand-over, and only for the same or a linked submission.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID, uuid4

from services.receiver import checks, handover
from services.receiver.handover import FolderOccupied, Workshop
from services.receiver.index import Links, build_index
from services.receiver.journal import Entry, Journal, SignedAnswer, State
from services.receiver.locks import KeyedLocks
from services.receiver.manifests import ReadManifest, read_manifest
from services.receiver.paper import PAPER, application_pdf
from services.receiver.parts import IncomingPart
from services.receiver.refusals import BadDelivery, NotNow, TooLarge
from services.receiver.settings import DestinationSettings, Limits
from services.receiver.trust import DestinationKeys
from shared.contracts.answer import Answer, Problem, Verdict
from shared.contracts.manifest import Manifest, Part, Role
from shared.contracts.reasons import Reason
from shared.telemetry.logs import emit
from shared.trust.answers import sign_answer
from shared.trust.platform import PlatformKeys

log = logging.getLogger(__name__)
_PIECE_BYTES = 256 * 1024
_MAX_PROBLEMS = 20
_DISK_FAULTS = (OSError, sqlite3.Error, FolderOccupied)
T = TypeVar("T")


class Step(StrEnum):
    """Where a crash makes a difference; see `Receiver.on_step`."""

    MANIFEST_VERIFIED = "manifest-verified"
    PART_OPENED = "part-opened"
    STAGED = "staged"
    BEGUN = "begun"
    RENAMED = "renamed"
    ACCEPTED = "accepted"


@dataclass(frozen=True)
class Field:
    """One field of the delivery's body; `pieces` must be read to the end before the next field."""

    name: str
    pieces: AsyncIterator[bytes]


@dataclass(frozen=True)
class Destination:
    """A destination that this process receives for."""

    settings: DestinationSettings
    keys: DestinationKeys


@dataclass(frozen=True)
class Reply:
    """The signed answer, on the disk already."""

    token: str
    verdict: Verdict
    submission_id: UUID
    codes: tuple[str, ...]


class Receiver:
    """Receives for several destinations with one journal.

    `start` before the first delivery (settles and erases what a crash left), `close` after the last. `on_step` is
    called at each `Step`, possibly from a thread; tests end the process there.
    """

    def __init__(
        self,
        destinations: Iterable[Destination],
        journal: Journal,
        limits: Limits,
        clock: Callable[[], datetime],
        on_step: Callable[[Step], None] = lambda _: None,
    ) -> None:
        self.destinations = {destination.settings.id: destination for destination in destinations}
        self._journal, self._limits, self._clock, self._on_step = journal, limits, clock, on_step
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="receiver")
        self._locks = KeyedLocks()
        self._under_way: set[asyncio.Task[Reply]] = set()

    def start(self) -> None:
        """Settle what the journal was writing, erase leftovers. Blocks on the disk."""
        for destination in self.destinations.values():
            folder = destination.settings.handover_folder
            handover.prepare(folder)
            for entry in self._journal.unfinished(destination.settings.id):
                self._settle(destination, entry)
            erased = handover.purge(folder)
            if erased:
                emit(log, logging.WARNING, "unfinished deliveries erased", count=erased)

    async def close(self) -> None:
        """Wait for the hand-overs that have begun."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        self._threads.shutdown(wait=True)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*arguments))

    async def receive(
        self,
        destination: Destination,
        delivery_id: UUID,
        parts_digest: str,
        platform: PlatformKeys,
        fields: AsyncIterator[Field],
    ) -> Reply:
        """Receive one delivery whose push signature over `delivery_id` and `parts_digest` is verified.

        Raises `BadDelivery`, `TooLarge` (the sender's side broke the contract; unsigned) and `NotNow` (ours; unsigned).
        """
        try:
            token = await self._manifest_token(fields)
            read = read_manifest(token, platform, parts_digest)
            problems = [checks.problem(Reason.MANIFEST_INVALID, detail=read.fault)] if read.fault else []
            problems = problems or checks.check_manifest(read.manifest, destination.settings, delivery_id)
            if problems:
                await _drain(fields)
                return await self._reject(destination, delivery_id, read, problems)
            self._check_limits(destination, read.manifest)
            self._on_step(Step.MANIFEST_VERIFIED)
            return await self._receive_parts(destination, delivery_id, read, fields)
        except _DISK_FAULTS as error:
            emit(log, logging.ERROR, "own storage failed, the delivery must come again", error=error)
            raise NotNow("storage") from error

    async def _manifest_token(self, fields: AsyncIterator[Field]) -> bytes:
        field = await anext(fields, None)
        if field is None or field.name != "manifest":
            raise BadDelivery("manifest-first")
        token = bytearray()
        async for piece in field.pieces:
            token += piece
            if len(token) > self._limits.max_manifest_bytes:
                raise TooLarge("manifest-size")
        return bytes(token)

    def _check_limits(self, destination: Destination, manifest: Manifest) -> None:
        limits, parts = self._limits, manifest.parts
        inline = max(part.size for part in parts if part.role is not Role.ATTACHMENT)
        if len(parts) > limits.max_parts or inline > limits.max_inline_bytes:
            raise TooLarge("parts")
        if sum(part.size for part in parts) > limits.max_delivery_bytes:
            raise TooLarge("delivery-size")
        if any(part.kid not in destination.keys.opening for part in parts):
            # Most likely a key file that was not configured: a reject would be final, a failure is not.
            raise NotNow("key-not-configured")
        needed = sum(part.size for part in parts) + limits.min_free_bytes
        if handover.free_bytes(destination.settings.handover_folder) < needed:
            raise NotNow("disk-full")

    async def _receive_parts(
        self, destination: Destination, delivery_id: UUID, read: ReadManifest, fields: AsyncIterator[Field]
    ) -> Reply:
        known = self._journal.find(destination.settings.id, read.manifest.submission_id)
        workshop = None
        if known is None or known.state is not State.ACCEPTED:
            folder = destination.settings.handover_folder
            workshop = await self._in_thread(handover.open_workshop, folder, delivery_id)
        handed_on = False
        try:
            opened, problems = await self._open_parts(destination, read.manifest, workshop, fields)
            contents = None
            if not problems:
                contents, problems = checks.check_contents(read.manifest, opened, destination.settings)
            if contents is None:
                return await self._reject(destination, delivery_id, read, problems)
            job = _Job(destination, delivery_id, read, contents, workshop)
            handed_on = True
            return await self._finish(job)
        finally:
            if workshop is not None and not handed_on:
                await asyncio.shield(self._in_thread(handover.close_workshop, workshop))

    async def _open_parts(
        self, destination: Destination, manifest: Manifest, workshop: Workshop | None, fields: AsyncIterator[Field]
    ) -> tuple[dict[UUID, checks.Opened], list[Problem]]:
        expected = {str(part.id): part for part in manifest.parts}
        arrived: list[str] = []
        opened: dict[UUID, checks.Opened] = {}
        problems: list[Problem] = []
        async for field in fields:
            arrived.append(field.name)
            if len(arrived) > self._limits.max_parts:
                raise TooLarge("fields")
            part = expected.get(field.name)
            if part is None or arrived.count(field.name) > 1:
                await _drain_field(field)
                continue
            result = await self._open_part(destination, part, workshop, field)
            if isinstance(result, Problem):
                problems.append(result)
            else:
                opened[part.id] = result
                self._on_step(Step.PART_OPENED)
        return opened, checks.check_presence(manifest, arrived) + problems

    async def _open_part(
        self, destination: Destination, part: Part, workshop: Workshop | None, field: Field
    ) -> checks.Opened | Problem:
        attachment = part.role is Role.ATTACHMENT
        spool = workshop.spooled(part.id) if attachment and workshop is not None else None
        incoming = IncomingPart(part, destination.keys.opening.get, spool=spool, keep=not attachment)
        try:
            gathered = bytearray()
            async for piece in field.pieces:
                gathered += piece
                if len(gathered) >= _PIECE_BYTES:
                    await self._in_thread(incoming.feed, bytes(gathered))
                    gathered.clear()
            await self._in_thread(incoming.feed, bytes(gathered))
            return await self._in_thread(incoming.finish)
        finally:
            incoming.discard()

    async def _finish(self, job: _Job) -> Reply:
        """Under the locks, and to the end even when the request that waits for it goes away."""
        task = asyncio.create_task(self._finish_locked(job))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _finish_locked(self, job: _Job) -> Reply:
        manifest, destination = job.read.manifest, job.destination.settings.id
        linked = {manifest.submission_id, *([manifest.follows] if manifest.follows else [])}
        async with AsyncExitStack() as held:
            # Sorted, so that two hand-overs that need the same locks never wait for each other in a circle.
            for submission_id in sorted(linked):
                await held.enter_async_context(self._locks.hold((destination, submission_id)))
            return await self._in_thread(self._commit, job, linked)

    def _commit(self, job: _Job, linked: set[UUID]) -> Reply:
        name = job.destination.settings.id
        try:
            for submission_id in linked:
                entry = self._journal.find(name, submission_id)
                if entry is not None and entry.state is State.WRITING:
                    self._settle(job.destination, entry)
            known = self._journal.find(name, job.read.manifest.submission_id)
            return self._hand_over(job) if known is None else self._accept_again(job, known)
        finally:
            self._tidy(job)

    def _tidy(self, job: _Job) -> None:
        """Erase the workshop, unless a hand-over failed midway: then it is the proof that `_settle` reads."""
        if job.workshop is None:
            return
        try:
            entry = self._journal.find(job.destination.settings.id, job.read.manifest.submission_id)
            proof = entry is not None and entry.state is State.WRITING and entry.staged == job.workshop.name
            if not proof:
                handover.close_workshop(job.workshop)
        except _DISK_FAULTS as error:
            # It is erased at the next start; the answer must not depend on it.
            emit(log, logging.WARNING, "a workshop could not be erased", error=error)

    def _accept_again(self, job: _Job, known: Entry) -> Reply:
        if known.content != checks.content_digest(job.contents):
            # To accept would lose this content, to hand it over would give one submission two contents.
            return self._reject_now(
                job.destination,
                job.delivery_id,
                job.read,
                [checks.problem(Reason.MANIFEST_INVALID, detail="accepted before with other content")],
            )
        answer, reply = self._sign(job.destination, job.delivery_id, job.read, [])
        self._journal.answer(answer, self._clock())
        return reply

    def _hand_over(self, job: _Job) -> Reply:
        manifest, workshop, name = job.read.manifest, job.workshop, job.destination.settings.id
        if workshop is None:
            raise NotNow("journal-changed")
        application = checks.parse_application(job.contents.data) or {}
        links = self._links(name, manifest)
        wanted = job.destination.settings.render_form
        paper = application_pdf(manifest, job.contents, application) if wanted else None
        index = build_index(
            manifest,
            job.contents,
            application,
            delivery_id=job.delivery_id,
            links=links,
            at=self._clock(),
            paper=PAPER if paper is not None else None,
        )
        handover.stage(workshop, job.contents, index, job.read.token, paper)
        self._on_step(Step.STAGED)
        answer, reply = self._sign(job.destination, job.delivery_id, job.read, [])
        self._journal.begin(_entry(job, workshop), self._clock())
        self._on_step(Step.BEGUN)
        handover.hand_over(workshop, manifest.submission_id)
        self._on_step(Step.RENAMED)
        self._journal.accept_and_answer(answer, self._clock())
        self._on_step(Step.ACCEPTED)
        return reply

    def _links(self, name: str, manifest: Manifest) -> Links:
        earlier = self._journal.find(name, manifest.follows) if manifest.follows else None
        return Links(earlier is not None, tuple(self._journal.followers(name, manifest.submission_id)))

    def _settle(self, destination: Destination, entry: Entry) -> None:
        """Finish what a crash or a failing disk left between the journal's `begin` and `accept`."""
        folder = destination.settings.handover_folder
        if handover.was_handed_over(folder, entry):
            self._journal.accept(entry.destination, entry.submission_id, self._clock())
        else:
            self._journal.forget(entry.destination, entry.submission_id)
        handover.close_workshop(Workshop(folder, entry.staged))

    async def _reject(
        self, destination: Destination, delivery_id: UUID, read: ReadManifest, problems: list[Problem]
    ) -> Reply:
        return await self._in_thread(self._reject_now, destination, delivery_id, read, problems)

    def _reject_now(
        self, destination: Destination, delivery_id: UUID, read: ReadManifest, problems: list[Problem]
    ) -> Reply:
        answer, reply = self._sign(destination, delivery_id, read, problems)
        self._journal.answer(answer, self._clock())
        return reply

    def _sign(
        self, destination: Destination, delivery_id: UUID, read: ReadManifest, problems: list[Problem]
    ) -> tuple[SignedAnswer, Reply]:
        """An accept over all tags, or with problems a reject."""
        now, manifest = self._clock(), read.manifest
        answer = Answer(
            iss=destination.settings.id,
            jti=uuid4(),
            iat=int(now.timestamp()),
            delivery_id=delivery_id,
            submission_id=manifest.submission_id,
            manifest=read.digest,
            verdict=Verdict.REJECT if problems else Verdict.ACCEPT,
            tags={} if problems else {part.id: part.tag for part in manifest.parts},
            problems=tuple(problems[:_MAX_PROBLEMS]),
        )
        token = sign_answer(answer, destination.keys.signing, destination.keys.signing_kid)
        codes = tuple(dict.fromkeys(item.code for item in answer.problems))
        signed = SignedAnswer(
            answer.jti, answer.iss, answer.submission_id, answer.delivery_id, answer.verdict.value, token
        )
        return signed, Reply(token, answer.verdict, answer.submission_id, codes)


@dataclass(frozen=True)
class _Job:
    """A delivery that passed every check."""

    destination: Destination
    delivery_id: UUID
    read: ReadManifest
    contents: checks.Contents
    workshop: Workshop | None


def _entry(job: _Job, workshop: Workshop) -> Entry:
    manifest = job.read.manifest
    return Entry(
        destination=job.destination.settings.id,
        submission_id=manifest.submission_id,
        state=State.WRITING,
        delivery_id=job.delivery_id,
        generation=manifest.generation,
        content=checks.content_digest(job.contents),
        follows=manifest.follows,
        staged=workshop.name,
    )


async def _drain(fields: AsyncIterator[Field]) -> None:
    """Read on to the end: a client that is still sending would not see the answer."""
    async for field in fields:
        await _drain_field(field)


async def _drain_field(field: Field) -> None:
    async for _ in field.pieces:
        pass
