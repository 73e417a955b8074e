"""Log lines cannot hold a name: canaries in every place a value could come from."""

from __future__ import annotations

import ast
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.events import Step
from shared.contracts.reasons import Reason
from shared.errors import MessageError, SenderError, StoreUnavailable
from shared.telemetry.logs import REFUSED, Fields, JsonFormatter, emit

ROOT = Path(__file__).resolve().parents[3]
CANARY = "Kunigunde Kanarienvogel"
ID = UUID("0a1b2c3d-0000-4000-8000-000000000001")

own = logging.getLogger("services.test")
library = logging.getLogger("somelibrary.inner")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("intake"))
    root = logging.getLogger()
    root.addHandler(handler)
    previous = root.level
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(previous)
    root.removeHandler(handler)


def line(stream: io.StringIO) -> dict[str, Any]:
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert "Kunigunde" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    def throw() -> None:
        raise error from cause

    try:
        throw()
    except Exception as caught:
        return caught
    raise AssertionError


def test_an_event_has_its_fields(stream: io.StringIO) -> None:
    emit(own, logging.INFO, "stored", submission=ID, step=Step.ACCEPTED, reason=Reason.TIMEOUT, port=8080, seconds=0.25)
    found = line(stream)
    assert {"level": "info", "service": "intake", "event": "stored", "submission": str(ID)}.items() <= found.items()
    assert {"step": "accepted", "reason": "timeout", "port": 8080, "seconds": 0.25}.items() <= found.items()
    assert found["at"].startswith("tests.") or "test_logs:" in found["at"]
    assert found["time"].endswith("+00:00")


@pytest.mark.parametrize("field", sorted(Fields.__annotations__))
def test_no_field_takes_a_name(stream: io.StringIO, field: str) -> None:
    emit(own, logging.INFO, "stored", **{field: CANARY})  # type: ignore[arg-type]
    assert line(stream)[field] == REFUSED


def test_an_unknown_field_is_refused(stream: io.StringIO) -> None:
    emit(own, logging.INFO, "stored", applicant="kunigunde")  # type: ignore[call-arg]
    assert line(stream)["applicant"] == REFUSED


@given(st.text(min_size=1, max_size=60).filter(lambda text: " " in text or not text.isascii()))
def test_no_text_with_blanks_or_umlauts_fits_any_field(text: str) -> None:
    record = logging.LogRecord("services.x", logging.INFO, "x.py", 1, "event", (), None)
    for field in Fields.__annotations__:
        record.antragsweiche_fields = {field: text}
        assert json.loads(JsonFormatter("t").format(record))[field] == REFUSED


def test_values_formatted_into_our_own_texts_are_left_out(stream: io.StringIO) -> None:
    own.warning("cannot store %s", CANARY)
    assert line(stream)["event"] == "cannot store %s"


def test_no_word_of_a_library_is_kept(stream: io.StringIO) -> None:
    library.error(f"could not handle {CANARY}: %s", CANARY, exc_info=raised(ValueError(CANARY)))
    found = line(stream)
    assert (found["event"], found["logger"], found["error"]) == ("library", "somelibrary.inner", "ValueError")


def test_exceptions_are_types_causes_and_places(stream: io.StringIO) -> None:
    emit(own, logging.ERROR, "failed", error=raised(KeyError(CANARY), raised(ValueError(CANARY))))
    found = line(stream)
    assert (found["error"], found["causes"]) == ("KeyError", ["ValueError"])
    assert all(place.rpartition(":")[2].isdigit() for place in found["places"])


def test_log_exception_is_as_safe(stream: io.StringIO) -> None:
    try:
        int(CANARY)
    except ValueError:
        own.exception("failed")
    assert line(stream)["error"] == "ValueError"


def test_our_own_errors_keep_their_codes_but_senders_keep_no_detail(stream: io.StringIO) -> None:
    emit(own, logging.ERROR, "failed", error=SenderError("document-empty", CANARY, name=CANARY))
    assert line(stream)["code"] == "document-empty"


def test_a_reason_and_the_text_of_our_own_faults_are_kept(stream: io.StringIO) -> None:
    emit(own, logging.ERROR, "failed", error=MessageError(Reason.PART_MISSING))
    assert line(stream)["code"] == "part-missing"
    stream.truncate(0)
    stream.seek(0)
    emit(own, logging.ERROR, "failed", error=StoreUnavailable("put: 503 SlowDown"))
    assert line(stream)["detail"] == "put: 503 SlowDown"


PROCESS = f"""
import asyncio, logging, sys, threading, warnings
from shared.telemetry.logs import configure, emit
configure("test")
emit(logging.getLogger("services.x"), logging.INFO, "ready", port=1)
warnings.warn("{CANARY}")
threading.Thread(target=lambda: int("{CANARY}")).start()
async def main():
    async def lost():
        raise ValueError("{CANARY}")
    task = asyncio.create_task(lost())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
asyncio.run(main())
class Broken:
    def __del__(self): raise ValueError("{CANARY}")
Broken()
logging.getLogger("aiohttp.server").error("{CANARY} %s")
logging.getLogger("x").error("%d", "{CANARY}")
raise SystemError("{CANARY}")
"""


def test_a_process_writes_nothing_but_safe_lines() -> None:
    """Warnings, threads, lost tasks, destructors, malformed records and the last exception of all."""
    done = subprocess.run([sys.executable, "-c", PROCESS], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Kunigunde" not in done.stderr
    lines = [json.loads(text) for text in done.stderr.splitlines()]
    assert lines[0] | {"event": "ready", "port": 1, "service": "test"} == lines[0]
    errors = {entry.get("error") for entry in lines}
    assert {"ValueError", "SystemError"} <= errors
    assert {"uncaught in thread", "unraisable", "uncaught"} <= {entry["event"] for entry in lines}


def test_the_services_log_constant_texts_only() -> None:
    """An f-string as the text of a record of ours would be written as it is."""
    methods = {"debug", "info", "warning", "error", "exception", "critical", "log"}
    wrong = []
    for folder in ("services", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
                is_log = name in methods and getattr(getattr(node.func, "value", None), "id", "") in ("log", "logger")
                if is_log:
                    text = node.args[1 if name == "log" else 0]
                elif name == "emit" and len(node.args) >= 3:
                    text = node.args[2]
                else:
                    continue
                if not isinstance(text, ast.Constant) and path.name != "logs.py":
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert wrong == []
