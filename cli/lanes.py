"""`antragsweiche lanes`: how every lane is, as its owner last said on `delivery.lanes`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.control import Bootstrap, kafka_settings
from cli.hold import ZONE
from cli.topic_table import read_table
from shared.contracts import topics
from shared.contracts.control import BreakerOrder, Control, LaneCondition, LaneState
from shared.kafka.admin import served_destinations
from shared.kafka.settings import KafkaSettings

app = typer.Typer()

STALE_S = 120.0
"""A lane with messages says more often than this how it is; one that does not has no owner."""


def row(destination: str, state: LaneState | None, control: Control | None, now: datetime) -> dict[str, Any]:
    """One lane as JSON. Pure. Hold, limit and override are the operators' word, the rest the owner's: `window` and
    `forced` say whether it obeys."""
    held = control is not None and control.is_held(now)
    override = control.breaker if control is not None else None
    found: dict[str, Any] = {
        "destination": destination,
        "state": "held" if held else state.condition.value if state else "idle",
        "hold": control.hold.model_dump(mode="json") if control is not None and control.hold else None,
        "limit": control.in_flight if control is not None else None,
        "override": override.model_dump(mode="json") if override is not None else None,
    }
    if state is None:
        return found
    if not held and state.condition is LaneCondition.HELD:
        found["state"] = "releasing"
    oldest = (now - state.oldest_pending_at).total_seconds() if state.oldest_pending_at else None
    probe = state.next_probe_at.isoformat() if state.next_probe_at else None
    told = (now - state.at).total_seconds()
    return found | {
        "breaker": state.breaker,
        "failures": state.failures,
        "last_reason": state.last_reason,
        "oldest_pending_s": round(oldest) if oldest is not None else None,
        "lag": state.lag,
        "next_probe_at": probe,
        "in_flight": state.in_flight,
        "window": state.window,
        "forced": state.is_forced,
        "owner": state.owner,
        "told_s": round(told, 1),
        "stale": told > STALE_S and state.lag > 0,
    }


async def read_lanes(kafka: KafkaSettings, now: datetime) -> list[dict[str, Any]]:
    destinations, controls, states = await asyncio.gather(
        served_destinations(kafka),
        read_table(kafka, topics.CONTROL, Control, Control.upon),
        read_table(kafka, topics.LANES, LaneState),
    )
    return [row(name, states.get(name), controls.get(name), now) for name in destinations]


@app.command()
def lanes(
    destination: Annotated[list[str] | None, typer.Argument(help="only these")] = None,
    all_lanes: Annotated[bool, typer.Option("--all", help="also lanes that flow and have nothing to do")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON array")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """State, breaker, oldest pending message, lag, next probe and deliveries in flight of each lane."""
    rows = asyncio.run(read_lanes(kafka_settings(bootstrap), datetime.now(UTC)))
    wanted = [each for each in rows if not destination or each["destination"] in destination]
    if as_json:
        typer.echo(json.dumps(wanted))
        return
    shown = [each for each in wanted if all_lanes or destination or _matters(each)]
    table = Table("Lane", "State", "Breaker", "Oldest pending", "Lag", "Next probe", "In flight", "Owner", "Why")
    for each in shown:
        table.add_row(*_cells(each))
    Console().print(table)
    typer.echo(f"{len(wanted)} lanes, {len(wanted) - len(shown)} of them idle or flowing and not shown")


def _matters(each: dict[str, Any]) -> bool:
    said = (each.get("lag"), each["hold"], each["limit"], _forced(each))
    return each["state"] not in ("idle", "flowing") or any(said)


def _forced(each: dict[str, Any]) -> dict[str, Any] | None:
    """The operator's order that still stands; a `close` was carried out once."""
    override: dict[str, Any] | None = each["override"]
    return override if override is not None and override["order"] == BreakerOrder.OPEN else None


def _cells(each: dict[str, Any]) -> list[str]:
    oldest = each.get("oldest_pending_s")
    probe = each.get("next_probe_at")
    hold, forced = each["hold"], _forced(each)
    why = hold["reason"] if hold and each["state"] == "held" else forced["reason"] if forced else ""
    return [
        each["destination"],
        each["state"] + (" (no owner)" if each.get("stale") else ""),
        "open (by hand)" if forced else each.get("breaker", ""),
        f"{oldest // 86400} d {oldest % 86400 // 3600:02}:{oldest % 3600 // 60:02}" if oldest is not None else "",
        str(each.get("lag", "")),
        f"{datetime.fromisoformat(probe).astimezone(ZONE):%H:%M:%S}" if probe else "",
        str(each.get("in_flight", "")) + (f" of {each['limit']}" if each["limit"] else ""),
        each.get("owner", ""),
        why or each.get("last_reason") or "",
    ]
