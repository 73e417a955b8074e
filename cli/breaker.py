"""`antragsweiche breaker`: what the breaker does by itself, done by an operator."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from cli.control import Bootstrap, change, checked, kafka_settings, now, say_others
from shared.contracts.control import Aspect, BreakerOrder, Override

app = typer.Typer()


class Order(StrEnum):
    OPEN = "open"
    CLOSE = "close"
    AUTO = "auto"


_SAYS = {
    Order.OPEN: "stays open; nothing reaches the Jobcenter, not even the probe",
    Order.CLOSE: "probed now; drains when the probe succeeds, decides by itself from then on",
    Order.AUTO: "decides by itself",
}


@app.command()
def breaker(
    destination: Annotated[str, typer.Argument(help="id of the destination whose breaker it is")],
    order: Annotated[Order, typer.Argument(help="open: stays open; close: probe now and drain; auto: by itself again")],
    reason: Annotated[str, typer.Option("--reason", help="for colleagues; no personal data")] = "",
    bootstrap: Bootstrap = None,
) -> None:
    """Open a lane's breaker until further notice, end its wait for the next probe, or leave it to itself again."""
    override = None if order is Order.AUTO else Override(order=BreakerOrder(order.value), since=now(), reason=reason)
    changed = asyncio.run(change(kafka_settings(bootstrap), checked(destination), Aspect.BREAKER, override))
    typer.echo(f"{destination}: {_SAYS[order]}")
    say_others(changed)
