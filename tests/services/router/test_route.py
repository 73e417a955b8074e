"""The one decision: pinned lane, people, or dead letter; for any bytes whatever."""

from __future__ import annotations

from functools import cache
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.route import Clearing, DeadLetter, Decision, Lane, route
from shared.contracts.directory import JobcenterEntry
from shared.contracts.manifest import CLEARING
from shared.contracts.messages import Received
from shared.directory.resolve import resolve
from shared.directory.snapshot import Directory
from shared.directory.tables import Tables
from shared.kafka.cloudevents import Headers
from shared.kafka.events import received_message
from tests import keys
from tests.services.delivery.support import AT, Submission, make_submission

OSNABRUECK, TWO_MUNICIPAL, BERLIN = "49124", "06632", "10115"


@cache
def tables() -> Tables:
    return Tables.load()


def jobcenter_of(postcode: str) -> str:
    found = resolve(tables(), postcode, None).jobcenter_id
    assert found is not None
    return found


def directory(*entries: JobcenterEntry) -> Directory:
    made = Directory(keys.anchor())
    for entry in entries or (keys.jobcenter_entry("a", jobcenter_of(OSNABRUECK)),):
        assert not made.apply(entry.id, keys.signed(entry)).is_alarm
    return made


def decide(value: bytes | None, headers: Headers, known: Directory | None = None) -> Decision:
    return route(value, headers, keys.platform_keys(), known or directory(), tables())


def decide_about(submission: Submission, known: Directory | None = None) -> Decision:
    return decide(*submission.received().to_kafka(), known)


def test_what_stands_goes_to_its_lane_with_its_trace() -> None:
    submission = make_submission(jobcenter_of(OSNABRUECK), postcode=OSNABRUECK)
    decision = decide_about(submission)
    assert isinstance(decision, Lane)
    assert decision.manifest == submission.manifest
    assert decision.token == submission.token
    assert decision.traceparent == submission.traceparent


def test_what_the_directory_yields_differently_goes_to_people_not_elsewhere() -> None:
    other = keys.jobcenter_entry("b", "jobcenter-b")
    known = directory(keys.jobcenter_entry("a", jobcenter_of(OSNABRUECK)), other)
    decision = decide_about(make_submission("jobcenter-b", postcode=OSNABRUECK), known)
    assert isinstance(decision, Clearing)
    assert decision.reason == "directory-disagrees"
    assert decision.candidates == (jobcenter_of(OSNABRUECK),)


def test_an_unknown_destination_goes_to_people() -> None:
    decision = decide_about(make_submission("gone", postcode=OSNABRUECK))
    assert isinstance(decision, Clearing)
    assert decision.reason == "destination-unknown"


def test_what_was_sealed_for_clearing_goes_there_with_its_reason_and_candidates() -> None:
    claims = {"jobcenter": None, "postcode": TWO_MUNICIPAL, "clearing_reason": "unresolved", "directory_version": 0}
    decision = decide_about(make_submission(CLEARING, **claims))
    assert isinstance(decision, Clearing)
    assert decision.reason == "unresolved"
    assert len(decision.candidates) == 2


def test_a_joint_jobcenter_is_never_guessed() -> None:
    decision = decide_about(make_submission(jobcenter_of(OSNABRUECK), postcode=BERLIN))
    assert isinstance(decision, Clearing)
    assert decision.candidates == ()


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[]", b'{"submission_id": 5}'])
def test_what_is_no_message_is_a_dead_letter(value: bytes | None) -> None:
    _, headers = make_submission().received().to_kafka()
    assert decide(value, headers) == DeadLetter("message-unreadable")


def test_another_kind_of_message_is_a_dead_letter() -> None:
    assert decide(*make_submission().delivery().to_kafka()) == DeadLetter("message-unreadable")


def test_a_forged_manifest_is_a_dead_letter() -> None:
    submission, other = make_submission(), make_submission()
    head, _, seal = submission.token.split(".")
    token = f"{head}.{other.token.split('.')[1]}.{seal}"
    body = Received(submission_id=submission.id, manifest=token)
    message = received_message(body, generation=0, source="/t", traceparent=submission.traceparent, at=AT)
    assert decide(*message.to_kafka()) == DeadLetter("manifest-invalid")


def test_another_submissions_manifest_is_a_dead_letter() -> None:
    submission = make_submission(jobcenter_of(OSNABRUECK), postcode=OSNABRUECK)
    body = Received(submission_id=uuid4(), manifest=submission.token)
    message = received_message(body, generation=0, source="/t", traceparent=submission.traceparent, at=AT)
    assert decide(*message.to_kafka()) == DeadLetter("manifest-invalid")


def test_a_manifest_under_an_unknown_key_may_heal() -> None:
    entry = keys.platform_entry()
    from shared.trust.platform import PlatformKeys

    without = PlatformKeys(entry.model_copy(update={"keys": entry.keys[1:]}))
    value, headers = make_submission().received().to_kafka()
    assert route(value, headers, without, directory(), tables()) == DeadLetter("manifest-invalid", may_heal=True)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=12), st.binary(max_size=40)), max_size=12))
def test_any_bytes_have_a_decision(value: bytes, headers: Headers) -> None:
    assert isinstance(decide(value, headers), DeadLetter)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_changed_message_never_reaches_a_lane(data: st.DataObject) -> None:
    submission = make_submission(jobcenter_of(OSNABRUECK), postcode=OSNABRUECK)
    value, headers = submission.received().to_kafka()
    place = data.draw(st.integers(0, len(value) - 1))
    changed = value[:place] + bytes([data.draw(st.integers(0, 255))]) + value[place + 1 :]
    decision = decide(changed, headers)
    if isinstance(decision, Lane):
        # only the base64url's padding bits and JSON's own spelling may vary; what was signed may not
        assert decision.manifest == submission.manifest
