"""`antragsweiche topics`: make the broker's topics what the declaration says, and compare them with it.

Reads the broker from `KAFKA_…` (see `shared.kafka.settings`).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.prune import Cut, Pruner, delete, readers
from shared.contracts import topics as declared
from shared.kafka.admin import Weakness, admin_client, apply_topics, check_topics, served_destinations
from shared.kafka.settings import KafkaSettings
from shared.settings import load_settings
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings

app = typer.Typer(no_args_is_help=True, help="Topics on the broker: apply the declaration, check against it.")

Destinations = Annotated[
    list[str] | None,
    typer.Option("--destination", "-d", help="also the lane of this destination; may be repeated"),
]
Bootstrap = Annotated[str | None, typer.Option("--bootstrap", help="host:port instead of KAFKA_BOOTSTRAP")]


def _settings(bootstrap: str | None) -> KafkaSettings:
    return load_settings(KafkaSettings, {"bootstrap": bootstrap} if bootstrap else None)


@app.command()
def apply(
    destination: Destinations = None,
    bootstrap: Bootstrap = None,
    replication: Annotated[int | None, typer.Option(min=1, help="replicas; else 3, or one for each broker")] = None,
    raise_partitions: Annotated[
        bool, typer.Option("--raise-partitions", help="add partitions where fewer are than declared; moves keys")
    ] = False,
) -> None:
    """Create what is missing. Deletes nothing, lowers nothing, and may be repeated at any time."""
    wanted = declared.all_topics(destination or ())
    created = asyncio.run(
        apply_topics(_settings(bootstrap), wanted, replication_factor=replication, raise_partitions=raise_partitions)
    )
    for name in created:
        typer.echo(f"created {name}")
    typer.echo(f"{len(created)} created, {len(wanted) - len(created)} were there")


@app.command()
def check(destination: Destinations = None, bootstrap: Bootstrap = None) -> None:
    """Compare with the declaration, all lanes on the broker included; exit code 1 when something is weaker."""
    compared, weaknesses = asyncio.run(_check(_settings(bootstrap), destination or []))
    if not weaknesses:
        typer.echo(f"{compared} topics are as declared")
        return
    table = Table("Topic", "Weakness", "Detail")
    for weakness in weaknesses:
        table.add_row(weakness.topic, weakness.code.value, weakness.detail)
    Console().print(table)
    raise typer.Exit(1)


async def _check(settings: KafkaSettings, destinations: list[str]) -> tuple[int, list[Weakness]]:
    wanted = declared.all_topics([*destinations, *await served_destinations(settings)])
    return len(wanted), await check_topics(settings, wanted)


@app.command()
def prune(
    older_than_days: Annotated[float, typer.Option("--older-than-days", min=0, help="by the broker's clock")] = 30.0,
    delivery_group: Annotated[str, typer.Option(help="delivery's consumer group")] = "delivery",
    router_group: Annotated[str, typer.Option(help="the router's consumer group")] = "router",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what could go")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Delete messages of settled submissions, below what their readers have committed. Reads `STORE_…`, too.

    A partition is cut at its first record that must stay: one application that waits keeps its own message and all
    after it.
    """
    older_than = timedelta(days=older_than_days)
    cuts = asyncio.run(
        _prune(_settings(bootstrap), older_than, delivery_group=delivery_group, router_group=router_group, dry=dry_run)
    )
    for cut in cuts:
        if cut.count:
            typer.echo(f"{cut.topic}/{cut.partition}: {cut.count} (next stays: {cut.why})")
    total = sum(cut.count for cut in cuts)
    typer.echo(f"{total} records {'could be deleted' if dry_run else 'deleted'}")


async def _prune(
    kafka: KafkaSettings, older_than: timedelta, *, delivery_group: str, router_group: str, dry: bool
) -> list[Cut]:
    async with S3Store.open(load_settings(StoreSettings)) as store:
        async with admin_client(kafka) as client:
            names = await client.list_topics()
        groups = readers(names, delivery_group=delivery_group, router_group=router_group)
        cuts = await Pruner(kafka, store, older_than=older_than, now=datetime.now(UTC)).plan(groups)
    if not dry:
        await delete(kafka, cuts)
    return cuts
