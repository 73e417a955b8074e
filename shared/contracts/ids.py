"""Ids that are computed, so that every attempt and every replica arrives at the same one."""

from __future__ import annotations

from uuid import UUID, uuid5

NAMESPACE = UUID("6f0d0f8e-6f0b-5f0c-9d3c-8f4a3f1b7c11")
"""Fixed for ever: ids computed under it must never change."""


def delivery_id(submission_id: UUID, destination: str, generation: int) -> UUID:
    """Stable over attempts; only a clearing decision raises the generation."""
    return uuid5(NAMESPACE, f"delivery:{submission_id}:{destination}:{generation}")


def event_id(submission_id: UUID, generation: int, step: str, attempt: int) -> UUID:
    """Repetitions of one event bear the same id, so readers can drop them."""
    return uuid5(NAMESPACE, f"event:{submission_id}:{generation}:{step}:{attempt}")
