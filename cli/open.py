"""`antragsweiche open`: open sealed parts with a Jobcenter's key, without any server."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from shared.errors import AntragsweicheError, CannotOpen, InvalidSignature
from shared.sealing.jwe import KeyFor, PartOpener, key_ring
from shared.sealing.jwk import read_jwk

app = typer.Typer(help="Open sealed parts.", no_args_is_help=True)

CHUNK_BYTES: Final = 262_144
_ENDINGS: Final = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg",
    "image/png": ".png",
}
_EXPLAIN: Final = {
    "part-form": "this is not a sealed part (compact JWE) of this project",
    "part-kid": "sealed for another key than those given",
    "part-unopenable": "altered or damaged, or not sealed with the key that it names",
}


@app.command("open")
def open_parts(
    files: Annotated[list[Path], typer.Argument(help="Sealed parts, one compact JWE each.", metavar="FILE")],
    key: Annotated[list[Path], typer.Option(help="Private key (JWK); several for several generations of keys.")],
    out: Annotated[Path, typer.Option(help="Folder for what is opened; made when missing.")] = Path(),
) -> None:
    """Open sealed parts: each becomes a file of its own in the folder. Nothing is ever overwritten."""
    try:
        keys = key_ring(*(read_jwk(path) for path in key))
    except InvalidSignature as error:
        typer.echo(f"Error: not a private RSA 4096 key for opening: {error}", err=True)
        raise typer.Exit(1) from None
    except AntragsweicheError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for file in files:
        try:
            typer.echo(f"{file} -> {open_file(file, keys, out)}")
        except (CannotOpen, OSError) as error:
            why = _EXPLAIN.get(str(error)) if isinstance(error, CannotOpen) else error.strerror or error
            typer.echo(f"Error: {file}: {why or error}", err=True)
            failed += 1
    if failed:
        typer.echo(f"{failed} of {len(files)} could not be opened", err=True)
        raise typer.Exit(1)


def open_file(file: Path, keys: KeyFor, out: Path) -> Path:
    """Open one part into `out`; returns the new file. Constant memory.

    The plaintext is unauthenticated until its last byte: it grows in a `.part` file that is erased when the part turns
    out to be bad. Raises `CannotOpen` or `OSError` (`FileExistsError` instead of overwriting).
    """
    stem = safe_stem(file.name)
    partial = out / f"{stem}.part"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        opener = PartOpener(keys)
        with os.fdopen(descriptor, "wb") as target, file.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                target.write(opener.update(chunk))
            opener.finish()
            target.flush()
            os.fsync(descriptor)
        final = out / (stem + _ENDINGS.get(opener.header.cty, ".bin"))
        # A hard link fails where the name exists; a rename would silently replace it.
        os.link(partial, final)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    return final


def safe_stem(name: str) -> str:
    """A name that means nothing to any shell or file system: letters, digits, `-` and `_`, at most 100 of them."""
    stem = Path(name).name.removesuffix(".jwe").removesuffix(".jose")
    return re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")[:100] or "part"
