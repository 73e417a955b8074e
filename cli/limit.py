"""`antragsweiche limit`: how many deliveries of a lane may be in flight, instead of delivery's own setting."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.control import Bootstrap, change, checked, kafka_settings, say_others
from shared.contracts.control import MAX_IN_FLIGHT, Aspect

app = typer.Typer()


@app.command()
def limit(
    destination: Annotated[str, typer.Argument(help="id of the destination whose lane is limited")],
    in_flight: Annotated[
        int | None, typer.Option("--in-flight", min=1, max=MAX_IN_FLIGHT, help="deliveries at the same time")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="as DELIVERY_WINDOW says again")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Limit a lane's deliveries in flight, within two seconds; what is in flight is finished. To stop it: `hold`."""
    if default == (in_flight is not None):
        raise typer.BadParameter("give --in-flight, or --default")
    changed = asyncio.run(change(kafka_settings(bootstrap), checked(destination), Aspect.IN_FLIGHT, in_flight))
    typer.echo(f"{destination}: {'as delivery is set' if in_flight is None else f'at most {in_flight} in flight'}")
    say_others(changed)
