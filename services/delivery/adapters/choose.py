"""All adapters behind one: the directory's entry chooses which."""

from __future__ import annotations

from collections.abc import Mapping

from services.delivery.adapters.port import Adapter, Consignment, HandedOver
from services.delivery.adapters.secrets import NotConfigured
from shared.contracts.directory import Destination
from shared.contracts.reasons import Reason
from shared.errors import JobcenterError


class Chosen:
    """See `adapters.port`: for each delivery and probe, the adapter of the kind that `destination.adapter` names."""

    def __init__(self, adapters: Mapping[str, Adapter]) -> None:
        self._adapters = dict(adapters)

    async def deliver(self, consignment: Consignment) -> str | HandedOver:
        return await self.of(consignment.destination).deliver(consignment)

    async def probe(self, destination: Destination) -> None:
        await self.of(destination).probe(destination)

    def of(self, destination: Destination) -> Adapter:
        """The adapter for this destination. Raises `JobcenterError` when it has none."""
        if destination.adapter is None:
            raise JobcenterError(Reason.CONNECT)
        found = self._adapters.get(destination.adapter.kind)
        if found is None:
            raise NotConfigured(f"no adapter of kind {destination.adapter.kind}")
        return found
