"""How long a lane was open, in seconds: what a message's budget is counted in. Pure.

A lane is open while its applications could flow: not held, breaker closed, Jobcenter connected, nothing of ours broken.
A Jobcenter that is down for three weeks, or a hold over a holiday, costs no message any of its fourteen days.

Guarantees
    - The reading never falls, except by `restore` of another process's reading.
    - It rests on monotonic time alone: a wall clock that is stepped, or a change to summer time, does not touch it.
Use
    A message carries the reading at which its budget was last charged; the next failure charges the difference
    (`charged`). The lane's owner publishes its reading with the lane's state; the next owner goes on from there and
    does not count what was not published, in the message's favour.
"""

from __future__ import annotations

from datetime import datetime

from shared.contracts.messages import Attempts


class OpenClock:
    """Starts stopped, at 0."""

    def __init__(self) -> None:
        self._sum_s = 0.0
        self._since: float | None = None

    def restore(self, open_s: float, now: float) -> None:
        """Goes on from another owner's reading, unless this one is further already."""
        self._sum_s = max(self._sum_s, open_s - (0.0 if self._since is None else now - self._since))

    def set_open(self, is_open: bool, now: float) -> None:
        """`now` is monotonic."""
        if is_open and self._since is None:
            self._since = now
        elif not is_open and self._since is not None:
            self._sum_s += now - self._since
            self._since = None

    def read_s(self, now: float) -> float:
        return self._sum_s + (now - self._since if self._since is not None else 0.0)


def charged(attempts: Attempts, open_s: float, moment: datetime, reason: str) -> Attempts:
    """After one more failed attempt at the lane's reading `open_s`."""
    mark = attempts.open_mark_s
    # A reading below the mark comes from an owner that lost what was published: nothing is known, nothing is charged.
    spent_s = attempts.spent_s + (max(0.0, open_s - mark) if mark is not None else 0.0)
    return attempts.model_copy(
        update={
            "count": attempts.count + 1,
            "first_at": attempts.first_at or moment,
            "last_at": moment,
            "last_reason": reason,
            "spent_s": spent_s,
            "open_mark_s": open_s,
        }
    )
