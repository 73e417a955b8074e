"""The published contract is the code's: generated equals committed, and both name what the services really use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from devtools import contract_docs
from shared.contracts import topics
from shared.contracts.schemas import ALL_SCHEMAS, MESSAGE_SCHEMAS


@pytest.fixture
def committed() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((contract_docs.DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
    return document


def test_what_is_committed_is_what_is_generated() -> None:
    assert contract_docs.stale() == []
    assert contract_docs.main(["--check"]) == 0


def test_check_names_what_is_missing_changed_or_too_much(tmp_path: Path) -> None:
    for path, content in contract_docs.generate().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content, encoding="utf-8")
    assert contract_docs.stale(tmp_path) == []
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 3.0.0\n")
    (tmp_path / "schemas/received.v1.json").unlink()
    (tmp_path / "schemas/left-over.v1.json").write_text("{}")
    assert [str(path) for path in contract_docs.stale(tmp_path)] == [
        "asyncapi.yaml",
        "schemas/left-over.v1.json",
        "schemas/received.v1.json",
    ]


def test_every_declared_topic_is_a_channel_with_its_own_settings(committed: dict[str, Any]) -> None:
    channels = {channel["address"]: channel for channel in committed["channels"].values()}
    declared = {topic.name: topic for topic in (*topics.COMMON, topics.lane_topic("{destination}"))}
    assert set(channels) == set(declared)
    for name, topic in declared.items():
        binding = channels[name]["bindings"]["kafka"]
        assert binding["partitions"] == topic.partitions
        assert ",".join(binding["topicConfiguration"]["cleanup.policy"]) == topic.config["cleanup.policy"]
        if "retention.ms" in topic.config:
            assert str(binding["topicConfiguration"]["retention.ms"]) == topic.config["retention.ms"]


def test_every_reference_leads_somewhere(committed: dict[str, Any]) -> None:
    references: list[str] = []

    def collect(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if key == "$ref":
                references.append(value)
            elif isinstance(value, dict | list):
                collect(value)

    collect(committed)
    assert len(references) > 20
    for reference in references:
        if reference.startswith("#/"):
            node: Any = committed
            for step in reference[2:].split("/"):
                node = node[step]
            assert node
        else:
            assert (contract_docs.DOCS / reference).is_file()


def test_every_message_has_the_headers_that_are_sent(committed: dict[str, Any]) -> None:
    messages = committed["components"]["messages"]
    for name in MESSAGE_SCHEMAS:
        headers = messages[name.replace("/", "-")]["headers"]["properties"]
        assert headers["ce_dataschema"] == {"const": name}
        assert {"ce_id", "ce_time", "ce_type", "ce_subject", "ce_source", "traceparent"} <= set(headers)


@pytest.mark.parametrize("name", sorted(ALL_SCHEMAS))
def test_every_schema_is_valid_json_schema(name: str) -> None:
    path = contract_docs.DOCS / "schemas" / contract_docs.schema_file(name)
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == contract_docs.DIALECT
