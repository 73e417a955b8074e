"""What intake needs from the outside, beside `shared.store.port.Store`, as narrow interfaces owned by their user.

`shared.kafka.producer.Producer` and `shared.directory.follower.DirectoryFollower` fit them, as the tests' doubles do.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from shared.directory.snapshot import Directory
from shared.kafka.cloudevents import CloudMessage


class Sender(Protocol):
    """Kafka. `send` returns after the broker's acknowledgement, else raises `KafkaUnavailable`.

    `healthy` is what is known without asking: False means that a send now would most likely fail.
    """

    @property
    def healthy(self) -> bool: ...

    async def send(self, topic: str, key: UUID | str, message: CloudMessage) -> object: ...


class DirectoryView(Protocol):
    """Whatever keeps a directory up to date."""

    @property
    def directory(self) -> Directory: ...
