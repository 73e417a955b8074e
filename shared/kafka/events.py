"""The messages this system sends, as CloudEvents: one function for each kind."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from shared.contracts.control import Control, LaneState
from shared.contracts.events import EVENT_TYPE_PREFIX, SubmissionEvent
from shared.contracts.ids import event_id
from shared.contracts.messages import Delivery, NeedsHuman, Received
from shared.kafka.cloudevents import CloudMessage
from shared.web.trace import Trace

RECEIVED_TYPE: Final = "de.antragsweiche.received"
DELIVERY_TYPE: Final = "de.antragsweiche.delivery"
NEEDS_HUMAN_TYPE: Final = "de.antragsweiche.needs-human"
CONTROL_TYPE: Final = "de.antragsweiche.control"
LANE_STATE_TYPE: Final = "de.antragsweiche.lane-state"


def event_message(event: SubmissionEvent, *, source: str, traceparent: str) -> CloudMessage:
    """For `submissions.events`. Repetitions of one step of one attempt bear the same id."""
    return CloudMessage(
        type=EVENT_TYPE_PREFIX + event.step.value,
        subject=str(event.submission_id),
        data=event,
        traceparent=traceparent,
        time=event.at,
        source=source,
        id=event_id(event.submission_id, event.generation, event.step.value, event.attempt),
    )


def received_message(body: Received, *, generation: int, source: str, traceparent: str, at: datetime) -> CloudMessage:
    """For `submissions.received`. Repetitions (the sweeper's) bear the same id."""
    return CloudMessage(
        type=RECEIVED_TYPE,
        subject=str(body.submission_id),
        data=body,
        traceparent=traceparent,
        time=at,
        source=source,
        id=event_id(body.submission_id, generation, "message:received", 0),
    )


def delivery_message(body: Delivery, *, source: str, traceparent: str) -> CloudMessage:
    """For `delivery.to.<destination>`."""
    return CloudMessage(
        type=DELIVERY_TYPE,
        subject=str(body.submission_id),
        data=body,
        traceparent=traceparent,
        time=body.routed_at,
        source=source,
        id=event_id(body.submission_id, body.generation, f"message:delivery:{body.destination}", 0),
    )


def needs_human_message(body: NeedsHuman, *, source: str, traceparent: str) -> CloudMessage:
    """For `submissions.clearing` and `delivery.dead-letter`."""
    where = f"{body.source_topic}/{body.source_partition}/{body.source_offset}"
    return CloudMessage(
        type=NEEDS_HUMAN_TYPE,
        subject=str(body.submission_id) if body.submission_id else where,
        data=body,
        traceparent=traceparent,
        time=body.at,
        source=source,
    )


def control_message(body: Control, *, source: str) -> CloudMessage:
    """For `delivery.control`."""
    return _about_a_lane(CONTROL_TYPE, body, source)


def lane_state_message(body: LaneState, *, source: str) -> CloudMessage:
    """For `delivery.lanes`."""
    return _about_a_lane(LANE_STATE_TYPE, body, source)


def _about_a_lane(kind: str, body: Control | LaneState, source: str) -> CloudMessage:
    return CloudMessage(
        type=kind, subject=body.destination, data=body, traceparent=str(Trace.new()), time=body.at, source=source
    )
