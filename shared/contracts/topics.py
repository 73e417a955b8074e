"""The one declaration of all topics. Broker, AsyncAPI document and code are tested against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

RECEIVED = "submissions.received"
CLEARING = "submissions.clearing"
EVENTS = "submissions.events"
DIRECTORY = "directory.jobcenters"
DEAD_LETTER = "delivery.dead-letter"
LANE_PREFIX = "delivery.to."

DAY_MS = 86_400_000
EVENTS_RETENTION_MS = 1_095 * DAY_MS
MAX_MESSAGE_BYTES = 1_048_576


@dataclass(frozen=True)
class Topic:
    """A topic as it must be. `partitions` is the least; more are fine. `config` are broker-side settings."""

    name: str
    key: str
    content: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


_KEEP = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
_COMPACT = {"cleanup.policy": "compact", "min.compaction.lag.ms": "0", "delete.retention.ms": str(7 * DAY_MS)}


def lane(destination: str) -> str:
    """Topic of a destination's lane."""
    return LANE_PREFIX + destination


def lane_topic(destination: str) -> Topic:
    return Topic(lane(destination), "submission id", f"Routed to {destination}", 1, _KEEP)


COMMON: tuple[Topic, ...] = (
    Topic(RECEIVED, "submission id", "Accepted at the door: the manifest", 8, _KEEP),
    Topic(
        EVENTS,
        "submission id",
        "Every change of state of every submission",
        8,
        {"retention.ms": str(EVENTS_RETENTION_MS), "retention.bytes": "-1", "cleanup.policy": "delete"},
    ),
    Topic(CLEARING, "submission id", "Needs a human to decide the destination", 1, _COMPACT),
    Topic(DEAD_LETTER, "submission id", "Needs a human to look at the message", 1, _COMPACT),
    Topic(DIRECTORY, "Jobcenter id, or _platform", "Signed directory entries and the platform's key set", 1, _COMPACT),
)


def all_topics(destinations: Iterable[str]) -> tuple[Topic, ...]:
    """Every topic that must exist for these destinations."""
    return COMMON + tuple(lane_topic(destination) for destination in sorted(set(destinations)))
