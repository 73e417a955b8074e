"""What stands on `submissions.events`, by submission: the second witness beside the status that intake gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from uuid import UUID

from cli.topic_reader import read_topic
from shared.contracts.events import Step, SubmissionEvent
from shared.contracts.topics import EVENTS

EventLog = Mapping[UUID, list[SubmissionEvent]]


async def read_events(bootstrap: str, awaited: Mapping[UUID, Step], timeout_s: float = 15.0) -> EventLog:
    """All events up to now, waiting until each awaited step of each submission is there.

    Events are written after their effect, so the status may be a moment ahead. Ends when nothing new comes for
    `timeout_s`; whoever asks must look whether a step is missing.
    """
    found: dict[UUID, list[SubmissionEvent]] = defaultdict(list)
    missing = set(awaited.items())
    async with read_topic(bootstrap, EVENTS, from_beginning=True) as reader:
        async for record in reader.records(follow=True, idle_s=timeout_s):
            event = SubmissionEvent.model_validate_json(record.value)
            found[event.submission_id].append(event)
            missing.discard((event.submission_id, event.step))
            if not missing:
                break
    return found


def faults(events: list[SubmissionEvent], final: Step) -> list[str]:
    """What the events of one submission lack, or have too much; empty when all is well."""
    steps = {event.step for event in events}
    needed = {Step.OPENED, Step.ACCEPTED, final}
    if final is Step.ACKNOWLEDGED:
        needed |= {Step.ROUTED, Step.PUSHING}
    wrong = [f"no event {step.value}" for step in Step if step in needed - steps]
    deliveries = {event.delivery_id for event in events if event.step is Step.ACKNOWLEDGED}
    if len(deliveries) > 1:
        wrong.append(f"{len(deliveries)} deliveries were acknowledged")
    return wrong
