"""JSON lines on stderr that cannot hold personal data.

- Our own code logs events: a constant text and fields of an allow list, each with a pattern that its value must fit.
  `emit(log, logging.INFO, "ready", port=8080)`. mypy knows the fields; a value that does not fit is not written.
- A record that our code writes with `log.info("text %s", value)` keeps the text; values of it are left out.
- A library's record keeps its logger, level and place, but no word of its text: it may quote anything.
- An exception is logged by its type, the types it came from, and places (`module:line`), never by its text. Only
  `OurError`, whose messages are free of personal data by their contract, keeps its text as `detail`.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO, TypedDict, Unpack
from uuid import UUID

from shared.errors import OurError

OWN: Final = ("services", "shared", "cli", "devtools", "bench", "__main__")
MAX_PLACES: Final = 6
MAX_CAUSES: Final = 4
MAX_DETAIL: Final = 300

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(r"[0-9a-f]{16,32}")
_KID = re.compile(r"[A-Za-z0-9_-]{43}")
_ROUTE = re.compile(r"[A-Za-z0-9_/{}.:-]{1,120}")
_ADDRESS = re.compile(r"(https?://)?[A-Za-z0-9.\[\]:_-]{1,200}")


class Fields(TypedDict, total=False):
    """The allow list. Everything here is an id, a code, a number, or a name that operators chose."""

    submission: UUID | str
    delivery: UUID | str
    document: UUID | str
    destination: str
    jobcenter: str
    client: str
    kid: str
    topic: str
    partition: int
    offset: int
    generation: int
    attempt: int
    count: int
    bytes: int
    seconds: float
    port: int
    pid: int
    status: int
    version: int
    step: str
    reason: str
    code: str
    state: str
    check: str
    method: str
    route: str
    address: str
    trace: str
    signal: str
    error: BaseException | type[BaseException] | str | None


_PATTERNS: Final[Mapping[str, re.Pattern[str] | None]] = {
    **dict.fromkeys(("submission", "delivery", "document"), _ID),
    **dict.fromkeys(
        ("destination", "jobcenter", "client", "topic", "step", "reason", "code", "state", "check", "method", "signal"),
        _CODE,
    ),
    "error": _CODE,
    "kid": _KID,
    "route": _ROUTE,
    "address": _ADDRESS,
    "trace": _HEX,
    **dict.fromkeys(
        (
            "partition",
            "offset",
            "generation",
            "attempt",
            "count",
            "bytes",
            "seconds",
            "port",
            "pid",
            "status",
            "version",
        )
    ),
}
"""Field → what its text must fit; None for numbers."""

_ATTRIBUTE = "antragsweiche_fields"
REFUSED: Final = "(refused)"


def emit(logger: logging.Logger, level: int, event: str, **fields: Unpack[Fields]) -> None:
    """Logs one event. `event` is a constant; what varies goes into fields. An exception goes into `error`."""
    if logger.isEnabledFor(level):
        logger.log(level, event, extra={_ATTRIBUTE: fields}, stacklevel=2)


def configure(service: str, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Makes this process log so, and only so: root handler, warnings, uncaught exceptions of all threads."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("aiokafka", "aiohttp.access", "faust", "mode", "urllib3"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    log = logging.getLogger(__name__)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        emit(log, logging.CRITICAL, "uncaught", error=error.with_traceback(trace))

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        emit(log, logging.ERROR, "unraisable", error=args.exc_value)

    def in_thread(args: threading.ExceptHookArgs) -> None:
        emit(log, logging.ERROR, "uncaught in thread", error=args.exc_value)

    sys.excepthook = uncaught
    sys.unraisablehook = unraisable
    threading.excepthook = in_thread


class JsonFormatter(logging.Formatter):
    """One JSON object for each record, without line breaks."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        own = record.name.partition(".")[0] in OWN
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "event": record.msg if own and isinstance(record.msg, str) else "library",
            "logger": record.name,
            "at": f"{_module(record.pathname)}:{record.lineno}",
        }
        fields: Mapping[str, Any] = getattr(record, _ATTRIBUTE, None) or {}
        for name, value in fields.items():
            if value is not None and not isinstance(value, BaseException):
                line[name] = _safe(name, value)
        error = fields.get("error")
        if not isinstance(error, BaseException):
            error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, BaseException):
            line |= describe(error)
        return json.dumps(line, ensure_ascii=True)


def describe(error: BaseException) -> dict[str, Any]:
    """Type, causes and places of an exception; never its text."""
    causes: list[str] = []
    current = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while current is not None and len(causes) < MAX_CAUSES:
        causes.append(type(current).__name__)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    described: dict[str, Any] = {"error": type(error).__name__}
    places = _places(error.__traceback__)
    if places:
        described["places"] = places
    if causes:
        described["causes"] = causes
    if isinstance(error, OurError):
        described["detail"] = str(error)[:MAX_DETAIL]
    code = getattr(error, "code", None) or getattr(error, "reason", None)
    if _is_own(error) and isinstance(code, str) and _CODE.fullmatch(code):
        described["code"] = str(code)
    return described


def _is_own(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in OWN


def _places(trace: TracebackType | None) -> list[str]:
    places = []
    while trace is not None:
        places.append(f"{_module(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-MAX_PLACES:]


def _module(path: str) -> str:
    """`services/intake/http.py` → `services.intake.http`; three last names are enough to find it."""
    parts = Path(path).with_suffix("").parts
    for index, part in enumerate(parts):
        if part in OWN or part == "site-packages":
            return ".".join(parts[index + (part == "site-packages") :])
    return ".".join(parts[-2:])


def _safe(name: str, value: Any) -> Any:
    if isinstance(value, type):
        value = value.__name__
    if isinstance(value, Enum):
        value = value.value
    if name not in _PATTERNS:
        return REFUSED
    pattern = _PATTERNS[name]
    if pattern is None:
        return value if isinstance(value, int | float) else REFUSED
    text = str(value)
    return text if pattern.fullmatch(text) else REFUSED
