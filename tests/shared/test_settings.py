from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.errors import Misconfigured
from shared.kafka.settings import KafkaSettings
from shared.settings import MAX_SECRET_BYTES, Profile, load_settings, read_secret_file
from shared.store.settings import StoreSettings

STORE = {"endpoint": "127.0.0.1:1", "access_key": "a", "bucket": "bucket"}


def secret_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [b"hidden", b"hidden\n", b"hidden\r\n"])
def test_a_secret_is_read_without_its_line_break(tmp_path: Path, content: bytes) -> None:
    assert read_secret_file(secret_file(tmp_path, content)) == b"hidden"


@pytest.mark.parametrize(
    ("content", "mode"), [(b"hidden", 0o644), (b"", 0o600), (b"\n", 0o600), (b"x" * (MAX_SECRET_BYTES + 1), 0o600)]
)
def test_a_secret_file_that_cannot_be_right_is_refused(tmp_path: Path, content: bytes, mode: int) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_secret_file(secret_file(tmp_path, content, mode))
    assert "hidden" not in str(caught.value)


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nowhere.*FileNotFoundError"):
        read_secret_file(tmp_path / "nowhere")
    with pytest.raises(Misconfigured, match="not a regular file"):
        read_secret_file(tmp_path)


def test_settings_come_from_the_environment_and_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    monkeypatch.setenv("KAFKA_PROFILE", "development")
    settings = load_settings(KafkaSettings)
    assert (settings.bootstrap, settings.profile) == ("127.0.0.1:9092", Profile.DEVELOPMENT)
    with pytest.raises(ValidationError):
        settings.bootstrap = "other:1"  # type: ignore[misc]


def test_wrong_settings_are_named_but_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_BUCKET", "Geheim!")
    monkeypatch.setenv("STORE_ENDPOINT", "127.0.0.1:9000")
    with pytest.raises(Misconfigured) as caught:
        load_settings(StoreSettings)
    assert "STORE_BUCKET" in str(caught.value)
    assert "STORE_ACCESS_KEY" in str(caught.value)
    assert "Geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_store_needs_exactly_one_secret(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"hidden\n")
    assert StoreSettings(**STORE, secret_key_file=path).secret() == "hidden"
    assert StoreSettings(**STORE, secret_key="given").secret() == "given"
    for values in ({}, {"secret_key": "given", "secret_key_file": path}):
        with pytest.raises(Misconfigured, match="exactly one"):
            StoreSettings(**STORE, **values).secret()
    assert "given" not in repr(StoreSettings(**STORE, secret_key="given"))


def test_half_specified_security_of_kafka_is_refused(tmp_path: Path) -> None:
    assert "ssl_context" not in KafkaSettings(bootstrap="b:1").client_options()
    with pytest.raises(Misconfigured, match="KAFKA_USERNAME"):
        KafkaSettings(bootstrap="b:1", security="SASL_PLAINTEXT", username="u").client_options()
    with pytest.raises(Misconfigured, match="both"):
        KafkaSettings(bootstrap="b:1", security="SSL", key_file=tmp_path / "k").client_options()
    with pytest.raises(Misconfigured, match="TLS"):
        KafkaSettings(bootstrap="b:1", security="SSL", ca_file=tmp_path / "nowhere").client_options()


def test_a_sasl_password_comes_from_its_file(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"hidden\n")
    options = KafkaSettings(
        bootstrap="b:1", security="SASL_SSL", username="u", password_file=path, sasl_mechanism="PLAIN"
    ).client_options()
    assert options["sasl_plain_password"] == "hidden"
    assert options["ssl_context"].check_hostname
