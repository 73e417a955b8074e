"""`antragsweiche directory`: make, show, change and publish the signed directory.

The folder of signed entries is the source of truth; the directory's private key stays offline, with whoever runs this.
Every change raises the entry's version by one, is signed, and replaces the file atomically. With `--publish` it takes
effect in all services within two seconds, without a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.adapter_options import Options, build
from shared.contracts.canonical import strict_json
from shared.contracts.directory import (
    PLATFORM_ID,
    JobcenterEntry,
    KeyState,
    PlatformEntry,
    PlatformKey,
    PlatformKeyUse,
    Rollout,
)
from shared.directory import edit
from shared.directory.base import base_entries
from shared.directory.folder import read_entry, read_folder, read_tokens, write_token
from shared.directory.tables import Tables
from shared.errors import Misconfigured
from shared.sealing.jwk import public_jwk, read_jwk, thumbprint, write_new
from shared.trust.anchor import Anchor, fingerprint, sign_entry
from shared.trust.proofs import verify_bundle

app = typer.Typer(help="Make, show, change and publish the signed directory of Jobcenters.", no_args_is_help=True)

ANCHOR_FILE = "anchor.jwk"
"""Beside the entries, a copy of the directory key's public half. Services pin their own."""

Folder = Annotated[Path, typer.Option("--directory", help="Folder of signed entries (<id>.jws).")]
Key = Annotated[Path, typer.Option("--key", help="The directory's private key (JWK file).")]
Publish = Annotated[str | None, typer.Option("--publish", help="Kafka's address (host:port): publish the change too.")]
AnchorFile = Annotated[
    Path | None, typer.Option("--anchor", help="The directory's public key; by default anchor.jwk in the folder.")
]
EntryId = Annotated[str, typer.Argument(metavar="ID", help="Id of the Jobcenter.")]
console = Console(highlight=False, soft_wrap=True)


@app.command()
def init(
    directory: Folder,
    key: Key,
    platform_keys: Annotated[
        Path, typer.Option(help="Folder with receipt, push and transit keys (<use>.public.jwk or <use>.jwk).")
    ],
    issuer: Annotated[str, typer.Option(help="Name of this installation.")] = "Antragsweiche",
    publish: Publish = None,
) -> None:
    """Sign the 104 Jobcenters and the platform's own keys into a new folder."""
    if directory.exists() and read_tokens(directory):
        raise Misconfigured(f"{directory} holds a directory already")
    private, now = read_jwk(key), datetime.now(UTC)
    records = []
    for use in PlatformKeyUse:
        files = [platform_keys / f"{use}{ending}" for ending in (".public.jwk", ".jwk")]
        public = public_jwk(read_jwk(next((file for file in files if file.exists()), files[0])))
        records.append(PlatformKey(kid=thumbprint(public), use=use, state=KeyState.ACTIVE, jwk=public))
    platform = PlatformEntry(version=1, issued_at=now, issuer=issuer, keys=tuple(records))
    entries: list[JobcenterEntry | PlatformEntry] = [platform, *base_entries(now)]
    for entry in entries:
        write_token(directory, entry.id, sign_entry(entry, private))
    anchor_file = directory / ANCHOR_FILE
    if not anchor_file.exists():
        write_new(anchor_file, public_jwk(private), mode=0o644)
    console.print(f"signed 104 Jobcenters and the platform's keys into {directory}")
    console.print(f"anchor {anchor_file}\n  fingerprint  {fingerprint(private)}")
    if publish is not None:
        _publish(publish, directory, Anchor(public_jwk(private)), None)


@app.command()
def show(
    directory: Folder,
    entry_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Id of one entry, for all of it.")] = None,
    anchor: AnchorFile = None,
) -> None:
    """Show all Jobcenters in a table, or one entry in full. Only what is validly signed is shown."""
    trusted = _anchor(directory, anchor)
    if entry_id is not None:
        console.print_json(read_entry(directory, entry_id, trusted).model_dump_json())
        return
    table = Table(box=None)
    for heading in ("id", "version", "rollout", "destinations", "keys", "endpoint", "name"):
        table.add_column(heading, no_wrap=heading != "name", overflow="fold")
    for entry in read_folder(directory, trusted).entries():
        active = sum(key.state is KeyState.ACTIVE for each in entry.destinations for key in each.keys)
        endpoints = [each.adapter.where for each in entry.destinations if each.adapter is not None]
        names = ", ".join(each.id for each in entry.destinations)
        cells = (
            entry.id,
            str(entry.version),
            entry.rollout.value,
            names,
            str(active),
            ", ".join(endpoints),
            entry.name,
        )
        table.add_row(*cells)
    console.print(table)


