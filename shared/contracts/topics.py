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
RETRY_PREFIX = "delivery.retry."
AWAITING = "delivery.awaiting"
CONTROL = "delivery.control"
LANES = "delivery.lanes"

RETRY_DELAYS_S: Mapping[str, float] = {
    "30s": 30.0,
    "5m": 300.0,
    "30m": 1_800.0,
    "2h": 7_200.0,
    "6h": 21_600.0,
    "24h": 86_400.0,
}
"""Retry tiers and their fixed delays, in the order in which a message goes through them; it stays in the last."""

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


def retry(tier: str) -> str:
    """Topic of a retry tier."""
    return RETRY_PREFIX + tier


def lane(destination: str) -> str:
    """Topic of a destination's lane."""
    return LANE_PREFIX + destination


def lane_topic(destination: str) -> Topic:
    return Topic(lane(destination), "submission id", f"Routed to {destination}", 1, _KEEP)


_STATE = {**_COMPACT, "segment.ms": "3600000", "min.cleanable.dirty.ratio": "0.1"}
"""Written often, of interest only as it is now."""

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
    *(
        Topic(retry(tier), "submission id", f"Failed by itself; back to its lane after {tier}", 1, _KEEP)
        for tier in RETRY_DELAYS_S
    ),
    Topic(AWAITING, "submission id", "Handed over, waits for the signed answer", 1, _KEEP),
    Topic(CONTROL, "destination id", "Holds, limits and breaker overrides, by operators", 1, _COMPACT),
    Topic(LANES, "destination id", "State of every lane, for operators", 1, _STATE),
    Topic(DEAD_LETTER, "submission id", "Needs a human to look at the message", 1, _COMPACT),
    Topic(DIRECTORY, "Jobcenter id, or _platform", "Signed directory entries and the platform's key set", 1, _COMPACT),
)


def all_topics(destinations: Iterable[str]) -> tuple[Topic, ...]:
    """Every topic that must exist for these destinations."""
    return COMMON + tuple(lane_topic(destination) for destination in sorted(set(destinations)))
