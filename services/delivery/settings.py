"""Settings of delivery: `DELIVERY_…`, beside `KAFKA_…` and `STORE_…`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.delivery.tiers import BUDGET_S
from shared.contracts.topics import RETRY_DELAYS_S
from shared.settings import ServiceSettings, service_config


class DeliverySettings(ServiceSettings):
    """Frozen; units in the names."""

    model_config = service_config("DELIVERY_")

    host: str = Field(default="127.0.0.1", description="of health, readiness and metrics")
    port: int = Field(default=0, ge=0, le=65535, description="0 = any free port, printed when ready")
    push_key_file: Path = Field(description="private JWK (P-256) whose public half is a `push` key of the platform")
    anchor_file: Path = Field(validation_alias="DIRECTORY_ANCHOR_FILE", description="public JWK of the directory key")
    instance_id: str = Field(
        default="delivery-0",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="static group membership; another one for each replica, the same after a restart",
    )
    group_id: str = "delivery"

    window: int = Field(default=4, ge=1, description="deliveries in flight in one lane")
    slots: int = Field(default=256, ge=1, description="deliveries in flight in all; each lane has one of its own")
    backoff_first_s: float = Field(default=1, gt=0, description="after failures of our own, and of a lone message")
    backoff_most_s: float = Field(default=60, gt=0)
    probe_first_s: float = Field(default=5, gt=0, description="from a Jobcenter's failure to the first empty probe")
    probe_most_s: float = Field(default=900, gt=0)
    budget_s: float = Field(default=BUDGET_S, gt=0, description="open time after which a failed attempt is the last")
    retry_delays_s: tuple[float, ...] = Field(
        default=tuple(RETRY_DELAYS_S.values()), description="of the retry topics in their order; the names stay"
    )
    awaiting_s: float = Field(default=4 * 3600, gt=0, description="time box for a signed answer that comes later")
    lane_report_s: float = Field(default=15, gt=0, description="how often a lane with messages says how it is")
    connect_timeout_s: float = Field(default=10, gt=0)
    idle_timeout_s: float = Field(default=60, gt=0, description="longest time for one chunk to be taken")
    answer_timeout_s: float = Field(default=120, gt=0, description="from the last byte sent to the answer")
    drain_budget_s: float = Field(default=20, ge=0, description="for what is in flight when stopping")

    metadata_max_age_ms: int = Field(default=10_000, ge=500, description="a new destination is met within this")
    session_timeout_ms: int = Field(default=15_000, ge=6_000)
    rebalance_timeout_ms: int = Field(default=30_000, ge=1_000)
    max_poll_records: int = Field(default=200, ge=1)
    max_partition_fetch_bytes: int = Field(default=262_144, ge=1024)
    commit_interval_s: float = Field(default=0.5, gt=0)
    commit_timeout_s: float = Field(default=5, gt=0)
    watch_interval_s: float = Field(default=10, gt=0)
    stall_limit_s: float = Field(default=60, gt=0)
