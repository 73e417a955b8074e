"""The portal's settings: `PORTAL_…` variables, units in the names. The store has its own (`STORE_…`)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.settings import ServiceSettings, service_config


class PortalSettings(ServiceSettings):
    """One replica of the portal. Replicas share nothing but the store; any of them serves any request.

    | group | variables |
    |---|---|
    | address | `PORTAL_HOST`, `PORTAL_PORT` (0: a free one), `PORTAL_PUBLIC_URL` as browsers see it |
    | intake | `PORTAL_INTAKE_URL`, `PORTAL_CLIENT_ID`, `PORTAL_CLIENT_SECRET_FILE`, `PORTAL_TOKEN_URL` |
    | appearance | `PORTAL_BRANDING_FILE`: names, contact texts and colours for each Jobcenter (JSON) |

    `plain_http` is for loopback only: cookies lose `__Host-` and `Secure`, which browsers demand https for.
    """

    model_config = service_config("PORTAL_")

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65_535)
    public_url: str | None = Field(default=None, description="without a slash at the end; default: as asked for")
    plain_http: bool = False
    trusted_proxies: int = Field(default=0, ge=0, le=5, description="how many last hops of X-Forwarded-For are ours")

    intake_url: str
    client_id: str
    client_secret_file: Path
    token_url: str | None = Field(default=None, description="of the issuer that intake trusts; default: intake's own")
    intake_timeout_s: float = Field(default=60.0, gt=0)
    branding_file: Path | None = None

    unused_s: int = Field(default=30 * 86_400, ge=60, description="a draft that nobody opens is erased after it")
    sent_s: int = Field(default=86_400, ge=60, description="a sent application's answers and files are erased after it")
    case_s: int = Field(default=180 * 86_400, ge=60, description="how long status and later evidence are offered")
    sweep_interval_s: float = Field(default=900.0, gt=0)

    send_lease_s: float = Field(default=60.0, gt=0, description="how long a sending that died keeps others from trying")

    max_document_bytes: int = Field(default=50_000_000, ge=1)
    max_documents: int = Field(default=99, ge=1, le=999, description="of one application; intake counts the form too")
    max_total_bytes: int = Field(default=400_000_000, ge=1)
    upload_timeout_s: float = Field(default=900.0, gt=0, description="whole time of one form with files")
    upload_idle_s: float = Field(default=30.0, gt=0)

    rate_per_s: float = Field(default=10.0, gt=0, description="requests of one address")
    burst: int = Field(default=120, ge=1)
    starts_per_hour: int = Field(default=60, ge=1, description="new drafts of one address")
    max_requests: int = Field(default=256, ge=1, description="under way at once in this replica")
    drain_s: float = Field(default=20.0, gt=0)
