from __future__ import annotations

from uuid import uuid4

import pytest
from typer.testing import CliRunner

from cli.topics import app
from shared.contracts import topics
from shared.errors import Misconfigured

runner = CliRunner()


@pytest.mark.servers
def test_applied_topics_pass_the_check(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("KAFKA_PROFILE", "development")
    destination = f"test-{uuid4()}"
    first = runner.invoke(app, ["apply", "-d", destination])
    assert first.exit_code == 0
    assert f"created {topics.lane(destination)}" in first.stdout
    again = runner.invoke(app, ["apply", "-d", destination])
    assert again.stdout == f"0 created, {len(topics.COMMON) + 1} were there\n"
    checked = runner.invoke(app, ["check", "-d", destination])
    assert (checked.exit_code, "are as declared" in checked.stdout) == (0, True)


@pytest.mark.servers
def test_the_check_fails_for_what_is_missing_or_weak(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PROFILE", "production")
    monkeypatch.setenv("COLUMNS", "200")
    destination = f"test-{uuid4()}"
    checked = runner.invoke(app, ["check", "-d", destination, "--bootstrap", kafka])
    assert checked.exit_code == 1
    assert topics.lane(destination) in checked.stdout
    assert "missing" in checked.stdout


def test_without_a_broker_it_says_which_setting_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    result = runner.invoke(app, ["check"])
    assert isinstance(result.exception, Misconfigured)
    assert "KAFKA_BOOTSTRAP" in str(result.exception)
