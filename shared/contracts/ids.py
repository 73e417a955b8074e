"""Ids that are computed, so that every attempt and every replica arrives at the same one."""

from __future__ import annotations

import hashlib
from uuid import UUID

NAMESPACE = UUID("6f0d0f8e-6f0b-5f0c-9d3c-8f4a3f1b7c11")
"""Fixed for ever: ids computed under it must never change."""
_NAMESPACE_BYTES = NAMESPACE.bytes


def delivery_id(submission_id: UUID, destination: str, generation: int) -> UUID:
    """Stable over attempts; only a clearing decision raises the generation."""
    return _uuid5(f"delivery:{submission_id}:{destination}:{generation}")


def event_id(submission_id: UUID, generation: int, step: str, attempt: int) -> UUID:
    """Repetitions of one event bear the same id, so readers can drop them."""
    return _uuid5(f"event:{submission_id}:{generation}:{step}:{attempt}")


def _uuid5(name: str) -> UUID:
    """`uuid.uuid5` under our namespace in three fifths of its time; the router makes three for each message."""
    digest = hashlib.sha1(_NAMESPACE_BYTES + name.encode(), usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5)
