"""How a person writes an adapter on the command line, and what the directory then says. Pure but for reading files.

--https URL [--client-certificate] [--ca-file CA.pem]
--sftp USER@HOST[:PORT]/PATH --host-key-file KEY.pub …      as `ssh-keyscan HOST` prints it, confirmed by telephone
--s3 ENDPOINT/BUCKET[/PREFIX/] --access-key ID [--region R] [--plain-http]
--mail ADDRESS [--max-attached-bytes N]
--none                                                      takes it away
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.contracts.directory import AnyAdapter
from shared.errors import Misconfigured

_SFTP = re.compile(r"^(?P<user>[^@/:]+)@(?P<host>[^@/:]+)(:(?P<port>[0-9]+))?(?P<path>/.+)$")
_S3 = re.compile(r"^(?P<endpoint>[^/]+)/(?P<bucket>[^/]+)(/(?P<prefix>.*))?$")
_ADAPTER: TypeAdapter[AnyAdapter] = TypeAdapter(AnyAdapter)


@dataclass(frozen=True)
class Options:
    """What was typed. Exactly one of the first five chooses the kind."""

    https: str | None = None
    sftp: str | None = None
    s3: str | None = None
    mail: str | None = None
    none: bool = False
    client_certificate: bool = False
    ca_file: Path | None = None
    host_key_files: tuple[Path, ...] = ()
    access_key: str | None = None
    region: str | None = None
    plain_http: bool = False
    max_attached_bytes: int | None = None
    secret: str | None = None


_BELONGS = {
    "https": {"client_certificate", "ca_file", "secret"},
    "sftp": {"host_key_files", "secret"},
    "s3": {"access_key", "region", "plain_http", "secret"},
    "mail": {"max_attached_bytes"},
    "none": set(),
}


def build(options: Options) -> AnyAdapter | None:
    """The adapter for the directory. Raises `Misconfigured`: half an adapter is refused, never guessed."""
    chosen = [kind for kind in _BELONGS if getattr(options, kind)]
    if len(chosen) != 1:
        raise Misconfigured("say exactly one of --https, --sftp, --s3, --mail and --none")
    kind = chosen[0]
    for name in set().union(*_BELONGS.values()) - _BELONGS[kind]:
        if getattr(options, name):
            raise Misconfigured(f"--{name.replace('_', '-')} does not belong to --{kind}")
    if kind == "none":
        return None
    fields = {"https": _https, "sftp": _sftp, "s3": _s3, "mail": _mail}[kind](options)
    try:
        return _ADAPTER.validate_python({"kind": kind, "secret": options.secret, **fields})
    except ValidationError as error:
        wrong = sorted({str(item["loc"][-1]) if item["loc"] else kind for item in error.errors()})
        raise Misconfigured(f"--{kind}: {', '.join(wrong)} cannot be used") from None


def _https(options: Options) -> dict[str, Any]:
    url = (options.https or "").rstrip("/")
    if (options.client_certificate or options.ca_file) and not url.startswith("https://"):
        raise Misconfigured("--client-certificate and --ca-file need an https:// address")
    return {
        "url": url,
        "client_certificate": options.client_certificate or None,
        "ca": _read(options.ca_file) if options.ca_file else None,
    }


def _sftp(options: Options) -> dict[str, Any]:
    found = _SFTP.match(options.sftp or "")
    if found is None:
        raise Misconfigured("--sftp is USER@HOST[:PORT]/PATH")
    keys = tuple(key for file in options.host_key_files for key in host_keys(_read(file)))
    if not keys:
        raise Misconfigured("--host-key-file is missing: a server that is not pinned gets nothing")
    place = found.groupdict()
    return {**place, "port": int(place["port"] or 22), "host_keys": keys}


def _s3(options: Options) -> dict[str, Any]:
    found = _S3.match(options.s3 or "")
    if found is None:
        raise Misconfigured("--s3 is ENDPOINT/BUCKET[/PREFIX/]")
    if not options.access_key:
        raise Misconfigured("--access-key is missing; the secret one goes into a file, see docs/adapters.md")
    place = found.groupdict()
    prefix = place["prefix"] or ""
    more = {"region": options.region} if options.region else {}
    return {
        **place,
        "prefix": prefix if not prefix or prefix.endswith("/") else f"{prefix}/",
        "access_key": options.access_key,
        "secure": not options.plain_http,
        **more,
    }


def _mail(options: Options) -> dict[str, Any]:
    more = {"max_attached_bytes": options.max_attached_bytes} if options.max_attached_bytes else {}
    return {"address": options.mail, **more}


def host_keys(text: str) -> list[str]:
    """`type base64` of each line: of a `.pub` file (`type base64 comment`) or of `ssh-keyscan` (`host type base64`)."""
    keys = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        start = next((number for number, word in enumerate(words[:2]) if re.match(r"^(ssh|ecdsa|sk)-", word)), None)
        if start is None or len(words) < start + 2:
            raise Misconfigured("a host key file holds `type base64` lines, as in /etc/ssh/ssh_host_ed25519_key.pub")
        keys.append(f"{words[start]} {words[start + 1]}")
    return keys


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"cannot read {file}") from None
