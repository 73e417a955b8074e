"""Settings of the adapters: `DELIVERY_…`, beside delivery's own. Nothing here is about one destination."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from shared.settings import ServiceSettings, service_config


class SmtpTls(StrEnum):
    """How the connection to the mail server is protected."""

    STARTTLS = "starttls"
    """Required, not opportunistic: a server without it gets no mail."""
    TLS = "tls"
    """From the first byte (port 465)."""
    NONE = "none"
    """Only for a mail server on the same machine."""


class AdapterSettings(ServiceSettings):
    """Frozen; half a mail server is refused."""

    model_config = service_config("DELIVERY_")

    secrets_dir: Path | None = Field(default=None, description="one folder of secret files for each destination")

    smtp_host: str | None = Field(default=None, description="the platform's own mail server; without it no mail")
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_tls: SmtpTls = SmtpTls.STARTTLS
    smtp_ca_file: Path | None = Field(default=None, description="PEM; by default the system's authorities")
    smtp_sender: str | None = Field(default=None, pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="From and envelope")
    smtp_user: str | None = None
    smtp_password_file: Path | None = None
    link_endpoint: str | None = Field(
        default=None, description="the store as Jobcenters reach it (host:port), for links in mails; by default STORE_…"
    )
    link_secure: bool = Field(default=True, description="links are https")
    link_lifetime_s: int = Field(default=604_800, ge=60, le=604_800, description="links work for so long")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.smtp_host is None) != (self.smtp_sender is None):
            raise ValueError("SMTP_HOST and SMTP_SENDER belong together")
        if (self.smtp_user is None) != (self.smtp_password_file is None):
            raise ValueError("SMTP_USER and SMTP_PASSWORD_FILE belong together")
        return self
