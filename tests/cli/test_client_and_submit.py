"""`client add` and `submit FOLDER`, as an operator and a portal builder use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.client import app as client_app
from cli.submit import Place, Refused, read_documents, send_folder
from services.intake.clients import hash_secret, read_clients
from tests.services.intake.world import OTHER, OTHER_SECRET, PDF, PORTAL, SECRET, World, make_application

NOWHERE = Place(unresolved=False, send_anyway=False)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(client_app, arguments)
    return result.exit_code, result.output


def test_a_secret_is_shown_once_and_stored_as_a_hash(tmp_path: Path) -> None:
    file = tmp_path / "clients.json"
    code, output = run("add", "portal-x", "--file", str(file), "--name", "Portal X", "--json")
    assert code == 0
    shown = json.loads(output)
    assert shown["client_id"] == "portal-x"
    assert len(shown["client_secret"]) == 43
    assert shown["client_secret"] not in file.read_text()
    assert read_clients(file).clients["portal-x"].secret_sha256 == hash_secret(shown["client_secret"])
    assert file.stat().st_mode & 0o077 == 0
    code, output = run("list", "--file", str(file))
    assert code == 0
    assert "portal-x" in output
    assert shown["client_secret"] not in output

    assert run("add", "portal-x", "--file", str(file))[0] == 2
    code, output = run("add", "portal-x", "--file", str(file), "--renew")
    assert code == 0
    assert read_clients(file).clients["portal-x"].secret_sha256 != hash_secret(shown["client_secret"])
    assert run("disable", "portal-x", "--file", str(file))[0] == 0
    assert read_clients(file).clients["portal-x"].disabled
    assert run("disable", "portal-y", "--file", str(file))[0] == 2
    assert run("add", "Not An Id", "--file", str(file))[0] == 2


def write_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "application.json").write_text(json.dumps(make_application()))
    (folder / "1 Bescheid.pdf").write_bytes(PDF)
    (folder / "2 Vertrag.PDF").write_bytes(PDF * 50)
    return folder


async def test_a_folder_is_sent_once_however_often(tmp_path: Path) -> None:
    world, folder = World(tmp_path), write_folder(tmp_path / "folder")
    async with world.replica() as replica:
        url = f"http://127.0.0.1:{replica.client.port}"
        first = await send_folder(folder, url, PORTAL, SECRET, NOWHERE)
        assert (first["documents"], first["jobcenter"]) == (2, "landkreis-osnabrueck")
        assert await send_folder(folder, url, PORTAL, SECRET, NOWHERE) == first
        assert len(world.kafka.received(first["submission_id"])) == 1
        assert (await send_folder(folder, url, OTHER, OTHER_SECRET, NOWHERE)) != first
        with pytest.raises(Refused, match="401"):
            await send_folder(folder, url, PORTAL, "wrong", NOWHERE)


async def test_a_run_that_stopped_half_way_is_taken_up(tmp_path: Path) -> None:
    world, folder = World(tmp_path), write_folder(tmp_path / "folder")
    async with world.replica() as replica:
        url = f"http://127.0.0.1:{replica.client.port}"
        world.kafka.silent = False
        uploads = 0

        def fail_second(what: str, key: str) -> None:
            nonlocal uploads
            uploads += what == "put_stream" and "/parts/" in key
            if uploads == 3:
                raise RuntimeError("the line went dead")

        world.store.before = fail_second
        with pytest.raises(Refused, match="500"):
            await send_folder(folder, url, PORTAL, SECRET, NOWHERE)
        world.store.before = lambda _what, _key: None
        receipt = await send_folder(folder, url, PORTAL, SECRET, NOWHERE)
        assert receipt["documents"] == 2


async def test_refusals_name_the_ways_out(tmp_path: Path) -> None:
    world, folder = World(tmp_path), tmp_path / "folder"
    folder.mkdir()
    (folder / "application.json").write_text(json.dumps(make_application("10115")))
    async with world.replica() as replica:
        url = f"http://127.0.0.1:{replica.client.port}"
        with pytest.raises(Refused, match=r"joint-jobcenter[\s\S]*jobcenter\.digital"):
            await send_folder(folder, url, PORTAL, SECRET, NOWHERE)
        receipt = await send_folder(folder, url, PORTAL, SECRET, Place(unresolved=False, send_anyway=True))
        assert receipt["jobcenter"] is None


def test_a_folder_with_something_else(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder")
    assert [document.path.name for document in read_documents(folder)] == ["1 Bescheid.pdf", "2 Vertrag.PDF"]
    (folder / "notes.docx").write_bytes(b"PK")
    with pytest.raises(Refused):
        read_documents(folder)
