"""One lane: which of the loaded records may be tried now. Pure, without clock and without tasks.

Assumptions
    - `now` is a monotonic time in seconds that never falls.
    - The caller starts what `next_start` names and reports each start's end by exactly one of `succeed`,
      `jobcenter_failed`, `not_connected`, `ours_failed`, `abandon`; and each probe as `breaker` says.
Guarantees
    - Nothing starts while `window` or more are in flight, while the lane is blocked (a hold, a breaker that an operator
      opened, our own trouble), while its breaker is not closed, or while the directory names no endpoint; what is in
      flight goes on, also when the window shrinks.
    - After a Jobcenter's failure the breaker decides; when it closes, the whole window starts at once. Until an
      application is answered the least-tried records go first, so that one record which always fails cannot keep the
      others from showing that the Jobcenter is well.
    - A record that fails after others were answered since its last failure ("alone") waits on its own schedule and does
      not open the breaker: a healthy lane goes on without it.
    - `fails_alone` says that a record has now failed `ALONE` times, with a success of the probe or of another
      application between each two: the failure is the message's, no longer the Jobcenter's.
    - Our own failures never count: neither for the lane, nor for the record.
Transitions of a record
    loaded ──next_start/start──▶ in flight ──succeed──▶ gone
                     ▲                │──jobcenter_failed, not_connected, ours_failed, abandon──▶ loaded
                     └────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass

from services.delivery.backoff import Backoff
from services.delivery.breaker import Breaker, BreakerState
from services.delivery.openclock import OpenClock

ALONE = 3
"""Failures that make a failure the message's."""
FORCED = "forced"
"""Why a lane is blocked whose breaker an operator keeps open."""


@dataclass
class _Entry:
    attempts: int = 0
    alone: int = 0
    era: int = 0
    answers: int = 0
    not_before: float = float("-inf")
    started_at: float | None = None


class Lane:
    """The pure state of one partition's lane."""

    def __init__(self, window: int, backoff: Backoff, probing: Backoff | None = None) -> None:
        """`backoff` spaces a lone record's attempts, `probing` the breaker's probes."""
        self.set_window(window)
        self._backoff = backoff
        self.breaker = Breaker(probing or backoff)
        self.open_clock = OpenClock()
        self._entries: dict[int, _Entry] = {}
        self._in_flight = 0
        self._not_before = float("-inf")
        self._blocks: set[str] = set()
        self._era = 0
        self._answers = 0

    def set_window(self, window: int) -> None:
        """From now on so many may be in flight. ValueError below 1."""
        if window < 1:
            raise ValueError("a lane needs a window of at least 1")
        self.window = window

    def load(self, offset: int) -> None:
        if offset in self._entries:
            raise ValueError(f"offset {offset} is already loaded")
        self._entries[offset] = _Entry()

    def next_start(self, now: float) -> int | None:
        """The record to start now, or None. Does not start it."""
        if not self.is_open(now) or self._in_flight >= self.window:
            return None
        ready = [
            (entry.attempts if self.breaker.failures else 0, offset)
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
            self._era += 1
            self._answers += 1
            self.breaker.answered()
            self._not_before = float("-inf")

    def fails_alone(self, offset: int) -> bool:
        """Whether one more failure of this record, in flight now, is the message's."""
        entry = self._entries[offset]
        return entry.alone + self._counts(entry) >= ALONE

    def jobcenter_failed(self, offset: int, now: float, chance: float, asked_s: float | None = None) -> float:
        """Answers for how many seconds nothing of this lane, or of this record alone, will start."""
        entry, started_at = self._entries[offset], self._land(offset)
        entry.alone += self._counts(entry)
        is_lone = entry.attempts > 0 and entry.answers < self._answers
        entry.attempts += 1
        entry.era, entry.answers = self._era, self._answers
        if is_lone:
            wait_s = self._backoff.delay_s(entry.alone, chance, asked_s)
            entry.not_before = now + wait_s
            return wait_s
        return self.breaker.failed(started_at, now, chance, asked_s)

    def not_connected(self, offset: int, now: float, wait_s: float) -> None:
        """The directory names no endpoint, or says to wait: nobody failed."""
        self._land(offset)
        self.wait(now, wait_s)

    def wait(self, now: float, wait_s: float) -> None:
        """Nothing starts, not even a probe, for so many seconds; `retry_now` ends it."""
        self._not_before = now + wait_s

    def probe_succeeded(self) -> None:
        """The empty probe came through."""
        if self.breaker.probe_succeeded():
            self._era += 1

    def ours_failed(self, offset: int) -> None:
        """We failed; the record stays as if it had not been tried."""
        self._land(offset)

    abandon = ours_failed

    def block(self, why: str) -> None:
        """Nothing starts until every block is lifted."""
        self._blocks.add(why)

    def unblock(self, why: str) -> None:
        self._blocks.discard(why)

    def force_open(self, is_forced: bool, now: float) -> None:
        """An operator keeps the breaker open, or lets it go again: then the probe is the first that goes out."""
        if is_forced:
            self.block(FORCED)
        elif FORCED in self._blocks:
            self.unblock(FORCED)
            self.breaker.doubt(now)

    def retry_now(self, now: float) -> None:
        """Something changed (a new endpoint): present waits are over; trouble remains until a success."""
        self._not_before = float("-inf")
        self.breaker.probe_now(now)

    def is_open(self, now: float) -> bool:
        """Whether applications may flow."""
        return not self._blocks and now >= self._not_before and self.breaker.state is BreakerState.CLOSED

    def probe_due(self, now: float) -> bool:
        """Whether the empty probe should be sent now; a held lane is left in peace."""
        return not self._blocks and now >= self._not_before and self.breaker.probe_due(now)

    def wakes_at(self) -> float:
        """The earliest time at which waiting alone could make something startable, a probe included; infinite when
        only events can."""
        if self._blocks or self.breaker.state is BreakerState.PROBING:
            return float("inf")
        if self.breaker.state is BreakerState.OPEN:
            return max(self._not_before, self.breaker.probe_at)
        waiting = [entry.not_before for entry in self._entries.values() if entry.started_at is None]
        return max(self._not_before, min(waiting)) if waiting else float("inf")

    @property
    def blocks(self) -> frozenset[str]:
        return frozenset(self._blocks)

    def is_waiting(self, now: float) -> bool:
        """Waits for the directory to name an endpoint."""
        return now < self._not_before

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
        return self.breaker.failures

    def attempts(self, offset: int) -> int:
        """Attempts that the Jobcenter has failed for this record."""
        return self._entries[offset].attempts

    def _counts(self, entry: _Entry) -> int:
        """1 when a failure now tells something new: the first one, or one after a success."""
        return int(entry.attempts == 0 or entry.era < self._era)

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
