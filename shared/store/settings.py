"""Where the object store is, and how long it may take."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from shared.errors import Misconfigured
from shared.settings import ServiceSettings, read_secret_file, service_config


class StoreSettings(ServiceSettings):
    """Read from `STORE_…`. Exactly one of `secret_key_file` and `secret_key` (tests) is needed."""

    model_config = service_config("STORE_")

    endpoint: str = Field(pattern=r"^[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5}$|^[A-Za-z0-9.\-]+$", description="host:port")
    access_key: str
    secret_key_file: Path | None = None
    secret_key: SecretStr | None = None
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    secure: bool = True
    region: str = "us-east-1"

    max_connections: int = Field(default=200, ge=1, description="bound of the connection pool")
    connect_timeout_s: float = Field(default=1.0, gt=0)
    operation_timeout_s: float = Field(default=1.8, gt=0, description="whole time of an operation on a small object")
    idle_timeout_s: float = Field(default=20.0, gt=0, description="longest silence while a body streams")
    presign_lifetime_s: int = Field(default=3600, ge=60, le=604_800)

    def secret(self) -> str:
        """The secret key; raises `Misconfigured` when none or two are given."""
        if (self.secret_key is None) == (self.secret_key_file is None):
            raise Misconfigured("give exactly one of STORE_SECRET_KEY_FILE and STORE_SECRET_KEY")
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        assert self.secret_key_file is not None
        try:
            return read_secret_file(self.secret_key_file).decode("ascii")
        except UnicodeDecodeError:
            raise Misconfigured("the store's secret key is not ASCII") from None
