"""`antragsweiche follow ID`: every step of one submission, as it happens."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from cli.readable import readable
from cli.tail import line_text
from shared.contracts.events import Step, SubmissionEvent
from shared.contracts.topics import EVENTS
from shared.errors import AntragsweicheError

app = typer.Typer(help="Every step of one submission, as it happens.")

FINAL = frozenset({Step.ACKNOWLEDGED, Step.REJECTED, Step.WITHDRAWN, Step.EXPIRED})
"""After one of these nothing more is expected of this generation."""


@app.command("follow")
def follow(
    submission_id: Annotated[UUID, typer.Argument(help="The submission's id.")],
    bootstrap: Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP", help="host:port of a broker.")],
    wait: Annotated[bool, typer.Option(help="Wait for the end; otherwise show what has happened until now.")] = True,
    timeout_s: Annotated[float, typer.Option(help="Give up waiting when nothing happened for so long.")] = 300.0,
) -> None:
    """Show the events of a submission until it is settled. Exit code 0 when it is, 1 when it is not yet."""
    try:
        settled = asyncio.run(_follow(submission_id, bootstrap, wait=wait, timeout_s=timeout_s))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except AntragsweicheError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if settled else 1)


async def _follow(submission_id: UUID, bootstrap: str, *, wait: bool, timeout_s: float) -> bool:
    from cli.topic_reader import read_topic

    console = Console(highlight=False, soft_wrap=True)
    key = str(submission_id).encode()
    seen: set[tuple[int, str, int]] = set()
    async with read_topic(bootstrap, EVENTS, from_beginning=True) as reader:
        async for record in reader.records(follow=wait, idle_s=timeout_s if wait else None):
            if record.key != key or record.value is None:
                continue
            event = SubmissionEvent.model_validate_json(record.value)
            step = (event.generation, event.step.value, event.attempt)
            if step in seen:  # readers must tolerate repetition
                continue
            seen.add(step)
            console.print(line_text(readable(None, record.value, record.headers, record.timestamp)))
            if event.step in FINAL:
                return True
    return False
