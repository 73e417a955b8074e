"""The Faust shell: raw bytes in, whole batches to `Batches`, acknowledged only when all of a batch is out.

Faust 0.15.3 loses messages unless used like this. Beyond the settings below: concurrency 1; no exception leaves the
loop's body; and `noack_take`, because `take` acknowledges in a `finally`: a batch that is cancelled half sent (a stop
while Kafka is away) would be committed. Here acknowledging is the last thing that happens to a batch, or never happens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faust

from services.router.batches import Batches, Message
from services.router.carry import Origin
from services.router.settings import RouterSettings
from shared.contracts import topics
from shared.kafka.settings import KafkaSettings


def make_app(settings: RouterSettings, kafka: KafkaSettings, batches: Batches, data_folder: Path) -> Any:
    """The Faust app with its one agent, not started."""
    app = faust.App(
        settings.group_id,
        broker=[f"kafka://{address.strip()}" for address in kafka.bootstrap.split(",")],
        broker_credentials=_credentials(kafka),
        broker_session_timeout=15.0,
        broker_heartbeat_interval=3.0,
        broker_request_timeout=30.0,
        broker_max_poll_records=settings.batch,
        broker_commit_interval=0.5,
        consumer_group_instance_id=settings.instance_id,
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",
        stream_wait_empty=True,
        stream_buffer_maxsize=settings.batch,
        store="memory://",
        datadir=data_folder,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        autodiscover=False,
    )
    received = app.topic(topics.RECEIVED, key_serializer="raw", value_serializer="raw", value_type=bytes)

    @app.agent(received, concurrency=1)  # type: ignore[untyped-decorator]
    async def router(stream: Any) -> None:
        async for events in stream.noack_take(settings.batch, within=settings.within_s):
            if not await batches.run([_message(event.message) for event in events]):
                return  # stopping: nothing of this batch is acknowledged, so all of it will be read again
            for event in events:
                await stream.ack(event)

    return app


def _message(message: Any) -> Message:
    return Message(Origin(message.topic, message.partition, message.offset), message.value, message.headers)


def _credentials(kafka: KafkaSettings) -> Any:
    options = kafka.client_options()
    context = options.get("ssl_context")
    if kafka.security.startswith("SASL"):
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None
