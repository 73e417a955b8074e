"""`antragsweiche release`: ends a hold."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.control import Bootstrap, change, checked, kafka_settings, say_others
from shared.contracts.control import Aspect

app = typer.Typer()


@app.command()
def release(
    destination: Annotated[str, typer.Argument(help="id of the destination whose lane is released")],
    bootstrap: Bootstrap = None,
) -> None:
    """Release a held lane; it drains at once. A limit and an override of the breaker stay."""
    changed = asyncio.run(change(kafka_settings(bootstrap), checked(destination), Aspect.HOLD, None))
    was_held = changed.before is not None and changed.before.hold is not None
    typer.echo(f"{destination}: released" if was_held else f"{destination}: was not held")
    say_others(changed)