@app.command("set")
def set_fields(
    *,
    directory: Folder,
    key: Key,
    entry_id: EntryId,
    rollout: Annotated[Rollout | None, typer.Option(help="The new rollout state.")] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(metavar="DEST=URL", help="Receiver of a destination; DEST= takes it away.")
    ] = None,
    contact_email: Annotated[str | None, typer.Option(help="Only from a source; '' empties it.")] = None,
    contact_telephone: Annotated[str | None, typer.Option(help="Only from a source; '' empties it.")] = None,
    contact_website: Annotated[str | None, typer.Option(help="Only from a source; '' empties it.")] = None,
    contact_source: Annotated[str | None, typer.Option(help="Where the contact details were read.")] = None,
    deleted: Annotated[bool | None, typer.Option("--deleted/--restored", help="Take it out, or in again.")] = None,
    publish: Publish = None,
) -> None:
    """Change rollout state, endpoints or contact of a Jobcenter: one new version for all of it."""
    details = {
        "email": contact_email,
        "telephone": contact_telephone,
        "website": contact_website,
        "source": contact_source,
    }
    given = {name: text for name, text in details.items() if text is not None}

    def changed(entry: JobcenterEntry, now: datetime) -> JobcenterEntry:
        result = entry
        for each in endpoint or ():
            destination, separator, url = each.partition("=")
            if not separator:
                raise Misconfigured("--endpoint is DEST=URL")
            result = edit.set_endpoint(result, now, destination, url or None)
        if given:
            result = edit.change_contact(result, now, **given)
        if rollout is not None:
            result = edit.change(result, now, rollout=rollout)
        if deleted is not None:
            result = edit.change(result, now, deleted=deleted)
        if result is entry:
            raise Misconfigured("nothing to change: say what")
        return result.model_copy(update={"version": entry.version + 1})

    _change_jobcenter(directory, key, entry_id, changed, publish)


@app.command("set-adapter")
def set_adapter(
    *,
    directory: Folder,
    key: Key,
    entry_id: EntryId,
    destination: Annotated[str, typer.Argument(metavar="DEST", help="Id of the destination.")],
    https: Annotated[str | None, typer.Option(metavar="URL", help="Push over HTTPS.")] = None,
    client_certificate: Annotated[
        bool, typer.Option("--client-certificate", help="HTTPS: show our certificate (mutual TLS).")
    ] = False,
    ca_file: Annotated[Path | None, typer.Option(help="HTTPS: trust exactly these authorities (PEM).")] = None,
    sftp: Annotated[str | None, typer.Option(metavar="USER@HOST[:PORT]/PATH", help="SFTP hot folder.")] = None,
    host_key_file: Annotated[list[Path] | None, typer.Option(help="SFTP: the server's public host keys.")] = None,
    s3: Annotated[str | None, typer.Option("--s3", metavar="ENDPOINT/BUCKET[/PREFIX/]", help="A bucket.")] = None,
    access_key: Annotated[str | None, typer.Option(help="Bucket: the access key's id.")] = None,
    region: Annotated[str | None, typer.Option(help="Bucket: its region, us-east-1 by default.")] = None,
    plain_http: Annotated[bool, typer.Option("--plain-http", help="Bucket: no TLS, for tests.")] = False,
    mail: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Mail, the last resort.")] = None,
    max_attached_bytes: Annotated[int | None, typer.Option(help="Mail: above this, links.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Take it away.")] = False,
    secret: Annotated[str | None, typer.Option(help="Folder of its secret files, unless the destination's id.")] = None,
    fallback: Annotated[bool, typer.Option("--fallback", help="For while it is in preparation.")] = False,
    publish: Publish = None,
) -> None:
    """Say how a destination is reached: exactly one of --https, --sftp, --s3, --mail, --none (docs/adapters.md)."""
    options = Options(
        https=https,
        sftp=sftp,
        s3=s3,
        mail=mail,
        none=none,
        client_certificate=client_certificate,
        ca_file=ca_file,
        host_key_files=tuple(host_key_file or ()),
        access_key=access_key,
        region=region,
        plain_http=plain_http,
        max_attached_bytes=max_attached_bytes,
        secret=secret,
    )
    adapter = build(options)

    def changed(entry: JobcenterEntry, now: datetime) -> JobcenterEntry:
        return edit.set_adapter(entry, now, destination, adapter, fallback=fallback)

    _change_jobcenter(directory, key, entry_id, changed, publish)
    console.print(f"{destination}: {'fallback ' if fallback else ''}{adapter.where if adapter else 'none'}")


@app.command("add-key")
def add_key(
    *,
    directory: Folder,
    key: Key,
    entry_id: EntryId,
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE.json", help="What the Jobcenter sent.")],
    confirmed: Annotated[
        list[str], typer.Option("--fingerprint", help="Read to you over a second channel; once for each key.")
    ],
    publish: Publish = None,
) -> None:
    """Take a Jobcenter's new keys in: proofs of possession are checked, and the fingerprints that you were told."""
    document = _read_json(bundle)
    records = verify_bundle(document)
    told = {_digits(each) for each in confirmed}
    for record in records:
        if _digits(fingerprint(record.jwk)) not in told:
            raise Misconfigured(f"the {record.use} key's fingerprint was not confirmed; nothing was changed")
    destination = str(document["destination"])
    _change_jobcenter(
        directory, key, entry_id, lambda entry, now: edit.add_keys(entry, now, destination, records), publish
    )


