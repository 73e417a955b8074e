"""Intake's settings: `INTAKE_…` variables, units in the names. Store, Kafka and directory have their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_settings import NoDecode

from services.intake.uploads import UploadLimits
from shared.settings import ServiceSettings, service_config

Names = Annotated[tuple[str, ...], NoDecode, Field(default=())]


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class IntakeSettings(ServiceSettings):
    """One replica of the door.

    | group | variables |
    |---|---|
    | address | `INTAKE_HOST`, `INTAKE_PORT` (0: a free one), `INTAKE_PUBLIC_URL` as senders see it |
    | keys | `INTAKE_STATE_KEY_FILE`, `INTAKE_RECEIPT_KEY_FILE`, `DIRECTORY_ANCHOR_FILE`; the same for all replicas |
    | built-in issuer | `INTAKE_ISSUER_KEY_FILE` and `INTAKE_CLIENTS_FILE`, both or neither |
    | another issuer | `INTAKE_OAUTH_ISSUER` and one of `INTAKE_OAUTH_JWKS_FILE`, `INTAKE_OAUTH_JWKS_URL` |

    One issuer, never two: a token is good because of exactly one key set. Lists are separated by commas.
    """

    model_config = service_config("INTAKE_")

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    public_url: str | None = Field(default=None, description="without a slash at the end; default: the bound address")
    cors_origins: Names = ()

    anchor_file: Path = Field(validation_alias="DIRECTORY_ANCHOR_FILE", description="public JWK of the directory key")
    state_key_file: Path
    receipt_key_file: Path
    issuer_key_file: Path | None = None
    clients_file: Path | None = None
    oauth_issuer: str | None = None
    oauth_jwks_file: Path | None = None
    oauth_jwks_url: str | None = None
    oauth_audience: str = "antragsweiche"
    oauth_algorithms: Names = ("ES256",)
    oauth_client_claim: str = Field(default="client_id", description="the claim that names the client")
    oauth_leeway_s: int = Field(default=30, ge=0, le=300)
    token_lifetime_s: int = Field(default=1800, ge=60, le=86_400)

    open_for_s: int = Field(default=86_400, ge=1, description="how long an opened submission waits for its completion")
    upload_timeout_s: float = Field(default=300.0, gt=0, description="whole time of one document")
    upload_idle_s: float = Field(default=15.0, gt=0, description="longest silence of a sender")
    max_document_bytes: int = Field(default=50_000_000, ge=1)
    max_documents: int = Field(default=100, ge=1, le=1000)
    max_submission_bytes: int = Field(default=500_000_000, ge=1)

    client_rate_per_s: float = Field(default=600.0, gt=0)
    client_burst: int = Field(default=1200, ge=1)
    max_requests: int = Field(default=512, ge=1, description="under way at once in this replica")
    max_uploads: int = Field(default=64, ge=1)

    kafka_timeout_s: float = Field(default=1.5, gt=0, description="at most, so that refusals come within 2 s")
    directory_wait_s: float = Field(default=60.0, gt=0, description="for the directory at start")
    sweep_interval_s: float = Field(default=15.0, gt=0)
    sweep_grace_s: float = Field(default=10.0, ge=0)
    drain_s: float = Field(default=20.0, gt=0, description="for requests under way when stopping")

    @model_validator(mode="before")
    @classmethod
    def _read_lists(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        names = ("cors_origins", "oauth_algorithms")
        return values | {name: _split(values[name]) for name in names if name in values}

    @model_validator(mode="after")
    def _one_issuer(self) -> IntakeSettings:
        built_in = (self.issuer_key_file is not None, self.clients_file is not None)
        if built_in[0] != built_in[1]:
            raise ValueError("issuer_key_file and clients_file belong together")
        other = [self.oauth_jwks_file is not None, self.oauth_jwks_url is not None]
        if sum(other) + built_in[0] != 1:
            raise ValueError("exactly one issuer: the built-in one, a JWKS file or a JWKS URL")
        if any(other) and self.oauth_issuer is None:
            raise ValueError("oauth_issuer is needed with a JWKS")
        if not self.oauth_algorithms or any(
            not name.startswith(("ES", "PS", "RS", "Ed")) for name in self.oauth_algorithms
        ):
            raise ValueError("only asymmetric algorithms")
        return self

    @property
    def upload_limits(self) -> UploadLimits:
        return UploadLimits(self.max_document_bytes, self.max_documents, self.max_submission_bytes)
