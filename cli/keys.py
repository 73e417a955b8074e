"""`antragsweiche keys`: make keys, show fingerprints, check a Jobcenter's bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import TypeAdapter, ValidationError

from shared.contracts.base import Slug
from shared.contracts.canonical import strict_json
from shared.errors import InvalidSignature
from shared.sealing.jwk import Alg, generate_ec, generate_rsa, load_public, public_jwk, write_new
from shared.sealing.statebox import generate_state_keys
from shared.trust.anchor import fingerprint
from shared.trust.proofs import make_bundle, verify_bundle

app = typer.Typer(help="Make keys, show fingerprints, check a Jobcenter's key bundle.", no_args_is_help=True)


class Owner(StrEnum):
    """Who the keys are for."""

    DIRECTORY = "directory"
    PLATFORM = "platform"
    JOBCENTER = "jobcenter"
    STATE = "state"


_MAKERS: Mapping[Owner, Mapping[str, Callable[[], dict[str, Any]]]] = {
    Owner.DIRECTORY: {"directory": generate_ec},
    Owner.PLATFORM: {"receipt": generate_ec, "push": generate_ec, "transit": generate_rsa},
    Owner.JOBCENTER: {"encrypt": generate_rsa, "verify": lambda: generate_rsa(alg=Alg.PS512)},
    Owner.STATE: {},
}
STATE_FILE = "state-keys.json"
BUNDLE_FILE = "bundle.json"


@app.command()
def generate(
    owner: Annotated[Owner, typer.Option("--for", help="Whose keys: directory, platform, jobcenter or state.")],
    out: Annotated[Path, typer.Option(help="Folder for the files; made when missing.")] = Path(),
    destination: Annotated[str | None, typer.Option(help="The destination's id; for --for jobcenter.")] = None,
) -> None:
    """Make new keys. Private ones are readable for you alone (0600); no file is ever overwritten."""
    if (owner is Owner.JOBCENTER) != (destination is not None):
        _refuse("--destination belongs to --for jobcenter, and only there")
    if destination is not None and not _is_slug(destination):
        _refuse("a destination's id is 2 to 100 lower-case letters, digits and hyphens")
    out.mkdir(parents=True, exist_ok=True)
    names = [name + ending for name in _MAKERS[owner] for ending in (".jwk", ".public.jwk")]
    names += {Owner.STATE: [STATE_FILE], Owner.JOBCENTER: [BUNDLE_FILE]}.get(owner, [])
    existing = [str(out / name) for name in names if (out / name).exists()]
    if existing:
        _refuse(f"exists already, nothing was written: {', '.join(existing)}")
    if owner is Owner.STATE:
        _write(out / STATE_FILE, generate_state_keys(), secret=True)
        return
    made = {name: make() for name, make in _MAKERS[owner].items()}
    for name, jwk in made.items():
        _write(out / f"{name}.jwk", jwk, secret=True)
        _write(out / f"{name}.public.jwk", public_jwk(jwk), secret=False)
        _show(name, jwk)
    if destination is not None:
        bundle = make_bundle(destination, made["encrypt"], made["verify"], datetime.now(UTC))
        _write(out / BUNDLE_FILE, bundle, secret=False)
        typer.echo(
            f"\nSend {out / BUNDLE_FILE} to the operator of the platform, and read both fingerprints to them over "
            "another channel (by telephone). Keep the two .jwk files and a backup of them: without encrypt.jwk no "
            "application can be opened."
        )


@app.command("fingerprint")
def show_fingerprint(file: Annotated[Path, typer.Argument(help="A JWK, public or private, or a key bundle.")]) -> None:
    """Show a key's fingerprint (RFC 7638 thumbprint) in groups that can be read aloud."""
    document = _read(file)
    keys = document["keys"] if isinstance(document.get("keys"), list) else [document]
    for jwk in keys:
        try:
            public = public_jwk(jwk)
            load_public(public)
        except (InvalidSignature, KeyError, TypeError, AttributeError):
            _refuse(f"{file} holds no P-256 or RSA 4096 key as JWK")
        _show(str(public.get("alg", public["kty"])), public)


@app.command("verify-bundle")
def check_bundle(file: Annotated[Path, typer.Argument(help="The bundle that a Jobcenter sent.")]) -> None:
    """Check that whoever made a bundle holds both private keys; compare the fingerprints with them afterwards."""
    document = _read(file)
    try:
        records = verify_bundle(document)
    except InvalidSignature as error:
        _refuse(f"{file} is not a valid key bundle: {error}")
    typer.echo(f"good bundle of destination {document['destination']}")
    for record in records:
        _show(record.use.value, record.jwk)


def _is_slug(text: str) -> bool:
    try:
        TypeAdapter(Slug).validate_python(text)
    except ValidationError:
        return False
    return True


def _read(file: Path) -> dict[str, Any]:
    try:
        document = strict_json(file.read_bytes())
    except (OSError, ValueError):
        _refuse(f"{file} cannot be read as JSON")
    if not isinstance(document, dict):
        _refuse(f"{file} holds no JSON object")
    return document


def _write(path: Path, document: Mapping[str, Any], *, secret: bool) -> None:
    try:
        write_new(path, document, mode=0o600 if secret else 0o644)
    except OSError as error:
        _refuse(f"{path} cannot be written: {error.strerror}")
    typer.echo(f"wrote {path}{' (private)' if secret else ''}")


def _show(name: str, jwk: Mapping[str, Any]) -> None:
    digits = fingerprint(jwk)
    half = (len(digits) + 1) // 2
    typer.echo(f"{name}\n  kid          {public_jwk(jwk)['kid']}")
    typer.echo(f"  fingerprint  {digits[:half].strip()}\n               {digits[half:].strip()}")


def _refuse(why: str) -> NoReturn:
    typer.echo(f"Error: {why}", err=True)
    raise typer.Exit(1)
