"""Intake's peak memory while one document of 400 MB streams through it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from bench.client import Connection, Refused, Work
from bench.work import upload_headers
from devtools.documents import SampleDocument
from shared.form.media import PDF

BYTES = 400_000_000
CHUNK = 256 * 1024


def _chunks() -> Iterator[bytes]:
    head = b"%PDF-1.7\n% Messlauf\n"
    yield head + bytes(CHUNK - len(head))
    left = BYTES - CHUNK
    filler = bytes(CHUNK)
    while left > 0:
        yield filler[: min(left, CHUNK)]
        left -= CHUNK


def _status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise ValueError(name)


def _forget_peak(pid: int) -> None:
    """VmHWM begins anew (proc(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


async def stream_large(url: str, token: str, work: Work, pid: int) -> tuple[UUID, float]:
    """The accepted id and how far the peak (VmHWM) rose above what was resident before, MiB."""
    document = SampleDocument("Kontoauszug.pdf", PDF, 1, "Messlauf", "E-BANK", "income.bank_statements")
    digest = hashlib.sha512()
    for chunk in _chunks():
        digest.update(chunk)
    connection = Connection(url, token)
    opened = await connection.request("POST", "/v1/submissions", work.opening)
    path = f"/v1/submissions/{opened.json()['submission_id']}"
    before = _status_kib(pid, "VmRSS")
    _forget_peak(pid)
    headers = upload_headers(document, BYTES, digest.hexdigest())
    uploaded = await connection.stream(f"{path}/documents?purpose=attachment", _chunks(), BYTES, headers)
    growth = (_status_kib(pid, "VmHWM") - before) / 1024
    if uploaded.status != 201:
        raise Refused(f"upload answered {uploaded.status}: {uploaded.body[:300]!r}")
    completed = await connection.request("PUT", path, work.completion([uploaded.json()["id"]]))
    if completed.status not in {201, 202}:
        raise Refused(f"completion answered {completed.status}: {completed.body[:300]!r}")
    await connection.close()
    return UUID(opened.json()["submission_id"]), round(growth, 1)
