"""Careful portals: they repeat until they hold the receipt, whatever happens, and remember what they sent."""

from __future__ import annotations

import asyncio
import hashlib
import random
import string
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp

from devtools.chaos.evidence import content_digest
from devtools.documents import SampleDocument
from devtools.households import Place, single
from devtools.portal import Answer, Portal
from devtools.samples import ACKNOWLEDGED, Options, Sample
from shared.contracts.canonical import canonical_json
from shared.form.media import PDF, PNG

_REQUEST_TIMEOUT_S = 12.0
_AT_ONCE = 60
_AGAIN = frozenset({401, 408, 425, 429})
"""Statuses below 500 after which a careful client comes again (401 with a new token)."""


class Refused(Exception):
    """The system turned a correct submission away for good. The message is method, status and problem type."""


@dataclass(frozen=True)
class Sent:
    """What a portal holds after its receipt came. `late_at`: when it came, if the door had answered 202 before."""

    submission_id: str
    destination: str
    content: str
    receipt: str
    late_at: datetime | None = None


@dataclass
class Senders:
    """Sends letters at a steady rate over all replicas; `sent` and `refused` grow meanwhile."""

    portals: Sequence[Portal]
    places: Mapping[str, Place]
    source: random.Random
    make: Callable[[int, str, Place, random.Random], Letter] = field(default_factory=lambda: letter)
    sent: list[Sent] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    started: int = 0
    repeated: int = 0
    _turn: list[str] = field(default_factory=list)

    async def run(self, rate_per_s: float, until: asyncio.Event) -> None:
        """Start letters at random moments until `until`; return when every one has its receipt."""
        free = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while not until.is_set():
                await free.acquire()
                group.create_task(self.one(self.started)).add_done_callback(lambda _: free.release())
                self.started += 1
                await _pause(until, self.source.expovariate(rate_per_s))

    async def one(self, number: int) -> None:
        """Send one letter; its receipt, or its refusal, is added."""
        try:
            self.sent.append(await self._send(self.make(number, *self._next_place(), self.source)))
        except Refused as refused:
            self.refused.append(f"letter {number}: {refused}")

    def _next_place(self) -> tuple[str, Place]:
        """Every Jobcenter gets as much as any other."""
        if not self._turn:
            self._turn = sorted(self.places)
            self.source.shuffle(self._turn)
        jobcenter = self._turn.pop()
        return jobcenter, self.places[jobcenter]

    async def _send(self, letter: Letter) -> Sent:
        key, sample = uuid.uuid4().hex, letter.sample
        opening = {
            "service": sample.service,
            "postcode": sample.postcode,
            "municipality_key": sample.municipality_key,
        }
        opened = await self._until({200, 201}, lambda portal: portal.open(key, **opening))
        submission_id = str(opened.json["submission_id"])
        documents = [str((await self._upload(submission_id, one)).json["id"]) for one in sample.documents]
        application = sample.completed_with(documents)
        completed = await self._complete(submission_id, application, documents)
        late_at = None
        if completed.status == 202:
            completed = await self._until({200}, lambda portal: portal.receipt(submission_id), again={202})
            late_at = datetime.now(UTC)
        described = [(one.name, one.media_type, hashlib.sha512(one.content()).hexdigest()) for one in sample.documents]
        content = content_digest(canonical_json(application), described)
        return Sent(submission_id, letter.jobcenter, content, str(completed.json["receipt"]), late_at)

    async def _complete(self, submission_id: str, application: dict[str, Any], documents: list[str]) -> Answer:
        """What was uploaded and never answered is deleted, as the door's problem asks for; what was answered stands."""
        while True:
            completed = await self._until(
                {200, 201, 202, 409}, lambda portal: portal.complete(submission_id, application, documents)
            )
            if completed.status != 409:
                return completed
            strays = completed.json.get("not_named", [])
            if not strays or completed.json.get("not_uploaded"):
                raise Refused(f"409 {completed.json.get('type')}")
            for stray in strays:
                await self._until({204, 404}, partial(_delete, f"/v1/submissions/{submission_id}/documents/{stray}"))

    async def _upload(self, submission_id: str, document: SampleDocument) -> Answer:
        size, sha512 = document.measure()
        return await self._until(
            {201},
            lambda portal: portal.upload(
                submission_id,
                filename=document.name,
                media_type=document.media_type,
                purpose=document.purpose,
                size=size,
                sha512_hex=sha512,
                chunks=document.chunks(),
            ),
        )

    async def _until(
        self, good: Collection[int], call: Callable[[Portal], Awaitable[Answer]], again: Collection[int] = ()
    ) -> Answer:
        """Call one replica after the other until an answer is good."""
        turn = self.source.randrange(len(self.portals))
        pause_s = 0.2
        while True:
            portal = self.portals[turn % len(self.portals)]
            turn += 1
            try:
                answer = await call(portal)
                if answer.status in good:
                    return answer
                if answer.status == 401:
                    await portal.authenticate()
                elif answer.status < 500 and answer.status not in _AGAIN and answer.status not in again:
                    raise Refused(f"{answer.status} {answer.json.get('type')}")
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                pass  # whatever a broken connection looks like: the answer is to ask again
            self.repeated += 1
            await asyncio.sleep(pause_s * self.source.uniform(0.5, 1.5))
            pause_s = min(2.0, pause_s * 1.6)


async def _delete(path: str, portal: Portal) -> Answer:
    return await portal.request("DELETE", path)


@dataclass(frozen=True)
class Letter:
    jobcenter: str
    sample: Sample


def letter(number: int, jobcenter: str, place: Place, source: random.Random) -> Letter:
    """An application like no other, with one to three documents; every eighth is as large as a scan."""
    canary = _word(number)
    documents = tuple(
        SampleDocument(
            name=f"{canary} {index}.{'pdf' if media_type == PDF else 'png'}",
            media_type=media_type,
            seed=number * 10 + index,
            canary=canary,
            evidence_code="E-BANK",
            question_id="income.bank_statements",
            target_bytes=source.randrange(200_000, 900_000) if media_type == PDF and source.random() < 1 / 8 else 0,
        )
        for index, media_type in enumerate(source.choices((PDF, PNG), k=source.randint(1, 3)))
    )
    application: dict[str, Any] = single(place, canary, number % 10)
    return Letter(
        jobcenter,
        Sample(canary, place.postcode, place.municipality_key, ACKNOWLEDGED, Options(), application, documents, canary),
    )


def _word(number: int) -> str:
    """A name of letters only: `number` in base 26."""
    letters = ""
    while number or not letters:
        number, digit = divmod(number, 26)
        letters = string.ascii_lowercase[digit] + letters
    return f"Chaos{letters}"


async def authenticated(
    session: aiohttp.ClientSession, urls: Sequence[str], client_id: str, client_secret: str
) -> list[Portal]:
    """A portal for each replica, with its token."""
    portals = [Portal(session, url, client_id, client_secret) for url in urls]
    for portal in portals:
        await portal.authenticate()
    return portals


def new_session() -> aiohttp.ClientSession:
    timeout = aiohttp.ClientTimeout(total=_REQUEST_TIMEOUT_S)
    return aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))


async def _pause(until: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(until.wait(), seconds)
    except TimeoutError:
        return
