"""`antragsweiche tail TOPIC`: what stands on a topic, one readable line a record."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli.readable import Line, readable
from shared.errors import AntragsweicheError

app = typer.Typer(help="What stands on a topic, one readable line a record.")


@app.command("tail")
def tail(
    topic: Annotated[str, typer.Argument(help="For example submissions.events or delivery.to.kreis-offenbach.")],
    bootstrap: Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP", help="host:port of a broker.")],
    from_beginning: Annotated[bool, typer.Option(help="Show what stands there already.")] = True,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on as more comes.")] = False,
) -> None:
    """Show the records of a topic. Nothing is committed: nobody's position moves."""
    try:
        asyncio.run(_tail(topic, bootstrap, from_beginning=from_beginning, follow=follow))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except AntragsweicheError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None


async def _tail(topic: str, bootstrap: str, *, from_beginning: bool, follow: bool) -> None:
    from cli.topic_reader import read_topic

    console = Console(highlight=False, soft_wrap=True)
    shown = 0
    async with read_topic(bootstrap, topic, from_beginning=from_beginning) as reader:
        async for record in reader.records(follow=follow or not from_beginning):
            console.print(line_text(readable(record.key, record.value, record.headers, record.timestamp)))
            shown += 1
    console.print(f"{shown} records", style="dim")


def line_text(line: Line) -> Text:
    """The line in colours where the terminal has them. The content is never read as markup."""
    text = Text.assemble((line.at, "dim"), "  ", (line.key, "cyan"), "  ", (line.what, "bold"))
    for name, value in line.fields:
        text.append(f"  {name}=", "dim").append(value)
    return text
