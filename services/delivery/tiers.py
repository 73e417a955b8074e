"""Where a message goes when the failure is its own: the retry tiers, one after the other, then the dead letter. Pure.

Each tier is a topic of one fixed delay, so that its records are due in their order and waiting costs one timer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import ValidationError

from shared.contracts.base import rfc3339
from shared.contracts.messages import DUE_HEADER, HOP_HEADERS, Attempts
from shared.contracts.topics import RETRY_DELAYS_S
from shared.kafka.cloudevents import Headers

BUDGET_S = 14 * 86_400.0


@dataclass(frozen=True)
class Schedule:
    """How a message's own failures are retried.

    | field | meaning | default |
    |---|---|---|
    | `budget_s` | seconds in which its lane was open, after which a failed attempt is the last | 14 days |
    | `delays_s` | delay of each tier, seconds; the names stay those of the topics | as the names say |
    | `awaiting_s` | time box for a signed answer that comes later | 4 hours |
    """

    budget_s: float = BUDGET_S
    delays_s: tuple[float, ...] = field(default_factory=lambda: tuple(RETRY_DELAYS_S.values()))
    awaiting_s: float = 4 * 3600.0

    def __post_init__(self) -> None:
        if len(self.delays_s) != len(RETRY_DELAYS_S) or list(self.delays_s) != sorted(self.delays_s):
            raise ValueError(f"need {len(RETRY_DELAYS_S)} delays that do not fall")

    def tier_for(self, attempts: Attempts) -> str | None:
        """The tier after a failed attempt that is the message's own fault; None when its budget is spent."""
        if attempts.spent_s >= self.budget_s:
            return None
        return list(RETRY_DELAYS_S)[min(attempts.hops, len(RETRY_DELAYS_S) - 1)]

    def delay_s(self, tier: str) -> float:
        return self.delays_s[list(RETRY_DELAYS_S).index(tier)]


def wait_s(due: datetime | None, now: datetime, delay_s: float) -> float:
    """Seconds until a record of a tier is due. Never more than the tier's delay, whatever the clocks of those that
    wrote and read it say: a clock that is months ahead, or stepped back, cannot strand an application."""
    return 0.0 if due is None else min(max(0.0, (due - now).total_seconds()), delay_s)


def due_after(now: datetime, delay_s: float) -> datetime:
    return now + timedelta(seconds=delay_s)


def read_attempts(headers: Headers) -> Attempts:
    """What the message carries about its past. Nothing, or nonsense, means a new message: its budget starts anew."""
    found = {name: value for name, value in headers if name in HOP_HEADERS and value is not None}
    try:
        return Attempts.model_validate({HOP_HEADERS[name]: value.decode("ascii") for name, value in found.items()})
    except (ValidationError, UnicodeDecodeError):
        return Attempts()


def read_due(headers: Headers) -> datetime | None:
    """When it goes back to its lane; None for nonsense: at once."""
    value = next((value for name, value in headers if name == DUE_HEADER), b"")
    try:
        due = datetime.fromisoformat(value.decode("ascii"))
    except ValueError:
        return None
    return due if due.tzinfo is not None else None


def with_attempts(headers: Iterable[tuple[str, bytes]], attempts: Attempts, due: datetime | None = None) -> Headers:
    """The message's own headers, its trace among them, with what was tried so far."""
    kept = [(name, value) for name, value in headers if name not in HOP_HEADERS and name != DUE_HEADER]
    values = {name: getattr(attempts, attribute) for name, attribute in HOP_HEADERS.items()}
    values[DUE_HEADER] = due
    added = [
        (name, (rfc3339(value) if isinstance(value, datetime) else str(value)).encode("ascii"))
        for name, value in values.items()
        if value is not None
    ]
    return [*kept, *added]
