"""`antragsweiche release`: ends a hold."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.hold import Bootstrap, change, checked, kafka_settings

app = typer.Typer()


@app.command()
def release(
    destination: Annotated[str, typer.Argument(help="id of the destination whose lane is released")],
    bootstrap: Bootstrap = None,
) -> None:
    """Release a held lane; it drains at once."""
    before = asyncio.run(change(kafka_settings(bootstrap), checked(destination), None, lambda: datetime.now(UTC)))
    was_held = before is not None and before.hold is not None
    typer.echo(f"{destination}: released" if was_held else f"{destination}: was not held")
