"""Topics on the broker: made from the one declaration, and compared with it. Nothing is ever deleted or lowered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import LANE_PREFIX, Topic
from shared.errors import KafkaUnavailable
from shared.kafka.settings import KafkaSettings
from shared.settings import Profile

REPLICATION: Final = 3
MIN_INSYNC: Final = 2
REQUEST_TIMEOUT_MS: Final = 15_000
LEADER_WAIT_S: Final = 15.0
LEADER_POLL_S: Final = 0.05


class WeaknessCode(StrEnum):
    """How a topic on the broker falls short of its declaration."""

    MISSING = "missing"
    PARTITIONS = "partitions"
    """Fewer than declared."""
    CONFIG = "config"
    """A declared setting has another value."""
    REPLICATION = "replication"
    """Fewer than 3 replicas. Not in the development profile."""
    MIN_INSYNC = "min-insync"
    """`min.insync.replicas` below 2, or not below the number of replicas. Not in the development profile."""
    UNCLEAN_ELECTION = "unclean-election"
    """A replica that is behind may become leader: acknowledged messages can be lost."""


@dataclass(frozen=True)
class Weakness:
    """`detail` is for operators: the setting, what it is, what it should be."""

    topic: str
    code: WeaknessCode
    detail: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.code} ({self.detail})"


def _settings(where: KafkaSettings | str) -> KafkaSettings:
    return where if isinstance(where, KafkaSettings) else KafkaSettings(bootstrap=where)


@asynccontextmanager
async def admin_client(where: KafkaSettings | str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started client. Failures of the connection inside the block become `KafkaUnavailable`."""
    client = AIOKafkaAdminClient(**_settings(where).client_options(), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.start()
        yield client
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnavailable(f"admin: {type(error).__name__}") from None
    finally:
        await client.close()


async def apply_topics(
    where: KafkaSettings | str,
    topics: Iterable[Topic],
    *,
    replication_factor: int | None = None,
    raise_partitions: bool = False,
) -> list[str]:
    """Creates in one request what is missing, waits until every new partition has a leader, names what was created.

    `replication_factor`: 3, or as many brokers as there are when fewer. `raise_partitions` also adds partitions to
    topics that have fewer than declared; that moves keys to other partitions, so it is never done by itself.
    """
    declared = {topic.name: topic for topic in topics}
    async with admin_client(where) as client:
        cluster = await client.describe_cluster()
        factor = replication_factor or max(1, min(REPLICATION, len(cluster["brokers"])))
        existing = await _partition_counts(client)
        missing = [topic for name, topic in declared.items() if name not in existing]
        created = await _create(client, missing, factor)
        grown = {
            name: topic.partitions
            for name, topic in declared.items()
            if raise_partitions and name in existing and existing[name] < topic.partitions
        }
        if grown:
            await client.create_partitions({name: NewPartitions(total_count=count) for name, count in grown.items()})
        await _wait_for_leaders(client, {name: declared[name].partitions for name in created} | grown)
        return created


async def _create(client: AIOKafkaAdminClient, topics: list[Topic], factor: int) -> list[str]:
    if not topics:
        return []
    safety = {"unclean.leader.election.enable": "false"}
    if factor >= REPLICATION:
        safety["min.insync.replicas"] = str(MIN_INSYNC)
    answer = await client.create_topics(
        [NewTopic(t.name, t.partitions, factor, topic_configs={**safety, **t.config}) for t in topics]
    )
    created = []
    for name, code, *_ in answer.topic_errors:
        if code == 0:
            created.append(name)
        elif code != TopicAlreadyExistsError.errno:
            raise KafkaUnavailable(f"cannot create {name}: {for_code(code).__name__}")
    return created


async def _partition_counts(client: AIOKafkaAdminClient) -> dict[str, int]:
    return {topic["topic"]: len(topic["partitions"]) for topic in await client.describe_topics()}


async def _wait_for_leaders(client: AIOKafkaAdminClient, expected: dict[str, int]) -> None:
    """A created partition is not yet usable: producers would meet `LeaderNotAvailable`."""
    try:
        async with asyncio.timeout(LEADER_WAIT_S):
            while expected and not _all_led(await client.describe_topics(list(expected)), expected):  # noqa: ASYNC110
                await asyncio.sleep(LEADER_POLL_S)  # the broker tells nobody, it must be asked
    except TimeoutError:
        raise KafkaUnavailable(f"{len(expected)} new topics have no leader after {LEADER_WAIT_S:.0f} s") from None


def _all_led(described: list[dict[str, Any]], expected: dict[str, int]) -> bool:
    return all(
        topic["error_code"] == 0
        and len(topic["partitions"]) >= expected[topic["topic"]]
        and all(partition["error_code"] == 0 and partition["leader"] >= 0 for partition in topic["partitions"])
        for topic in described
    )


async def served_destinations(where: KafkaSettings | str) -> list[str]:
    """The destinations that have a lane on the broker."""
    async with admin_client(where) as client:
        names = await client.list_topics()
    return sorted(name.removeprefix(LANE_PREFIX) for name in names if name.startswith(LANE_PREFIX))


async def check_topics(where: KafkaSettings | str, topics: Iterable[Topic]) -> list[Weakness]:
    """Compares the broker's topics with the declaration; an empty list means that all is well."""
    settings = _settings(where)
    declared = {topic.name: topic for topic in topics}
    async with admin_client(settings) as client:
        described = {topic["topic"]: topic for topic in await client.describe_topics() if topic["topic"] in declared}
        configs = await _configs(client, sorted(described))
    weaknesses = []
    for name, topic in sorted(declared.items()):
        if name not in described:
            weaknesses.append(Weakness(name, WeaknessCode.MISSING, "not on the broker"))
            continue
        partitions = described[name]["partitions"]
        weaknesses += _compare(topic, len(partitions), configs[name])
        if settings.profile is Profile.PRODUCTION:
            replicas = min((len(partition["replicas"]) for partition in partitions), default=0)
            weaknesses += _durability(name, replicas, int(configs[name].get("min.insync.replicas", "1")))
    return weaknesses


def _compare(topic: Topic, partitions: int, config: dict[str, str]) -> list[Weakness]:
    found = []
    if partitions < topic.partitions:
        found.append(Weakness(topic.name, WeaknessCode.PARTITIONS, f"{partitions}, declared {topic.partitions}"))
    found += [
        Weakness(topic.name, WeaknessCode.CONFIG, f"{key} is {config.get(key)}, declared {value}")
        for key, value in sorted(topic.config.items())
        if config.get(key) != value
    ]
    if config.get("unclean.leader.election.enable") == "true":
        found.append(Weakness(topic.name, WeaknessCode.UNCLEAN_ELECTION, "unclean.leader.election.enable is true"))
    return found


def _durability(name: str, replicas: int, min_insync: int) -> list[Weakness]:
    found = []
    if replicas < REPLICATION:
        found.append(Weakness(name, WeaknessCode.REPLICATION, f"{replicas} replicas, needed {REPLICATION}"))
    if min_insync < MIN_INSYNC:
        found.append(Weakness(name, WeaknessCode.MIN_INSYNC, f"min.insync.replicas {min_insync}, needed {MIN_INSYNC}"))
    return found


async def _configs(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    answers: list[Any] = await client.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    )
    configs: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, _message, _kind, name, entries in answer.resources:
            if code:
                raise KafkaUnavailable(f"cannot read the configuration of {name}: {for_code(code).__name__}")
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs
