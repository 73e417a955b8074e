"""What the settings of all services share: frozen models read from the environment, secrets read from files.

| situation | what to do |
|---|---|
| a service's own settings | subclass `ServiceSettings` with `model_config = service_config("INTAKE_")` |
| settings that services share (store, Kafka) | `StoreSettings()`, `KafkaSettings()`: own prefixes, the same for all |
| a secret | a field `..._file: Path`, read once at start with `read_secret_file`; never a plain variable |
| tests | pass every value as a keyword: `StoreSettings(endpoint=..., secret_key=...)` |

Field names carry units (`attempt_timeout_s`, `max_document_bytes`). Half-specified groups are refused, never guessed.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import Misconfigured

MAX_SECRET_BYTES = 64 * 1024


class Profile(StrEnum):
    """How strict a service is about the infrastructure it finds."""

    PRODUCTION = "production"
    """Replicated topics, `min.insync.replicas` of 2 at least; anything weaker makes services unready."""
    DEVELOPMENT = "development"
    """One broker on loopback is enough."""


class ServiceSettings(BaseSettings):
    """Base of all settings: frozen, environment only, unknown keywords refused."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_ignore_empty=True, hide_input_in_errors=True)


def service_config(prefix: str) -> SettingsConfigDict:
    """The configuration of a settings class whose variables begin with `prefix`."""
    return SettingsConfigDict(
        env_prefix=prefix, frozen=True, extra="forbid", env_ignore_empty=True, hide_input_in_errors=True
    )


S = TypeVar("S", bound=BaseSettings)


def load_settings(cls: type[S], values: Mapping[str, Any] | None = None) -> S:
    """Reads settings; a wrong or missing one raises `Misconfigured` that names the fields, never their values."""
    try:
        return cls(**(values or {}))
    except ValidationError as error:
        prefix = cls.model_config.get("env_prefix") or ""
        faults = sorted({f"{prefix}{'.'.join(str(part) for part in fault['loc'])}".upper() for fault in error.errors()})
        raise Misconfigured(f"settings missing or wrong: {', '.join(faults)}") from None


def read_secret_file(path: Path, *, private: bool = True) -> bytes:
    """The content of a secret file without a final line break.

    Raises `Misconfigured` when the file is missing, empty, larger than 64 KiB, or (with `private`) readable by others
    than its owner and group. The message names the path, never the content.
    """
    try:
        mode = path.stat().st_mode
        content = path.read_bytes() if stat.S_ISREG(mode) and path.stat().st_size <= MAX_SECRET_BYTES else None
    except OSError as error:
        raise Misconfigured(f"cannot read secret file {path}: {type(error).__name__}") from None
    if content is None:
        raise Misconfigured(f"secret file {path} is not a regular file of at most {MAX_SECRET_BYTES} bytes")
    if private and mode & stat.S_IRWXO:
        raise Misconfigured(f"secret file {path} is open to everyone; chmod 600 it")
    stripped = content.removesuffix(b"\n").removesuffix(b"\r")
    if not stripped:
        raise Misconfigured(f"secret file {path} is empty")
    return stripped
