"""What operators say about lanes (`delivery.control`), and what lanes say about themselves (`delivery.lanes`).

Both are compacted, keyed by destination. A control record is not signed: whoever may write the topic may delay
deliveries, or hurry them, nothing more; it can redirect none and open none. Hence access control on the topic
(`docs/topics.md`).
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


MAX_IN_FLIGHT = 64
"""No limit of a lane is higher: it is what a lane holds in memory."""


class BreakerOrder(StrEnum):
    """What an operator makes of a lane's breaker."""

    OPEN = "open"
    """It stays open: nothing reaches the Jobcenter, not even the probe, until another order. Then the probe first."""
    CLOSE = "close"
    """Once: the wait is over, the probe goes out now; when it succeeds the lane drains. From then on by itself."""


class Override(Contract):
    """An order about the breaker. `since` tells one order from the next: each `close` is carried out once."""

    order: BreakerOrder
    since: Moment
    reason: str = Field(default="", max_length=200)


class Aspect(StrEnum):
    """What a control record is about. The values, but for `NOTHING`, are the names of its fields."""

    HOLD = "hold"
    IN_FLIGHT = "in_flight"
    BREAKER = "breaker"
    NOTHING = "nothing"
    """It only puts together what several operators wrote at the same moment."""


class Control(Contract):
    """`delivery.control`: the newest record of a destination is what counts. Without a hold the lane is released.

    Hold, limit and override are independent. Who changes one writes the others back as they were (`cli/control.py`);
    readers believe each record only what it changes (`upon`).
    """

    destination: Slug
    at: Moment
    hold: Hold | None = None
    in_flight: int | None = Field(
        default=None, ge=1, le=MAX_IN_FLIGHT, description="deliveries in flight of the lane; absent: delivery's setting"
    )
    breaker: Override | None = Field(default=None, description="absent: the breaker decides by itself")
    changes: Aspect | None = Field(default=None, description="what its writer meant to change; absent: everything")

    def is_held(self, now: datetime) -> bool:
        return self.hold is not None and self.hold.is_on(now)

    def upon(self, before: Control | None) -> Control:
        """What counts after this record, when `before` counted until then: its writer may not have seen `before`, so
        of what he did not mean to change `before` stays. All readers do this, so that they agree.
        """
        if before is None or self.changes is None:
            return self
        return self.model_copy(update={name: getattr(before, name) for name in _INDEPENDENT - {self.changes.value}})


_INDEPENDENT = frozenset(aspect.value for aspect in Aspect if aspect is not Aspect.NOTHING)


class LaneCondition(StrEnum):
    """Why a lane flows or does not; the first that applies."""

    HELD = "held"
    """An operator holds it."""
    WAITING = "waiting"
    """The directory names no endpoint, or says in preparation or paused."""
    OURS = "ours"
    """Something of ours is broken: all lanes wait."""
    BROKEN = "broken"
    """The Jobcenter's system fails: the breaker is open, or the probe is under way. Or an operator keeps it open."""
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
    window: int | None = Field(default=None, ge=1, description="deliveries in flight that the lane may have")
    is_forced: bool = Field(default=False, description="an operator keeps the breaker open")
