"""Topics on the real broker are what the one declaration says."""

from __future__ import annotations

from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts import topics
from shared.contracts.topics import Topic
from shared.errors import KafkaUnavailable
from shared.kafka.admin import WeaknessCode, apply_topics, check_topics, served_destinations
from shared.kafka.settings import KafkaSettings
from shared.settings import Profile

pytestmark = pytest.mark.servers


@pytest.fixture
def development(kafka: str) -> KafkaSettings:
    return KafkaSettings(bootstrap=kafka, profile=Profile.DEVELOPMENT)


async def codes(settings: KafkaSettings, *wanted: Topic) -> list[WeaknessCode]:
    return [weakness.code for weakness in await check_topics(settings, wanted)]


async def test_applying_makes_all_topics_as_declared_and_may_be_repeated(development: KafkaSettings) -> None:
    destinations = [f"test-{uuid4()}" for _ in range(3)]
    wanted = topics.all_topics(destinations)
    created = await apply_topics(development, wanted)
    assert {topics.lane(destination) for destination in destinations} <= set(created)
    assert await apply_topics(development, wanted) == []
    assert await check_topics(development, wanted) == []
    assert set(destinations) <= set(await served_destinations(development))


async def test_what_the_broker_really_has_is_the_declaration(development: KafkaSettings) -> None:
    """Asked directly, not through the module under test."""
    await apply_topics(development, topics.COMMON)
    client = AIOKafkaAdminClient(bootstrap_servers=development.bootstrap)
    await client.start()
    try:
        names = [topic.name for topic in topics.COMMON]
        partitions = {topic["topic"]: len(topic["partitions"]) for topic in await client.describe_topics(names)}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        configs = {
            resource[3]: {entry[0]: entry[1] for entry in resource[4]}
            for answer in await client.describe_configs(resources)
            for resource in answer.resources
        }
    finally:
        await client.close()
    for topic in topics.COMMON:
        assert partitions[topic.name] == topic.partitions
        assert topic.config.items() <= configs[topic.name].items()
        assert configs[topic.name]["unclean.leader.election.enable"] == "false"


async def test_a_missing_topic_is_a_weakness(development: KafkaSettings) -> None:
    assert await codes(development, Topic(f"test.{uuid4()}", "k", "c", 1)) == [WeaknessCode.MISSING]


async def test_fewer_partitions_and_another_setting_are_weaknesses(development: KafkaSettings) -> None:
    name = f"test.{uuid4()}"
    await apply_topics(development, [Topic(name, "k", "c", 1, {"retention.ms": "1000"})])
    declared = Topic(name, "k", "c", 2, {"retention.ms": "-1"})
    assert await codes(development, declared) == [WeaknessCode.PARTITIONS, WeaknessCode.CONFIG]
    assert await apply_topics(development, [declared]) == []
    assert WeaknessCode.PARTITIONS in await codes(development, declared)


async def test_partitions_are_raised_only_when_told_and_never_lowered(development: KafkaSettings) -> None:
    name = f"test.{uuid4()}"
    await apply_topics(development, [Topic(name, "k", "c", 2)])
    await apply_topics(development, [Topic(name, "k", "c", 3)], raise_partitions=True)
    assert await codes(development, Topic(name, "k", "c", 3)) == []
    await apply_topics(development, [Topic(name, "k", "c", 1)], raise_partitions=True)
    assert await codes(development, Topic(name, "k", "c", 3)) == []


async def test_one_broker_is_too_weak_for_production(development: KafkaSettings) -> None:
    name = f"test.{uuid4()}"
    topic = Topic(name, "k", "c", 1)
    await apply_topics(development, [topic])
    production = development.model_copy(update={"profile": Profile.PRODUCTION})
    assert await codes(production, topic) == [WeaknessCode.REPLICATION, WeaknessCode.MIN_INSYNC]
    assert await codes(development, topic) == []


async def test_an_unclean_election_is_a_weakness_in_every_profile(development: KafkaSettings) -> None:
    name = f"test.{uuid4()}"
    await apply_topics(development, [Topic(name, "k", "c", 1, {"unclean.leader.election.enable": "true"})])
    assert await codes(development, Topic(name, "k", "c", 1)) == [WeaknessCode.UNCLEAN_ELECTION]


async def test_more_replicas_than_brokers_are_refused_by_name(development: KafkaSettings) -> None:
    name = f"test.{uuid4()}"
    with pytest.raises(KafkaUnavailable, match=name):
        await apply_topics(development, [Topic(name, "k", "c", 1)], replication_factor=3)
