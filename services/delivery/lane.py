"""One lane: which of the loaded records may be tried now. Pure, without clock and without tasks.

Assumptions
    - `now` is a monotonic time in seconds that never falls.
    - The caller starts what `next_start` names and reports each start's end by exactly one of `succeed`,
      `jobcenter_failed`, `ours_failed`, `abandon`.
Guarantees
    - Never more than `window` in flight; only one while the lane is troubled (the last thing that it learned about the
      Jobcenter was a failure).
    - After a Jobcenter's failure nothing starts until the backoff is over; what is in flight goes on. Failures of
      attempts that began before the last counted failure are one and the same trouble and count once.
    - A troubled lane tries the least-tried record, so that one record which always fails cannot keep the others from
      showing that the Jobcenter is well again.
    - A record that fails while others succeed ("alone") waits on its own schedule; the lane goes on without it.
    - Our own failures never count: neither for the lane, nor for the record's attempts.
Transitions of a record
    loaded ──next_start/start──▶ in flight ──succeed──▶ gone
                     ▲                │──jobcenter_failed, ours_failed, abandon──▶ loaded
                     └────────────────┘
Transitions of the lane
    well ──jobcenter_failed──▶ troubled(n) ──jobcenter_failed of a later attempt──▶ troubled(n+1)
    troubled(n) ──succeed──▶ well
Issue C's breaker replaces "wait, then try a record" by "wait, then probe"; its hold makes `next_start` answer None.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.delivery.backoff import Backoff


@dataclass
class _Entry:
    attempts: int = 0
    alone: int = 0
    failed_in_era: int = -1
    not_before: float = float("-inf")
    started_at: float | None = None


class Lane:
    """The pure state of one partition's lane."""

    def __init__(self, window: int, backoff: Backoff) -> None:
        if window < 1:
            raise ValueError("a lane needs a window of at least 1")
        self._window = window
        self._backoff = backoff
        self._entries: dict[int, _Entry] = {}
        self._in_flight = 0
        self._failures = 0
        self._last_failure = float("-inf")
        self._not_before = float("-inf")
        self._successes = 0

    def load(self, offset: int) -> None:
        if offset in self._entries:
            raise ValueError(f"offset {offset} is already loaded")
        self._entries[offset] = _Entry()

    def next_start(self, now: float) -> int | None:
        """The record to start now, or None. Does not start it."""
        if now < self._not_before or self._in_flight >= (1 if self._failures else self._window):
            return None
        ready = [
            (entry.attempts if self._failures else 0, offset)
            for offset, entry in self._entries.items()
            if entry.started_at is None and entry.not_before <= now
        ]
        return min(ready)[1] if ready else None

    def start(self, offset: int, now: float) -> int:
        """The record is being tried; answers the number of the attempt, from 1."""
        entry = self._entries[offset]
        if entry.started_at is not None:
            raise ValueError(f"offset {offset} is already in flight")
        entry.started_at = now
        self._in_flight += 1
        return entry.attempts + 1

    def succeed(self, offset: int, *, proves_jobcenter: bool = True) -> None:
        """The record is done. `proves_jobcenter`: the Jobcenter itself answered, so the lane is well."""
        self._land(offset)
        del self._entries[offset]
        if proves_jobcenter:
            self._successes += 1
            self._failures = 0
            self._not_before = float("-inf")

    def jobcenter_failed(self, offset: int, now: float, chance: float, asked_s: float | None = None) -> float:
        """Answers for how many seconds nothing of this lane will start."""
        entry, started_at = self._entries[offset], self._land(offset)
        entry.attempts += 1
        if entry.failed_in_era >= 0 and entry.failed_in_era < self._successes:
            entry.alone += 1
            entry.not_before = now + self._backoff.delay_s(entry.alone, chance)
        entry.failed_in_era = self._successes
        if started_at > self._last_failure or not self._failures:
            self._failures += 1
            self._last_failure = now
            self._not_before = now + self._backoff.delay_s(self._failures, chance, asked_s)
        elif asked_s is not None:
            self._not_before = max(self._not_before, now + self._backoff.delay_s(1, chance, asked_s))
        return max(0.0, self._not_before - now)

    def ours_failed(self, offset: int) -> None:
        """We failed; the record stays as if it had not been tried."""
        self._land(offset)

    abandon = ours_failed

    def retry_now(self) -> None:
        """Something changed (a new endpoint): the present wait is over; trouble remains until a success."""
        self._not_before = float("-inf")

    def wakes_at(self) -> float:
        """The earliest time at which waiting alone could make something startable; infinite when only events can."""
        waiting = [entry.not_before for entry in self._entries.values() if entry.started_at is None]
        return max(self._not_before, min(waiting)) if waiting else float("inf")

    @property
    def loaded(self) -> int:
        """Records that are loaded, in flight included."""
        return len(self._entries)

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def failures(self) -> int:
        """Failures of the Jobcenter in a row; 0 = well."""
        return self._failures

    def attempts(self, offset: int) -> int:
        """Attempts that the Jobcenter has failed for this record."""
        return self._entries[offset].attempts

    def _land(self, offset: int) -> float:
        entry = self._entries[offset]
        if entry.started_at is None:
            raise ValueError(f"offset {offset} is not in flight")
        started_at, entry.started_at = entry.started_at, None
        self._in_flight -= 1
        return started_at


def may_start(total: int, lanes: int, in_flight_here: int, extra_in_flight: int) -> bool:
    """The global cap. Each lane owns one slot; only what is beyond one a lane is drawn from the common rest.

    `total` slots in all, `lanes` lanes assigned, `in_flight_here` in this lane, `extra_in_flight` the sum over all
    lanes of what each has in flight beyond its first.
    """
    return in_flight_here == 0 or extra_in_flight < max(0, total - lanes)
