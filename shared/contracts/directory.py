"""Signed entries of the directory: what the anchor says about Jobcenters and about the platform's own keys.

On `directory.jobcenters` (compacted) each value is a compact JWS by the directory key (ES256), header `typ` =
`antragsweiche-directory+jwt`; the key is the Jobcenter's id, or `_platform` for the platform's key set.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from shared.contracts.base import Contract, Moment, MunicipalityKey, Slug
from shared.contracts.manifest import Thumbprint

DIRECTORY_TYP = "antragsweiche-directory+jwt"
PLATFORM_ID: Literal["_platform"] = "_platform"


class Rollout(StrEnum):
    LIVE = "live"
    AVAILABLE = "available"
    """May be used; the Jobcenter has not been connected yet, or not announced itself."""
    IN_PREPARATION = "in-preparation"
    PAUSED = "paused"
    TEST = "test"


class KeyState(StrEnum):
    ACTIVE = "active"
    """Seals and signs new things."""
    ACCEPT = "accept"
    """Still accepted for what is in flight; seals and signs nothing new."""
    REVOKED = "revoked"


class KeyUse(StrEnum):
    ENCRYPT = "encrypt"
    """RSA 4096, RSA-OAEP-256 (JWK `key_ops: ["wrapKey"]`)."""
    VERIFY = "verify"
    """RSA 4096, PS512 (JWK `key_ops: ["verify"]`)."""


class DestinationKey(Contract):
    """A public key of a destination. `kid` is always the recomputed RFC 7638 thumbprint."""

    kid: Thumbprint
    use: KeyUse
    state: KeyState
    jwk: dict[str, Any] = Field(description="public JWK")


HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]
"""DNS name or IPv4 address."""
Port = Annotated[int, Field(ge=1, le=65535)]
Secret = Annotated[
    Slug | None,
    Field(default=None, description="folder of this adapter's secret files; by default the destination's id"),
]


class HttpsAdapter(Contract):
    """Push over HTTPS to the receiver; `url` is the base, without `/v1/deliveries`."""

    kind: Literal["https"] = "https"
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+[^/\s]$")]
    client_certificate: bool | None = Field(
        default=None, description="mutual TLS: delivery shows the certificate `https.crt`, `https.key` of its secrets"
    )
    ca: str | None = Field(default=None, description="PEM: trust exactly these authorities, not the system's")
    secret: Secret = None

    @property
    def where(self) -> str:
        """For people: where it goes, in one line."""
        return self.url


class SftpAdapter(Contract):
    """A hot folder on the Jobcenter's SFTP server; the private key is the secret file `sftp.key`."""

    kind: Literal["sftp"] = "sftp"
    host: HostName
    port: Port = 22
    user: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._@-]{1,100}$")]
    path: Annotated[str, StringConstraints(pattern=r"^/?[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")] = Field(
        description="the hot folder; it exists already"
    )
    host_keys: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$")], ...] = Field(
        min_length=1, description="OpenSSH public keys (`ssh-ed25519 AAAA…`); a server with any other is refused"
    )
    secret: Secret = None

    @property
    def where(self) -> str:
        """For people: where it goes, in one line."""
        return f"sftp://{self.user}@{self.host}:{self.port}/{self.path.removeprefix('/')}"


class S3Adapter(Contract):
    """A bucket of the Jobcenter; the secret access key is the secret file `s3.secret`."""

    kind: Literal["s3"] = "s3"
    endpoint: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?$")] = Field(
        description="host or host:port"
    )
    secure: bool = Field(default=True, description="HTTPS; without it only for tests on one machine")
    region: str = "us-east-1"
    bucket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._-]+/)*$")] = ""
    access_key: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
    secret: Secret = None

    @property
    def where(self) -> str:
        """For people: where it goes, in one line."""
        return f"s3://{self.endpoint}/{self.bucket}/{self.prefix}"


class MailAdapter(Contract):
    """Mail through the platform's own mail server: the last resort."""

    kind: Literal["mail"] = "mail"
    address: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")
    ]
    max_attached_bytes: int = Field(
        default=10_000_000, gt=0, le=50_000_000, description="above this, documents are links to the sealed parts"
    )

    @property
    def where(self) -> str:
        """For people: where it goes, in one line."""
        return f"mailto:{self.address}"


AnyAdapter = Annotated[HttpsAdapter | SftpAdapter | S3Adapter | MailAdapter, Field(discriminator="kind")]
"""How a destination is reached. Adding a kind is safe: who does not know it keeps the last entry and says so."""


class Destination(Contract):
    """Where a Jobcenter's applications go. One without municipality keys is the Jobcenter's default."""

    id: Slug
    municipality_keys: tuple[MunicipalityKey, ...] = Field(
        default=(), description="only these municipalities (§ 6 (2) SGB II); empty = all others"
    )
    adapter: AnyAdapter | None = None
    fallback: AnyAdapter | None = Field(
        default=None,
        description="used instead of `adapter` while the Jobcenter is in preparation; without it the lane waits",
    )
    keys: tuple[DestinationKey, ...] = ()
    metadata_version: str = "2.1.0"


class Contact(Contract):
    """Only what a source gives; empty otherwise, never invented."""

    email: str | None = None
    telephone: str | None = None
    website: str | None = None
    source: str | None = None


class JobcenterEntry(Contract):
    """One municipal Jobcenter."""

    type: Literal["jobcenter"] = "jobcenter"
    id: Slug
    version: int = Field(ge=1, description="rises with every change")
    issued_at: Moment
    deleted: bool = False
    name: str
    state: str = Field(description="the Land")
    carrier_number: str = Field(description="five-digit number of the carrier (BA statistics)")
    rollout: Rollout
    contact: Contact = Contact()
    destinations: tuple[Destination, ...] = Field(min_length=1)


class PlatformKeyUse(StrEnum):
    RECEIPT = "receipt"
    """P-256, ES256: signs manifests."""
    PUSH = "push"
    """P-256: signs pushes (RFC 9421, ecdsa-p256-sha256)."""
    TRANSIT = "transit"
    """RSA 4096, RSA-OAEP-256: clearing's key."""


class PlatformKey(Contract):
    kid: Thumbprint
    use: PlatformKeyUse
    state: KeyState
    jwk: dict[str, Any]


class PlatformEntry(Contract):
    """The platform's own keys, old ones included."""

    type: Literal["platform"] = "platform"
    id: Literal["_platform"] = PLATFORM_ID
    version: int = Field(ge=1)
    issued_at: Moment
    issuer: str = Field(description="name of this installation")
    keys: tuple[PlatformKey, ...]
