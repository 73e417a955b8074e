"""One line for a person from a record of any of our topics. Pure; nothing here verifies a signature.

Postcode and municipality key are left out: they are for routing, not for screens.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_PREFIX = "de.antragsweiche."


@dataclass(frozen=True)
class Line:
    """What a record says. `fields` are short and in the order to show them."""

    at: str
    key: str
    what: str
    fields: tuple[tuple[str, str], ...]


def claims(token: str) -> Mapping[str, Any]:
    """The unverified claims of a compact JWS; empty when it is none."""
    segments = token.split(".")
    if len(segments) != 3:
        return {}
    try:
        decoded = json.loads(base64.urlsafe_b64decode(segments[1] + "=" * (-len(segments[1]) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _body(value: bytes) -> Mapping[str, Any]:
    try:
        decoded = json.loads(value)
    except ValueError:
        return claims(value.decode("ascii", "replace"))
    return decoded if isinstance(decoded, dict) else {}


def _manifest(token: object) -> list[tuple[str, str]]:
    found = claims(token) if isinstance(token, str) else {}
    if not found:
        return []
    parts = found.get("parts", ())
    size = sum(part.get("size", 0) for part in parts)
    sealed_for = found.get("destination")
    fields = [("service", found.get("service")), ("sealed for", sealed_for), ("parts", f"{len(parts)}, {size} bytes")]
    return [(name, str(value)) for name, value in fields]


def _directory(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    if body.get("type") == "platform":
        uses = ", ".join(f"{key.get('use')} ({key.get('state')})" for key in body.get("keys", ()))
        return [("version", str(body.get("version"))), ("keys", uses)]
    destinations = body.get("destinations", ())
    fields = [
        ("version", str(body.get("version"))),
        ("name", str(body.get("name"))),
        ("rollout", str(body.get("rollout"))),
    ]
    for destination in destinations:
        adapter = destination.get("adapter") or {}
        shown = next(
            (adapter[name] for name in ("url", "host", "endpoint", "address") if name in adapter), "no endpoint"
        )
        keys = len(destination.get("keys", ()))
        fields.append((str(destination.get("id")), f"{shown}, {keys} keys"))
    return fields


_SHOWN = ("step", "generation", "attempt", "destination", "reason", "documents", "bytes", "source_topic", "delivery_id")


def _plain(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    fields = [(name, str(body[name])) for name in _SHOWN if body.get(name) not in (None, 0, "")]
    candidates = body.get("candidates")
    if candidates:
        fields.append(("candidates", ", ".join(candidates)))
    return fields + _manifest(body.get("manifest"))


def readable(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]], timestamp_ms: int) -> Line:
    """The line for one record; never raises, whatever the bytes are."""
    at = datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    shown_key = (key or b"").decode("utf-8", "replace")
    if value is None:
        return Line(at, shown_key, "tombstone", ())
    names = {name: content.decode("utf-8", "replace") for name, content in headers}
    body = _body(value)
    if names.get("content-type") == "application/jose":
        return Line(at, shown_key, "signed entry", tuple(_directory(body)))
    if not body:
        return Line(at, shown_key, "unreadable", (("bytes", str(len(value))),))
    what = names.get("ce_type", "?").removeprefix(_PREFIX)
    return Line(at, shown_key, what, tuple(_plain(body)))
