"""What happened on the lanes, for logs and metrics. Labels are destinations and codes, never submissions."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, Counter

from services.delivery.deliver import Landed
from shared.contracts.topics import LANE_PREFIX
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)


class Report:
    """Implements `lanes.Observer`. A lane's trouble is logged when it begins and when it ends, not in between."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._landed = Counter(
            "antragsweiche_deliveries", "Messages that left a lane", ["destination", "how"], registry=registry
        )
        self._failed = Counter(
            "antragsweiche_delivery_failures",
            "Attempts the Jobcenter failed",
            ["destination", "code"],
            registry=registry,
        )
        self._probes = Counter(
            "antragsweiche_delivery_probes", "Empty probes", ["destination", "code"], registry=registry
        )
        self._ours = Counter("antragsweiche_delivery_own_failures", "Attempts that we failed", registry=registry)
        self._troubled: set[str] = set()

    def landed(self, topic: str, landed: Landed) -> None:
        destination = topic.removeprefix(LANE_PREFIX)
        self._landed.labels(destination, landed.value).inc()
        if landed is Landed.DEAD_LETTER:
            emit(log, logging.ERROR, "dead letter", destination=destination)
        if landed.proves_jobcenter and destination in self._troubled:
            self._troubled.discard(destination)
            emit(log, logging.INFO, "lane well again", destination=destination)

    def jobcenter_failed(self, topic: str, code: str, wait_s: float) -> None:
        destination = topic.removeprefix(LANE_PREFIX)
        self._failed.labels(destination, code).inc()
        if destination not in self._troubled:
            self._troubled.add(destination)
            emit(log, logging.WARNING, "lane waits", destination=destination, code=code, seconds=wait_s)

    def probed(self, topic: str, code: str | None, wait_s: float) -> None:
        destination = topic.removeprefix(LANE_PREFIX)
        self._probes.labels(destination, code or "well").inc()
        if code is None:
            emit(log, logging.INFO, "probe succeeded", destination=destination)

    def ours_failed(self, error: Exception, wait_s: float) -> None:
        self._ours.inc()
        emit(log, logging.WARNING, "all lanes wait", error=error, seconds=wait_s)

    def unexpected(self, topic: str, error: Exception) -> None:
        emit(log, logging.ERROR, "attempt failed unexpectedly", topic=topic, error=error)
