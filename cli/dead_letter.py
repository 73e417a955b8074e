"""`antragsweiche dead-letter`: what is there, why, and back to its lane.

A replay puts the message to the tail of its lane as if it were new: its budget starts anew, the time of receipt and all
ids stay. Then a tombstone takes it out of the dead letter. After a crash between the two it is replayed once more,
which lanes and receivers tolerate.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from cli.control import Bootstrap, kafka_settings
from cli.hold import ZONE
from shared.contracts import ids, topics
from shared.contracts.events import Step, SubmissionEvent
from shared.contracts.messages import DUE_HEADER, HOP_HEADERS, Delivery, NeedsHuman, Received
from shared.directory.reading import assign_all, behind, close, key_text, make_consumer
from shared.errors import KafkaUnavailable, MessageError, Misconfigured
from shared.kafka.cloudevents import CloudMessage, Headers, read
from shared.kafka.events import delivery_message, event_message, received_message
from shared.kafka.producer import Producer
from shared.kafka.settings import KafkaSettings
from shared.web.trace import Trace

app = typer.Typer(no_args_is_help=True, help="Messages that need a human: list them, show why, put them back.")

SOURCE = "/cli"


@dataclass(frozen=True)
class Item:
    """One dead letter. `key` is the submission's id, or the position of an unreadable message."""

    key: str
    body: NeedsHuman
    traceparent: str


