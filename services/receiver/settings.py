"""Configuration of a receiver: one JSON file, written by Jobcenter IT, that names every key file and folder.

Relative paths are read relative to the file's own folder. Unknown or half-specified settings are refused: a receiver
that guesses would lose applications.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from shared.contracts.base import MunicipalityKey, Slug
from shared.errors import Misconfigured

MIB = 1024 * 1024


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Frozen):
    """What one delivery may cost. All are far above what the door lets through."""

    max_manifest_bytes: int = Field(default=MIB, gt=0)
    max_parts: int = Field(default=256, ge=2, description="metadata, data and attachments together")
    max_delivery_bytes: int = Field(default=1024 * MIB, gt=0, description="sealed bytes of all parts")
    max_inline_bytes: int = Field(
        default=16 * MIB, gt=0, description="sealed bytes of metadata and of data, which are read into memory"
    )
    max_concurrent: int = Field(
        default=32, gt=0, description="deliveries at once for each destination; more are asked to come back"
    )
    idle_timeout_s: float = Field(default=60, gt=0, description="longest silence within a request body")
    min_free_bytes: int = Field(default=64 * MIB, ge=0, description="below this the hand-over disk counts as full")


class FolderInbox(_Frozen):
    """A hot folder on this machine, into which the platform (SFTP) or a person (mail) lays deliveries."""

    kind: Literal["folder"] = "folder"
    folder: Path = Field(description="one folder per delivery appears here; erased when it is answered")


class BucketInbox(_Frozen):
    """A bucket of an S3-compatible store, into which the platform lays deliveries."""

    kind: Literal["bucket"] = "bucket"
    endpoint: str = Field(description="host or host:port")
    secure: bool = True
    region: str = "us-east-1"
    bucket: str
    prefix: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._-]+/)*$")] = ""
    access_key: str
    secret_key_file: Path


Inbox = Annotated[FolderInbox | BucketInbox, Field(discriminator="kind")]


class DestinationSettings(_Frozen):
    """One destination: the keys that open for it, the key that signs for it, the folder it hands over to."""

    id: Slug
    encryption_key_files: tuple[Path, ...] = Field(
        min_length=1, description="private JWKs (RSA 4096); keep an old one until nothing in flight bears its kid"
    )
    signing_key_file: Path = Field(description="private JWK (RSA 4096) whose public half is a `verify` key")
    handover_folder: Path = Field(description="one folder per submission appears here")
    municipality_keys: tuple[MunicipalityKey, ...] = Field(
        default=(), description="when set, applications from elsewhere are rejected as not-responsible"
    )
    schema_uris: tuple[str, ...] = Field(
        default=(), description="when set, other form schemas are rejected as schema-unsupported"
    )
    other_media_types: tuple[str, ...] = Field(
        default=(), description="accepted beside PDF, JPEG and PNG, whose content is checked"
    )
    answer: Literal["now", "later"] = Field(
        default="now", description="later: a push is answered 202, its signed answer is posted; needs `answers_url`"
    )
    inbox: Inbox | None = Field(
        default=None, description="a hot folder or bucket that is watched beside HTTP; needs `answers_url`"
    )
    render_form: bool = Field(
        default=True, description="write `application.pdf`, the application on paper, where the sender sent none"
    )


class TlsSettings(_Frozen):
    """TLS by the receiver itself; without it a reverse proxy terminates TLS."""

    certificate_file: Path
    key_file: Path
    client_ca_file: Path | None = Field(
        default=None, description="PEM: only clients with a certificate of this authority may connect (mutual TLS)"
    )


class ReceiverSettings(_Frozen):
    """The whole configuration file."""

    host: str = "127.0.0.1"
    port: int = Field(default=8443, ge=0, le=65535, description="0 = any free port, printed when ready")
    public_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+[^/\s?#]$")] = Field(
        description="as the platform sees it; the directory's adapter URL is `<public_url>/<destination id>`"
    )
    anchor_file: Path = Field(description="public JWK of the directory key")
    anchor_fingerprint: str | None = Field(
        default=None, description="as confirmed by a second channel; must fit the anchor file"
    )
    platform_file: Path = Field(description="the platform's signed key set, read again whenever it changes")
    journal_file: Path
    destinations: tuple[DestinationSettings, ...] = Field(min_length=1)
    limits: Limits = Limits()
    tls: TlsSettings | None = None
    answers_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+[^/\s?#]$")] | None = Field(
        default=None, description="where the platform takes answers that come later"
    )
    inbox_interval_s: float = Field(default=5, gt=0, description="how often an inbox is looked through")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        ids = [destination.id for destination in self.destinations]
        folders = [destination.handover_folder for destination in self.destinations]
        if len(set(ids)) != len(ids):
            raise ValueError("two destinations bear the same id")
        if len(set(folders)) != len(folders):
            raise ValueError("two destinations share one hand-over folder")
        if self.answers_url is None and any(destination.inbox for destination in self.destinations):
            raise ValueError("an inbox needs answers_url: nobody waits for its answers")
        if self.answers_url is None and any(destination.answer == "later" for destination in self.destinations):
            raise ValueError("answer: later needs answers_url")
        inboxes = [item.inbox.folder for item in self.destinations if isinstance(item.inbox, FolderInbox)]
        if len(set(inboxes + folders)) != len(inboxes + folders):
            raise ValueError("every inbox and every hand-over folder must be one of its own")
        return self


def load(config_file: Path) -> ReceiverSettings:
    """Read and check the file; paths in the result are absolute. Raises `Misconfigured`, which names the fields."""
    try:
        settings = ReceiverSettings.model_validate_json(config_file.read_bytes())
    except OSError as error:
        raise Misconfigured(f"cannot read the configuration file {config_file}: {error.strerror}") from error
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(step) for step in item['loc']) or 'file'}: {item['msg']}" for item in error.errors()
        )
        raise Misconfigured(f"{config_file}: {wrong}") from error
    return _absolute(settings, config_file.resolve().parent)


def _absolute(settings: ReceiverSettings, base: Path) -> ReceiverSettings:
    def resolved(value: Any) -> Any:
        if isinstance(value, Path):
            return base / value
        if isinstance(value, dict):
            return {name: resolved(member) for name, member in value.items()}
        if isinstance(value, list | tuple):
            return tuple(resolved(member) for member in value)
        return value

    return ReceiverSettings.model_validate(resolved(settings.model_dump()))
