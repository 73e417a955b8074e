"""Where Kafka is, how to speak to it, and how long it may take."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from shared.errors import Misconfigured
from shared.settings import Profile, ServiceSettings, read_secret_file, service_config


class KafkaSettings(ServiceSettings):
    """Read from `KAFKA_…`.

    | security | needs |
    |---|---|
    | `PLAINTEXT` | nothing; for loopback and closed networks |
    | `SSL` | `ca_file`; for client certificates also `certificate_file` and `key_file` |
    | `SASL_SSL`, `SASL_PLAINTEXT` | `username`, `password_file`; `ca_file` with SSL |
    """

    model_config = service_config("KAFKA_")

    bootstrap: str = Field(min_length=3, description="host:port, several separated by commas")
    profile: Profile = Profile.PRODUCTION
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    send_timeout_s: float = Field(default=1.8, gt=0, description="from send to the brokers' acknowledgement")
    stop_timeout_s: float = Field(default=5.0, gt=0, description="for what is still to be sent when stopping")
    probe_interval_s: float = Field(default=1.0, gt=0)
    probe_timeout_s: float = Field(default=1.5, gt=0)
    linger_ms: int = Field(default=0, ge=0, description="more collects more for each request, and delays serial sends")
    max_message_bytes: int = Field(default=1_000_000, ge=1024, description="below the topics' max.message.bytes")

    def client_options(self) -> dict[str, Any]:
        """What every aiokafka client (producer, consumer, admin) needs to connect."""
        options: dict[str, Any] = {"bootstrap_servers": self.bootstrap, "security_protocol": self.security}
        if self.security in ("SSL", "SASL_SSL"):
            options["ssl_context"] = self._ssl_context()
        if self.security.startswith("SASL"):
            if self.username is None or self.password_file is None:
                raise Misconfigured(f"{self.security} needs KAFKA_USERNAME and KAFKA_PASSWORD_FILE")
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = read_secret_file(self.password_file).decode()
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        if (self.certificate_file is None) != (self.key_file is None):
            raise Misconfigured("give both KAFKA_CERTIFICATE_FILE and KAFKA_KEY_FILE, or neither")
        try:
            context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(f"TLS for Kafka: {type(error).__name__}") from None
        return context
