"""One lane's breaker: whether the Jobcenter's system is believed to work, and when it is asked. Pure.

Assumptions
    - `now` is a monotonic time in seconds that never falls; `chance` is a random number in [0, 1).
    - After `probe_started` the caller reports exactly one of `probe_succeeded`, `probe_failed`, `probe_abandoned`.
Guarantees
    - While open, nothing but the empty probe reaches the Jobcenter, and one probe at a time; one that an answered
      application overtook changes nothing when it ends, unless the next has begun: then it counts for that.
    - The wait doubles with each failure in a row, from the backoff's first to its most, spread by its jitter; a
      `Retry-After` is honoured. It starts anew only after an application was answered: a system whose probe works
      while every delivery fails is asked ever less often.
    - Failures of attempts that began before the last counted failure are the same trouble and count once.
    - Any answered application closes it, whatever the probe says; a probe that succeeds closes it at once.
Transitions
    closed ──failed──▶ open ──(wait is over) probe_started──▶ probing ──probe_succeeded──▶ closed
                        ▲                                       │──probe_failed──▶ open (longer)
                        └──probe_abandoned (at once due again)──┘
    any ──answered──▶ closed, without a memory
    closed ──doubted──▶ open, a probe due at once
"""

from __future__ import annotations

from enum import StrEnum

from services.delivery.backoff import Backoff


class BreakerState(StrEnum):
    CLOSED = "closed"
    """Applications flow."""
    OPEN = "open"
    """Waits for the next probe."""
    PROBING = "probing"


class Breaker:
    """See the module."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._last_failure = float("-inf")
        self.state = BreakerState.CLOSED
        self.failures = 0
        """Failures in a row since the last answered application, probes included."""
        self.probe_at = float("-inf")
        """When the next probe is due; means nothing while closed."""

    def failed(self, started_at: float, now: float, chance: float, asked_s: float | None = None) -> float:
        """An attempt that began at `started_at` failed by the Jobcenter's fault: answers the seconds to the probe."""
        if started_at > self._last_failure:
            self._open(now, chance, asked_s)
        elif asked_s is not None and self.state is not BreakerState.CLOSED:
            self.probe_at = max(self.probe_at, now + self._backoff.delay_s(1, chance, asked_s))
        return max(0.0, self.probe_at - now) if self.state is not BreakerState.CLOSED else 0.0

    def answered(self) -> None:
        """The Jobcenter's system answered an application."""
        self.state = BreakerState.CLOSED
        self.failures = 0

    def probe_due(self, now: float) -> bool:
        return self.state is BreakerState.OPEN and now >= self.probe_at

    def probe_started(self, now: float) -> None:
        if not self.probe_due(now):
            raise ValueError("no probe is due")
        self.state = BreakerState.PROBING

    def probe_succeeded(self) -> bool:
        """True when this closed the breaker; an application may have done so before."""
        if self.state is not BreakerState.PROBING:
            return False
        self.state = BreakerState.CLOSED
        return True

    def probe_failed(self, now: float, chance: float, asked_s: float | None = None) -> float:
        """Answers the seconds until the next one; 0 when an application has closed the breaker meanwhile."""
        if self.state is not BreakerState.PROBING:
            return 0.0
        self._open(now, chance, asked_s)
        return self.probe_at - now

    def probe_abandoned(self, now: float) -> None:
        """It was our own failure, or nobody waits for it any more: proves nothing."""
        if self.state is BreakerState.PROBING:
            self.state = BreakerState.OPEN
            self.probe_at = now

    def probe_now(self, now: float) -> None:
        """Something changed (a new endpoint): the wait is over."""
        if self.state is BreakerState.OPEN:
            self.probe_at = min(self.probe_at, now)

    def doubt(self, now: float) -> None:
        """Nothing is known about the Jobcenter for a while (an operator kept the lane shut): the probe goes first."""
        if self.state is BreakerState.CLOSED:
            self.state, self.probe_at = BreakerState.OPEN, now

    def _open(self, now: float, chance: float, asked_s: float | None) -> None:
        self.failures += 1
        self._last_failure = now
        self.state = BreakerState.OPEN
        self.probe_at = now + self._backoff.delay_s(self.failures, chance, asked_s)
