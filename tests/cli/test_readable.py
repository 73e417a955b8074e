"""A line for every record, whatever its bytes are, and never a postcode."""

from __future__ import annotations

import base64
import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import __main__ as command_line
from cli.readable import claims, readable

ID = UUID("3f0c9a52-6e1b-4a43-9a2e-0d8a4c0f5f11")


def token(**members: object) -> str:
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, members, {})
    )


@given(st.binary() | st.none(), st.binary() | st.none(), st.lists(st.tuples(st.text(), st.binary())))
def test_any_bytes_are_a_line(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    assert readable(key, value, headers, 0).at == "1970-01-01T00:00:00.000Z"


def test_event() -> None:
    body = {"submission_id": str(ID), "step": "routed", "generation": 0, "destination": "kreis-offenbach"}
    line = readable(
        str(ID).encode(), json.dumps(body).encode(), [("ce_type", b"de.antragsweiche.submission.routed")], 0
    )
    assert (line.key, line.what) == (str(ID), "submission.routed")
    assert dict(line.fields) == {"step": "routed", "destination": "kreis-offenbach"}


def test_manifest_is_shown_without_its_place() -> None:
    manifest = token(service="sgb2-hauptantrag", postcode="63303", municipality_key="06438002", parts=[{"size": 7}])
    line = readable(b"k", json.dumps({"manifest": manifest}).encode(), [], 0)
    assert dict(line.fields)["parts"] == "1, 7 bytes"
    assert "63303" not in repr(line)
    assert "06438002" not in repr(line)


def test_directory_entry() -> None:
    destination = {"id": "kreis-offenbach", "adapter": {"url": "https://x"}, "keys": [{}, {}]}
    value = token(type="jobcenter", version=3, name="Pro Arbeit", rollout="live", destinations=[destination])
    line = readable(b"kreis-offenbach", value.encode(), [("content-type", b"application/jose")], 0)
    assert line.what == "signed entry"
    assert dict(line.fields)["kreis-offenbach"] == "https://x, 2 keys"


@pytest.mark.parametrize("value", ["", "a.b", "a.!!.c", "...", "a.b.c.d"])
def test_no_token_has_no_claims(value: str) -> None:
    assert claims(value) == {}


@pytest.mark.parametrize("name", sorted(command_line.GROUPS))
def test_every_group_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main([name, "--help"])
    assert ended.value.code == 0
    assert "Usage: antragsweiche" in capsys.readouterr().out
