"""Which servers the tests stand on: `SERVERS=containers|processes|auto`; `auto` is the default.

| value | Kafka and the store |
|---|---|
| `containers` | by testcontainers; an error when there is no engine or its images cannot be had |
| `processes` | as `./dev demo` starts them |
| `auto` | containers when a Docker engine answers and has, or can pull, the images; else processes |
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from devtools import engine
from devtools.servers import KafkaServer, S3Server

if TYPE_CHECKING:
    from tests.support.containers import KafkaContainer, S3Container

AnyKafka: TypeAlias = "KafkaServer | KafkaContainer"
AnyStore: TypeAlias = "S3Server | S3Container"
CHOICES = ("containers", "processes", "auto")
IMAGES = (engine.KAFKA_IMAGE, engine.STORE_IMAGE)


def choose(wanted: str, available: Callable[[], bool]) -> str:
    """`containers` or `processes`. Raises ValueError for an unknown word or containers that cannot be had."""
    if wanted not in CHOICES:
        raise ValueError(f"SERVERS={wanted}: one of {', '.join(CHOICES)}")
    if wanted == "processes":
        return wanted
    if available():
        return "containers"
    if wanted == "containers":
        raise ValueError("SERVERS=containers: no Docker engine answers, or its images cannot be had")
    return "processes"


def _available() -> bool:
    return sys.platform == "linux" and engine.answers() and engine.images_available(IMAGES)


@cache
def chosen() -> str:
    """Decided once for a session; then what killed sessions left behind is cleared."""
    found = choose(os.environ.get("SERVERS", "auto"), _available)
    if found == "containers":
        from tests.support.containers import clear_leftovers, without_ryuk

        without_ryuk()
        clear_leftovers()
    return found


def make_kafka(folder: Path) -> AnyKafka:
    """A broker, not started; a context manager."""
    if chosen() == "processes":
        return KafkaServer(folder)
    from tests.support.containers import KafkaContainer

    return KafkaContainer(folder)


def make_store(folder: Path) -> AnyStore:
    """A store, not started; a context manager. Its objects are files below `<folder>/data`."""
    if chosen() == "processes":
        return S3Server(folder)
    from tests.support.containers import S3Container

    return S3Container(folder)
