"""Settings of the router: `ROUTER_…`, beside `KAFKA_…` and `STORE_…`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.settings import ServiceSettings, service_config


class RouterSettings(ServiceSettings):
    """Frozen; units in the names."""

    model_config = service_config("ROUTER_")

    host: str = Field(default="127.0.0.1", description="of health, readiness and metrics")
    port: int = Field(default=0, ge=0, le=65535, description="0 = any free port, printed when ready")
    anchor_file: Path = Field(validation_alias="DIRECTORY_ANCHOR_FILE", description="public JWK of the directory key")
    instance_id: str = Field(
        default="router-0",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="static group membership; another one for each replica, the same after a restart",
    )
    group_id: str = "router"
    data_folder: Path | None = Field(default=None, description="Faust insists on one; nothing is kept in it")
    batch: int = Field(default=500, ge=1, description="messages routed side by side")
    within_s: float = Field(default=0.02, gt=0, description="a batch waits no longer to become full")
    retry_first_s: float = Field(default=0.5, gt=0)
    retry_most_s: float = Field(default=15, gt=0)
    key_grace_s: float = Field(
        default=10, ge=0, description="how long a message signed under an unknown key waits for the directory"
    )
    stop_budget_s: float = Field(default=20, gt=0, description="for what is being routed when stopping")
    watch_interval_s: float = Field(default=15, gt=0)
    stall_limit_s: float = Field(default=90, gt=0, description="without progress for so long the process ends")
