"""Send the samples through the public API as a portal would, and find out what became of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devtools.documents import SampleDocument
from devtools.handed_over import differences
from devtools.portal import Answer, Portal
from devtools.samples import ACKNOWLEDGED, CLEARING, PROBLEM, REFERRED, Sample
from shared.contracts.manifest import Kind

POLL_S = 0.1
SETTLED = frozenset({"acknowledged", "rejected", "withdrawn", "expired", "clearing"})


@dataclass
class Result:
    """What became of one sample. `faults` says in words what was not as it must be; empty is success."""

    sample: Sample
    outcome: str = PROBLEM
    submission_id: str | None = None
    jobcenter: str | None = None
    documents: int | None = None
    bytes: int | None = None
    receipt_ms: int | None = None
    acknowledged_ms: int | None = None
    repeated: bool = False
    problem: str | None = None
    folder: Path | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults and self.outcome == self.sample.expected

    def row(self) -> dict[str, Any]:
        """The entry in `build/demo.json`."""
        return {
            "sample": self.sample.name,
            "submission_id": self.submission_id,
            "postcode": self.sample.postcode,
            "municipality_key": self.sample.municipality_key,
            "expected": self.sample.expected,
            "outcome": self.outcome,
            "jobcenter": self.jobcenter,
            "documents": self.documents,
            "bytes": self.bytes,
            "receipt_ms": self.receipt_ms,
            "acknowledged_ms": self.acknowledged_ms,
            "repeated": self.repeated,
        }


@dataclass
class Campaign:
    """All samples against one running system.

    `handover` says where a Jobcenter's receiver puts a destination's folders; `timeout_s` bounds the wait for each
    outcome; `opened` holds the ids by sample name, for the follow-ups that wait for their original's.
    """

    portal: Portal
    handover: Callable[[str], Path]
    run_id: str
    timeout_s: float = 90.0
    opened: dict[str, asyncio.Future[str]] = field(default_factory=dict)

    async def send_all(self, samples: tuple[Sample, ...], on_result: Callable[[Result], None]) -> list[Result]:
        """Send them side by side; results are in the samples' order, `on_result` gets each as it comes."""
        loop = asyncio.get_running_loop()
        self.opened |= {sample.name: loop.create_future() for sample in samples}

        async def one(sample: Sample) -> Result:
            result = Result(sample)
            try:
                await self._send(sample, result)
            finally:
                if not self.opened[sample.name].done():
                    self.opened[sample.name].cancel()
            on_result(result)
            return result

        return list(await asyncio.gather(*(one(sample) for sample in samples)))

    async def _send(self, sample: Sample, result: Result) -> None:
        answer = await self._open(sample)
        if answer.status != 201:
            _refused(result, answer)
            return
        submission_id = result.submission_id = str(answer.json["submission_id"])
        self.opened[sample.name].set_result(submission_id)
        if sample.options.problem_status is not None:
            result.faults.append("it was opened and should have been refused")
        uploaded = [await self._upload(submission_id, document, result) for document in sample.documents]
        if None in uploaded:
            return
        document_ids = [document_id for document_id in uploaded if document_id is not None]
        application = sample.completed_with(document_ids)
        began = time.monotonic()
        completed = await self.portal.complete(submission_id, application, document_ids)
        completed = await self._with_receipt(submission_id, completed)
        if completed.status not in {200, 201}:
            _refused(result, completed)
            return
        result.receipt_ms = _ms(began)
        result.jobcenter = completed.json["jobcenter"]
        if sample.options.complete_twice:
            await self._repeat(result, completed, application, document_ids)
        await self._settle(result, application, began)

    async def _open(self, sample: Sample) -> Answer:
        options = sample.options
        key = f"{self.run_id}-{sample.name}"
        if options.follows is not None:
            original = await self.opened[options.follows]
            return await self.portal.open(key, service=sample.service, follows=original, kind=options.kind.value)
        assert options.kind is Kind.APPLICATION
        return await self.portal.open(
            key,
            service=sample.service,
            postcode=sample.postcode,
            municipality_key=sample.municipality_key,
            unresolved=options.unresolved,
            send_anyway=options.send_anyway,
        )

    async def _upload(self, submission_id: str, document: SampleDocument, result: Result) -> str | None:
        size, sha512 = await asyncio.to_thread(document.measure)
        answer = await self.portal.upload(
            submission_id,
            filename=document.name,
            media_type=document.media_type,
            purpose=document.purpose,
            size=size,
            sha512_hex=sha512,
            chunks=document.chunks(),
        )
        if answer.status != 201:
            _refused(result, answer)
            return None
        if (answer.json["size"], answer.json["sha512"]) != (size, sha512):
            result.faults.append("intake answered another size or digest of a document")
        result.documents = (result.documents or 0) + 1
        result.bytes = (result.bytes or 0) + size
        return str(answer.json["id"])

    async def _with_receipt(self, submission_id: str, completed: Answer) -> Answer:
        """After 202 the receipt follows: fetch it."""
        deadline = time.monotonic() + self.timeout_s
        while completed.status == 202 and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S)
            fetched = await self.portal.receipt(submission_id)
            completed = fetched if fetched.status == 200 else completed
        return completed

    async def _repeat(
        self, result: Result, first: Answer, application: dict[str, Any], document_ids: list[str]
    ) -> None:
        """The same completion once more must answer the stored receipt, byte for byte."""
        assert result.submission_id is not None
        again = await self.portal.complete(result.submission_id, application, document_ids)
        if again.status not in {200, 201} or again.body != first.body:
            result.faults.append("the repeated completion got another receipt")
        result.repeated = True

    async def _settle(self, result: Result, application: dict[str, Any], began: float) -> None:
        assert result.submission_id is not None
        deadline = time.monotonic() + self.timeout_s
        while True:
            answer = await self.portal.status(result.submission_id)
            status = str(answer.json.get("status"))
            if status in SETTLED:
                break
            if time.monotonic() > deadline:
                result.faults.append(f"still {status} after {self.timeout_s:.0f} s")
                return
            await asyncio.sleep(POLL_S)
        if status == "clearing":
            result.outcome = CLEARING
        elif status == "acknowledged":
            result.acknowledged_ms = _ms(began)
            result.outcome = ACKNOWLEDGED
            await self._compare(result, application)
        else:
            result.faults.append(f"it ended as {status}: {', '.join(answer.json.get('reasons', ())) or 'no reason'}")

    async def _compare(self, result: Result, application: dict[str, Any]) -> None:
        assert result.submission_id is not None
        if result.jobcenter is None:
            result.faults.append("acknowledged, but no Jobcenter is named")
            return
        result.folder = await self.folder_of(result.jobcenter, result.submission_id)
        result.faults += await asyncio.to_thread(differences, result.folder, application, result.sample.documents)

    async def folder_of(self, jobcenter: str, submission_id: str) -> Path:
        """Where one submission was handed over."""
        return self.handover(jobcenter) / submission_id


def _refused(result: Result, answer: Answer) -> None:
    """Read a problem; whether it was expected is told by its status."""
    result.problem = str(answer.json.get("code") or answer.status)
    joint = any(candidate.get("referral") for candidate in answer.json.get("candidates", ()))
    result.outcome = REFERRED if answer.status == 422 and joint and "joint" in result.problem else PROBLEM
    expected = result.sample.options.problem_status
    if answer.status != expected:
        result.faults.append(f"answered {answer.status} {result.problem}")


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