async def read_items(kafka: KafkaSettings) -> dict[str, Item]:
    """Everything that waits for a human, oldest first. Raises `KafkaUnavailable`."""
    consumer = make_consumer(kafka)
    items: dict[str, Item] = {}
    try:
        await consumer.start()
        partitions = await assign_all(consumer, topics.DEAD_LETTER)
        await consumer.seek_to_beginning(*partitions)
        while any(lag > 0 for lag in (await behind(consumer, partitions)).values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    key = key_text(record.key)
                    items.pop(key, None)
                    if record.value is not None:
                        try:
                            envelope, body = read(NeedsHuman, list(record.headers), record.value)
                        except MessageError:
                            typer.echo(f"{key}: unreadable, left alone", err=True)
                            continue
                        items[key] = Item(key, body, envelope.traceparent or str(Trace.new()))
    except KafkaError as error:
        raise KafkaUnavailable(f"{topics.DEAD_LETTER} cannot be read: {type(error).__name__}") from None
    finally:
        await close(consumer)
    return items


async def read_source(kafka: KafkaSettings, body: NeedsHuman) -> tuple[bytes, bytes | None, Headers]:
    """Key, value and headers of the message itself, where it still stands. Raises `Misconfigured` when it is gone."""
    partition = TopicPartition(body.source_topic, body.source_partition)
    consumer: Any = AIOKafkaConsumer(**kafka.client_options(), group_id=None, enable_auto_commit=False)
    try:
        await consumer.start()
        await consumer._client.set_topics((partition.topic,))
        consumer.assign([partition])
        begin = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
        if not begin <= body.source_offset < end:
            raise Misconfigured(f"{partition.topic}/{partition.partition}/{body.source_offset} is not kept any more")
        consumer.seek(partition, body.source_offset)
        record = await consumer.getone()
        return record.key or b"", record.value, list(record.headers)
    except KafkaError as error:
        raise KafkaUnavailable(f"{partition.topic} cannot be read: {type(error).__name__}") from None
    finally:
        await close(consumer)


def rebuilt(item: Item, now: datetime) -> tuple[str, CloudMessage] | None:
    """Topic and message anew from the manifest; None when the dead letter does not hold it. Pure."""
    body = item.body
    if body.manifest is None or body.submission_id is None:
        return None
    if body.source_topic == topics.RECEIVED or body.destination is None:
        received = Received(submission_id=body.submission_id, manifest=body.manifest)
        message = received_message(
            received, generation=body.generation, source=SOURCE, traceparent=item.traceparent, at=now
        )
        return topics.RECEIVED, message
    delivery = Delivery(
        submission_id=body.submission_id,
        generation=body.generation,
        destination=body.destination,
        delivery_id=ids.delivery_id(body.submission_id, body.destination, body.generation),
        manifest=body.manifest,
        routed_at=now,
    )
    return topics.lane(body.destination), delivery_message(delivery, source=SOURCE, traceparent=item.traceparent)


async def replay_item(kafka: KafkaSettings, producer: Producer, item: Item, now: datetime) -> str:
    """Puts one back, tells it, and takes it out of the dead letter; answers the topic."""
    made = rebuilt(item, now)
    if made is not None:
        topic, message = made
        await producer.send(topic, message.subject, message)
    else:
        topic = item.body.source_topic
        key, value, headers = await read_source(kafka, item.body)
        kept = [(name, text) for name, text in headers if name not in HOP_HEADERS and name != DUE_HEADER]
        await producer.send_raw(topic, key, value, kept)
    if item.body.submission_id is not None:
        await _tell(producer, item, item.body.submission_id, now)
    await producer.send_raw(topics.DEAD_LETTER, item.key.encode("ascii"), None)
    return topic


async def _tell(producer: Producer, item: Item, submission_id: UUID, now: datetime) -> None:
    event = SubmissionEvent(
        submission_id=submission_id,
        generation=item.body.generation,
        step=Step.REPLAYED,
        attempt=item.body.attempts.count,
        at=now,
        destination=item.body.destination,
        reason=item.body.reason,
    )
    message = event_message(event, source=SOURCE, traceparent=item.traceparent)
    await producer.send(topics.EVENTS, submission_id, message)


async def replay_all(kafka: KafkaSettings, items: list[Item]) -> int:
    producer = Producer(kafka, client_id="antragsweiche-cli")
    await producer.start()
    failed = 0
    try:
        for item in items:
            try:
                topic = await replay_item(kafka, producer, item, datetime.now(UTC))
            except Misconfigured as error:
                failed += 1
                typer.echo(f"{item.key}: {error}", err=True)
            else:
                typer.echo(f"{item.key}: back to {topic}")
    finally:
        await producer.stop()
    return failed


@app.command("list")
def list_items(
    destination: Annotated[str | None, typer.Option("--destination", "-d", help="only this one's")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON array")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """What waits for a human."""
    items = [
        item
        for item in asyncio.run(read_items(kafka_settings(bootstrap))).values()
        if destination in (None, item.body.destination)
    ]
    if as_json:
        typer.echo(json.dumps([_facts(item) for item in items]))
        return
    table = Table("Key", "Reason", "Destination", "Since", "Attempts")
    for item in items:
        since = f"{item.body.at.astimezone(ZONE):%Y-%m-%d %H:%M}"
        table.add_row(item.key, item.body.reason, item.body.destination or "", since, str(item.body.attempts.count))
    Console().print(table)
    typer.echo(f"{len(items)} dead letters")


@app.command()
def show(key: Annotated[str, typer.Argument(help="as in `list`")], bootstrap: Bootstrap = None) -> None:
    """Why one is there: reason, attempts, budget, where it came from. Nothing of what the citizen wrote."""
    item = asyncio.run(read_items(kafka_settings(bootstrap))).get(key)
    if item is None:
        typer.echo(f"{key} is not in the dead letter", err=True)
        raise typer.Exit(1)
    typer.echo(json.dumps(_facts(item), indent=2))


@app.command()
def replay(
    key: Annotated[list[str] | None, typer.Argument(help="these, as in `list`")] = None,
    destination: Annotated[str | None, typer.Option("--destination", "-d", help="all of this one's")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all there are")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Put dead letters back to the tail of their lanes, with a new budget."""
    if [bool(key), destination is not None, everything].count(True) != 1:
        raise typer.BadParameter("give keys, or --destination, or --all")
    kafka = kafka_settings(bootstrap)
    items = asyncio.run(read_items(kafka))
    missing = [each for each in key or () if each not in items]
    for each in missing:
        typer.echo(f"{each} is not in the dead letter", err=True)
    chosen = [
        item
        for item in items.values()
        if everything or item.key in (key or ()) or (destination is not None and item.body.destination == destination)
    ]
    failed = asyncio.run(replay_all(kafka, chosen))
    typer.echo(f"{len(chosen) - failed} replayed")
    if failed or missing:
        raise typer.Exit(1)


def _facts(item: Item) -> dict[str, Any]:
    body = item.body.model_dump(mode="json", exclude={"manifest", "original"}, exclude_none=True)
    kept = "manifest" if item.body.manifest else "original" if item.body.original else "at its position"
    return {"key": item.key, **body, "kept": kept, "traceparent": item.traceparent}