@app.command("key-state")
def key_state(
    *, directory: Folder, key: Key, entry_id: EntryId, kid: str, state: KeyState, publish: Publish = None
) -> None:
    """Change a key's state: active, accept or revoked. ID `_platform` changes the platform's own keys."""
    if entry_id != PLATFORM_ID:
        _change_jobcenter(
            directory, key, entry_id, lambda entry, now: edit.set_key_state(entry, now, kid, state), publish
        )
        return
    _change_platform(directory, key, lambda entry, now: edit.set_platform_key_state(entry, now, kid, state), publish)


@app.command("add-platform-key")
def add_platform_key(
    directory: Folder,
    key: Key,
    use: PlatformKeyUse,
    file: Annotated[Path, typer.Argument(metavar="KEY.jwk", help="The new key, public or private half.")],
    publish: Publish = None,
) -> None:
    """Rotate a key of the platform: the new one becomes active, the old one stays accepted."""
    public = public_jwk(read_jwk(file))
    record = PlatformKey(kid=thumbprint(public), use=use, state=KeyState.ACTIVE, jwk=public)
    _change_platform(directory, key, lambda entry, now: edit.add_platform_key(entry, now, record), publish)


@app.command("add-destination")
def add_destination(
    *,
    directory: Folder,
    key: Key,
    entry_id: EntryId,
    destination: Annotated[str, typer.Argument(metavar="DEST", help="Id of the new destination.")],
    municipality_keys: Annotated[
        str, typer.Option("--municipality-keys", help="AGS (8 digits), separated by commas (§ 6 (2) SGB II).")
    ],
    publish: Publish = None,
) -> None:
    """Add a destination for some of a Jobcenter's municipalities. Publishing creates its topic before its entry."""
    keys = [each.strip() for each in municipality_keys.split(",") if each.strip()]
    if not keys:
        raise Misconfigured("--municipality-keys names no municipality")

    def changed(entry: JobcenterEntry, now: datetime) -> JobcenterEntry:
        return edit.add_destination(entry, now, destination, keys, Tables.load())

    _change_jobcenter(directory, key, entry_id, changed, publish)


@app.command("publish")
def publish_all(
    directory: Folder,
    bootstrap: Annotated[str, typer.Argument(help="Kafka's address (host:port).")],
    anchor: AnchorFile = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this entry; may be repeated.")] = None,
) -> None:
    """Create missing topics, then publish what Kafka does not hold yet. May be repeated at any time."""
    _publish(bootstrap, directory, _anchor(directory, anchor), only)


def _anchor(directory: Path, file: Path | None) -> Anchor:
    return Anchor.from_file(file or directory / ANCHOR_FILE)


def _change_jobcenter(
    directory: Path,
    key: Path,
    entry_id: str,
    changed: Callable[[JobcenterEntry, datetime], JobcenterEntry],
    publish: str | None,
) -> None:
    private = read_jwk(key)
    anchor = Anchor(public_jwk(private))
    entry = read_entry(directory, entry_id, anchor)
    if not isinstance(entry, JobcenterEntry):
        raise Misconfigured(f"{entry_id} is no Jobcenter")
    _store(directory, changed(entry, datetime.now(UTC)), private, anchor, publish)


def _change_platform(
    directory: Path, key: Path, changed: Callable[[PlatformEntry, datetime], PlatformEntry], publish: str | None
) -> None:
    private = read_jwk(key)
    anchor = Anchor(public_jwk(private))
    entry = read_entry(directory, PLATFORM_ID, anchor)
    if not isinstance(entry, PlatformEntry):
        raise Misconfigured(f"{PLATFORM_ID} is no platform entry")
    _store(directory, changed(entry, datetime.now(UTC)), private, anchor, publish)


def _store(
    directory: Path, entry: JobcenterEntry | PlatformEntry, private: dict[str, Any], anchor: Anchor, publish: str | None
) -> None:
    token = sign_entry(entry, private)
    # the whole folder is tried with the new entry first: two Jobcenters may not own one destination
    trial = read_folder(directory, anchor)
    applied = trial.apply(entry.id, token)
    if applied.is_alarm:
        raise Misconfigured(f"{entry.id}: readers would ignore this ({applied}); nothing was changed")
    write_token(directory, entry.id, token)
    console.print(f"signed {entry.id}, version {entry.version}")
    if publish is not None:
        _publish(publish, directory, anchor, [entry.id])


def _publish(bootstrap: str, directory: Path, anchor: Anchor, only: list[str] | None) -> None:
    from shared.directory.publisher import publish_directory

    done = asyncio.run(publish_directory(bootstrap, anchor, read_folder(directory, anchor), only=only))
    console.print(f"published {len(done.sent)} entries, {len(done.unchanged)} stood there already")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        document = strict_json(file.read_bytes())
    except (OSError, ValueError):
        raise Misconfigured(f"{file} cannot be read as JSON") from None
    if not isinstance(document, dict):
        raise Misconfigured(f"{file} holds no JSON object")
    return document


def _digits(text: str) -> str:
    """A fingerprint without its groups."""
    return "".join(character for character in text.lower() if character.isalnum())
