from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.events import Step, SubmissionEvent
from shared.contracts.messages import Delivery, NeedsHuman, Received
from shared.contracts.reasons import Reason
from shared.errors import MessageError
from shared.kafka.cloudevents import CloudMessage, parse_headers, read
from shared.kafka.events import delivery_message, event_message, needs_human_message, received_message

ID = UUID("0a1b2c3d-0000-4000-8000-000000000001")
NOW = datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


def event(step: Step = Step.OPENED, attempt: int = 0) -> SubmissionEvent:
    return SubmissionEvent(submission_id=ID, step=step, attempt=attempt, at=NOW)


def message(**changes: object) -> CloudMessage:
    return event_message(event(), source="/intake", traceparent=TRACE)


def test_attributes_stand_where_the_binding_says() -> None:
    value, headers = message().to_kafka()
    found = dict(headers)
    assert found == {
        "ce_specversion": b"1.0",
        "ce_id": found["ce_id"],
        "ce_source": b"/intake",
        "ce_type": b"de.antragsweiche.submission.opened",
        "ce_time": b"2026-11-22T12:00:00.123Z",
        "ce_subject": str(ID).encode(),
        "ce_dataschema": b"submission-event/v1",
        "content-type": b"application/json",
        "traceparent": TRACE.encode(),
    }
    assert UUID(found["ce_id"].decode())
    assert b'"step":"opened"' in value


def test_repetitions_bear_the_same_id_and_other_steps_another() -> None:
    first = event_message(event(), source="/intake", traceparent=TRACE)
    again = event_message(event(), source="/router", traceparent=TRACE)
    assert first.id == again.id
    assert first.id != event_message(event(Step.ACCEPTED), source="/intake", traceparent=TRACE).id
    assert first.id != event_message(event(attempt=1), source="/intake", traceparent=TRACE).id


@given(st.sampled_from(Step), st.integers(0, 9), st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)))
def test_what_was_sent_is_read_back(step: Step, attempt: int, at: datetime) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    body = SubmissionEvent(submission_id=uuid4(), step=step, attempt=attempt, at=at)
    sent = event_message(body, source="/delivery", traceparent=TRACE)
    value, headers = sent.to_kafka()
    envelope, received = read(SubmissionEvent, headers, value)
    assert received == body
    assert (envelope.id, envelope.type, envelope.time) == (str(sent.id), sent.type, at)
    assert (envelope.subject, envelope.source, envelope.traceparent) == (sent.subject, "/delivery", TRACE)
    assert parse_headers(dict(headers)) == envelope


def test_every_kind_of_message_is_read_as_its_model() -> None:
    received = Received(submission_id=ID, manifest="a.b.c")
    delivery = Delivery(
        submission_id=ID, generation=0, destination="kreis-x", delivery_id=ID, manifest="a.b.c", routed_at=NOW
    )
    human = NeedsHuman(
        reason=Reason.MESSAGE_UNREADABLE, at=NOW, source_topic="t", source_partition=1, source_offset=2, original="AA=="
    )
    for made in (
        received_message(received, generation=0, source="/intake", traceparent=TRACE, at=NOW),
        delivery_message(delivery, source="/router", traceparent=TRACE),
        needs_human_message(human, source="/router", traceparent=TRACE),
    ):
        value, headers = made.to_kafka()
        assert read(type(made.data), headers, value)[1] == made.data


def test_a_message_of_another_kind_is_unreadable() -> None:
    value, headers = message().to_kafka()
    with pytest.raises(MessageError) as caught:
        read(Received, headers, value)
    assert caught.value.reason == Reason.MESSAGE_UNREADABLE


@pytest.mark.parametrize("missing", ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_dataschema"])
def test_a_missing_attribute_is_unreadable(missing: str) -> None:
    value, headers = message().to_kafka()
    with pytest.raises(MessageError):
        read(SubmissionEvent, [pair for pair in headers if pair[0] != missing], value)


@pytest.mark.parametrize(
    "planted",
    [
        ("ce_id", b"again"),
        ("x", None),
        ("x", b"\xff"),
        ("x", b"y" * 2000),
    ],
    ids=["doubled", "null", "not-utf8", "long"],
)
def test_strange_headers_are_unreadable(planted: tuple[str, bytes | None]) -> None:
    value, headers = message().to_kafka()
    with pytest.raises(MessageError):
        read(SubmissionEvent, [*headers, planted], value)


@given(st.one_of(st.none(), st.binary(max_size=200)))
def test_no_value_whatever_escapes_as_another_error_or_shows_itself(value: bytes | None) -> None:
    _, headers = message().to_kafka()
    with pytest.raises(MessageError) as caught:
        read(SubmissionEvent, headers, value)
    assert str(caught.value) == "message-unreadable"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(st.lists(st.tuples(st.text(max_size=20), st.one_of(st.none(), st.binary(max_size=40))), max_size=12))
def test_no_headers_whatever_escape_as_another_error(headers: list[tuple[str, bytes | None]]) -> None:
    with pytest.raises(MessageError):
        parse_headers(headers)
    with pytest.raises(MessageError):
        parse_headers(None)


def test_unknown_fields_and_headers_of_newer_writers_are_ignored() -> None:
    value, headers = message().to_kafka()
    newer = value[:-1] + b',"added_later":{"x":1}}'
    assert read(SubmissionEvent, [*headers, ("ce_newattribute", b"1")], newer)[1] == event()
