"""What operators say about lanes (`delivery.control`), and what lanes say about themselves (`delivery.lanes`).

Both are compacted, keyed by destination. A control record is not signed: whoever may write the topic may delay
deliveries, nothing more; it can redirect none and open none. Hence access control on the topic (`docs/topics.md`).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from shared.contracts.base import Contract, Moment, Slug


class Hold(Contract):
    """A lane starts nothing in `[start, until)`. Moments, not local times: a change to summer time moves nothing."""

    start: Moment
    until: Moment | None = Field(default=None, description="absent: until it is released")
    reason: str = Field(default="", max_length=200)

    def is_on(self, now: datetime) -> bool:
        """Whether it holds at this moment."""
        return self.start <= now and (self.until is None or now < self.until)


class Control(Contract):
    """`delivery.control`: the newest record of a destination is what counts. Without a hold the lane is released."""

    destination: Slug
    at: Moment
    hold: Hold | None = None

    def is_held(self, now: datetime) -> bool:
        return self.hold is not None and self.hold.is_on(now)


class LaneCondition(StrEnum):
    """Why a lane flows or does not; the first that applies."""

    HELD = "held"
    """An operator holds it."""
    WAITING = "waiting"
    """The directory names no endpoint, or says in preparation or paused."""
    OURS = "ours"
    """Something of ours is broken: all lanes wait."""
    BROKEN = "broken"
    """The Jobcenter's system fails: the breaker is open, or the probe is under way."""
    FLOWING = "flowing"


class LaneState(Contract):
    """`delivery.lanes`: a lane as its owner sees it."""

    destination: Slug
    at: Moment
    owner: str = Field(description="instance of delivery that serves the lane")
    condition: LaneCondition
    breaker: str
    failures: int = Field(ge=0, description="failures of the Jobcenter in a row")
    last_reason: str | None = None
    next_probe_at: Moment | None = None
    in_flight: int = Field(ge=0)
    lag: int = Field(ge=0, description="messages that are not done")
    oldest_pending_at: Moment | None = Field(default=None, description="when the first undone message was routed")
    open_s: float = Field(ge=0, description="seconds in which the lane was open, ever")
    hold: Hold | None = None
