"""What operators type about lanes, and the pure parts behind it. On a broker: `test_operations.py` of delivery."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.dead_letter import Item, rebuilt
from cli.dead_letter import app as dead_letter
from cli.hold import app as hold
from cli.lanes import app as lanes
from cli.lanes import row
from cli.prune import newest_is_settled, readers
from shared.contracts import ids, topics
from shared.contracts.control import BreakerOrder, Control, Hold, LaneCondition, LaneState, Override
from shared.contracts.messages import Delivery, NeedsHuman, Received

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def state(**changes: object) -> LaneState:
    facts = {
        "destination": "kreis-a",
        "at": NOW - timedelta(seconds=3),
        "owner": "delivery-0",
        "condition": LaneCondition.FLOWING,
        "breaker": "closed",
        "failures": 0,
        "in_flight": 2,
        "lag": 7,
        "oldest_pending_at": NOW - timedelta(hours=30),
        "open_s": 99.0,
    }
    return LaneState.model_validate(facts | changes)


def test_a_lane_is_shown_as_its_owner_last_said() -> None:
    shown = row("kreis-a", state(), None, NOW)
    assert (shown["state"], shown["lag"], shown["in_flight"], shown["oldest_pending_s"]) == ("flowing", 7, 2, 108_000)
    assert not shown["stale"]
    assert row("kreis-a", None, None, NOW)["state"] == "idle"
    assert row("kreis-a", state(at=NOW - timedelta(minutes=3)), None, NOW)["stale"]


def test_the_operators_word_is_shown_at_once() -> None:
    held = Control(destination="kreis-a", at=NOW, hold=Hold(start=NOW, until=NOW + timedelta(hours=1), reason="Umzug"))
    assert row("kreis-a", state(), held, NOW)["state"] == "held"
    assert row("kreis-a", state(condition="held"), held, NOW + timedelta(hours=1))["state"] == "releasing"
    released = Control(destination="kreis-a", at=NOW)
    assert row("kreis-a", state(condition="held"), released, NOW)["state"] == "releasing"


def test_a_limit_and_an_open_breaker_are_the_operators_word_too(monkeypatch: pytest.MonkeyPatch) -> None:
    order = Override(order=BreakerOrder.OPEN, since=NOW, reason="Wartung")
    said = Control(destination="kreis-a", at=NOW, in_flight=2, breaker=order)
    shown = row("kreis-a", state(is_forced=True, breaker="open", condition="broken", window=2), said, NOW)
    assert (shown["state"], shown["limit"], shown["window"], shown["forced"]) == ("broken", 2, 2, True)
    assert shown["override"] == {"order": "open", "since": "2026-11-22T12:00:00.000Z", "reason": "Wartung"}
    closed = said.model_copy(update={"breaker": order.model_copy(update={"order": BreakerOrder.CLOSE})})

    async def lanes_now(*_: object) -> list[dict[str, Any]]:
        return [shown, row("kreis-b", state(), closed, NOW), row("kreis-c", None, said, NOW)]

    monkeypatch.setattr("cli.lanes.read_lanes", lanes_now)
    monkeypatch.setattr("cli.lanes.Console", lambda: Console(width=200))
    first, second, third = (
        line
        for line in CliRunner().invoke(lanes, ["--bootstrap", "127.0.0.1:1"]).output.splitlines()
        if "kreis-" in line
    )
    assert all(text in first for text in ("broken", "open (by hand)", "2 of 2", "Wartung"))
    assert "closed" in second
    assert "by hand" not in second
    assert "open (by hand)" in third


def dead(**changes: object) -> Item:
    submission_id = uuid4()
    facts = {
        "submission_id": submission_id,
        "reason": "http-status",
        "at": NOW,
        "manifest": "a.b.c",
        "destination": "kreis-a",
        "source_topic": topics.lane("kreis-a"),
        "source_partition": 0,
        "source_offset": 7,
    }
    return Item(str(submission_id), NeedsHuman.model_validate(facts | changes), TRACE)


def test_a_replay_is_a_new_message_with_the_old_ids_and_trace() -> None:
    item = dead()
    made = rebuilt(item, NOW)
    assert made is not None
    topic, message = made
    assert (topic, message.traceparent) == (topics.lane("kreis-a"), TRACE)
    assert isinstance(message.data, Delivery)
    assert item.body.submission_id is not None
    assert message.data.delivery_id == ids.delivery_id(item.body.submission_id, "kreis-a", 0)
    assert not any(name.startswith("ce_attempts") for name, _ in message.to_kafka()[1])
    from_router = rebuilt(dead(source_topic=topics.RECEIVED), NOW)
    assert from_router is not None
    assert from_router[0] == topics.RECEIVED
    assert isinstance(from_router[1].data, Received)
    assert rebuilt(dead(manifest=None), NOW) is None
    assert rebuilt(dead(submission_id=None), NOW) is None


def test_only_the_newest_generation_says_whether_a_submission_is_settled() -> None:
    submission_id = uuid4()

    def listing(*names: str) -> list[str]:
        return [f"{submission_id}/{name}" for name in names]

    assert newest_is_settled(listing("outcome", "parts/x", "0/claim", "0/settled"), submission_id)
    assert newest_is_settled(listing("0/clearing", "1/settled"), submission_id)
    assert not newest_is_settled(listing("0/settled", "1/claim"), submission_id)
    assert not newest_is_settled(listing("outcome", "0/claim", "0/handed-over"), submission_id)
    assert not newest_is_settled(listing("outcome"), submission_id)
    assert not newest_is_settled([], submission_id)


def test_every_topic_that_is_kept_has_its_reader() -> None:
    names = [topic.name for topic in topics.all_topics(["kreis-a"])]
    found = readers(names, delivery_group="delivery", router_group="router")
    kept = {each.name for each in topics.all_topics(["kreis-a"]) if each.config.get("retention.ms") == "-1"}
    assert found.keys() == kept
    assert found[topics.AWAITING] == found[topics.retry("24h")] == "delivery.returns"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Kreis A"], "an id of a destination"),
        (["kreis-a", "--from", "morgen"], "--from"),
        (["kreis-a", "--from", "2026-10-25T02:30"], "offset"),
        (["kreis-a", "--from", "2026-12-02T10:00", "--until", "2026-12-01T10:00"], "ends before it begins"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused_before_anything_is_written(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(hold, [*arguments, "--bootstrap", "127.0.0.1:1"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert says in result.output


@pytest.mark.parametrize("arguments", [[], ["--all", "--destination", "kreis-a"], ["key", "--all"]])
def test_a_replay_wants_exactly_one_choice(arguments: list[str]) -> None:
    result = CliRunner().invoke(dead_letter, ["replay", *arguments, "--bootstrap", "127.0.0.1:1"])
    assert result.exit_code == 2


def test_the_table_shows_what_matters_and_counts_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Control(destination="kreis-b", at=NOW, hold=Hold(start=NOW, reason="Umzug"))
    broken = state(condition="broken", breaker="open", failures=4, last_reason="timeout", next_probe_at=NOW)

    async def lanes_now(*_: object) -> list[dict[str, Any]]:
        return [row("kreis-a", broken, None, NOW), row("kreis-b", None, held, NOW), row("kreis-c", None, None, NOW)]

    monkeypatch.setattr("cli.lanes.read_lanes", lanes_now)
    monkeypatch.setattr("cli.lanes.Console", lambda: Console(width=200))
    shown = CliRunner().invoke(lanes, ["--bootstrap", "127.0.0.1:1"])
    assert shown.exit_code == 0, shown.output
    first, second = (line for line in shown.output.splitlines() if "kreis-" in line)
    assert all(text in first for text in ("kreis-a", "broken", "open", "1 d 06:00", "7", "13:00:00", "timeout"))
    assert all(text in second for text in ("kreis-b", "held", "Umzug"))
    assert "3 lanes, 1 of them" in shown.output
    machine = CliRunner().invoke(lanes, ["--json", "kreis-a", "--bootstrap", "127.0.0.1:1"])
    assert [each["destination"] for each in json.loads(machine.output)] == ["kreis-a"]
