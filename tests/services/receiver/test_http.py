"""Deliveries over real HTTP with real keys: what is accepted, rejected with a signature, and refused without one."""

from __future__ import annotations

import asyncio
import json
import stat
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.receiver.settings import Limits
from shared.contracts.answer import Verdict
from tests import keys
from tests.services.receiver.support import (
    NOW,
    PDF,
    PNG,
    SCHEMA_URI,
    Attachment,
    Package,
    Running,
    body_of,
    follow_up,
    make_package,
    make_settings,
    resealed,
)


async def test_a_delivery_is_opened_handed_over_and_accepted(receiver: Running) -> None:
    pdf, png = Attachment(), Attachment(PNG, "../../Ausweis.png", "image/png")
    application = {
        "person": {"family_name": "Žižek-Müßig"},
        "evidence": [{"evidence_code": "E-BANK", "person_ref": "p1", "document": str(pdf.id)}],
    }
    package = make_package([pdf, png], application=application)

    received = await receiver.platform.push(package)

    answer = received.answer(package)
    assert received.headers["Content-Type"] == "application/jose"
    assert answer.verdict is Verdict.ACCEPT
    assert answer.tags == {part.id: part.tag for part in package.manifest.parts}
    folder = receiver.folder(package)
    assert json.loads((folder / "application.json").read_bytes()) == application
    assert (folder / "manifest.jws").read_text() == package.token
    assert sorted(path.name for path in (folder / "documents").iterdir()) == [
        "001_Kontoauszug_März.pdf",
        "002_Ausweis.png",
    ]
    assert (folder / "documents" / "001_Kontoauszug_März.pdf").read_bytes() == PDF
    assert (folder / "documents" / "002_Ausweis.png").read_bytes() == PNG
    assert receiver.leftovers() == []


async def test_the_index_says_what_the_specialist_system_needs(receiver: Running) -> None:
    pdf = Attachment()
    evidence = {"evidence_code": "E-BANK", "person_ref": "p1", "question_id": "assets.accounts"}
    package = make_package([pdf], application={"evidence": [evidence | {"document": str(pdf.id)}]})

    await receiver.platform.push(package)

    index = receiver.index(package)
    document = index["documents"][0]
    assert index["format"] == 1
    assert index["submission_id"] == str(package.manifest.submission_id)
    assert index["received_at"] == "2026-11-22T12:00:00.000Z"
    assert index["kind"] == "application"
    assert (index["destination"], index["jobcenter"]) == ("jobcenter-a", "jobcenter-a")
    assert (index["service"], index["schema"]) == ("sgb2-hauptantrag", SCHEMA_URI)
    assert (index["follows"], index["followed_by"]) == (None, [])
    assert (receiver.folder(package) / document["file"]).read_bytes() == PDF
    assert document["original_name"] == "Kontoauszug März.pdf"
    assert (document["media_type"], document["size"]) == ("application/pdf", len(PDF))
    assert document["evidence"] == [evidence]


async def test_files_are_readable_by_owner_and_group_alone(receiver: Running) -> None:
    package = make_package([Attachment()])
    await receiver.platform.push(package)
    paths = [receiver.folder(package), *receiver.folder(package).rglob("*")]
    modes = {path.relative_to(receiver.handover).name: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert {mode for name, mode in modes.items() if "." in name} == {0o640}
    assert {mode for name, mode in modes.items() if "." not in name} == {0o750}


async def test_the_answer_is_in_the_journal_before_it_is_sent(receiver: Running, tmp_path: Path) -> None:
    import sqlite3

    package = make_package()
    received = await receiver.platform.push(package)
    database = sqlite3.connect(tmp_path / "journal.sqlite3")
    try:
        kept = database.execute("SELECT answer, verdict FROM answers").fetchall()
    finally:
        database.close()
    assert kept == [(received.body.decode(), "accept")]


async def test_one_process_receives_for_several_destinations(receiver: Running) -> None:
    package = make_package(letter="b")
    answer = (await receiver.platform.push(package, letter="b")).answer(package, "b")
    assert answer.iss == "jobcenter-b"
    assert receiver.folders() == []


async def test_an_application_that_was_accepted_is_never_handed_over_again(receiver: Running) -> None:
    package = make_package([Attachment()])
    first = (await receiver.platform.push(package)).answer(package)
    before = receiver.folder(package).stat().st_ino, (receiver.folder(package) / "index.json").read_bytes()
    receiver.clock.now = NOW + timedelta(hours=1)

    second = await receiver.platform.push(package, at=receiver.clock.now)

    again = second.answer(package, at=receiver.clock.now)
    assert (again.verdict, again.tags) == (Verdict.ACCEPT, first.tags)
    assert (again.jti, again.iat) != (first.jti, first.iat)
    assert before == (receiver.folder(package).stat().st_ino, (receiver.folder(package) / "index.json").read_bytes())


async def test_what_the_specialist_system_took_away_does_not_come_back(receiver: Running) -> None:
    package = make_package()
    await receiver.platform.push(package)
    receiver.folder(package).rename(receiver.handover.parent / "taken")
    received = await receiver.platform.push(package)
    assert received.answer(package).verdict is Verdict.ACCEPT
    assert receiver.folders() == []


async def test_a_resealed_generation_is_accepted_over_its_own_tags(receiver: Running) -> None:
    document = Attachment()
    first = make_package([document])
    await receiver.platform.push(first)
    second = resealed(first, [document])

    answer = (await receiver.platform.push(second)).answer(second)

    assert answer.verdict is Verdict.ACCEPT
    assert answer.tags == {part.id: part.tag for part in second.manifest.parts}
    assert receiver.index(first)["generation"] == 0


async def test_other_content_under_an_accepted_submission_id_is_rejected(receiver: Running) -> None:
    first = make_package([Attachment()])
    await receiver.platform.push(first)
    second = resealed(first, [Attachment(PDF + b"more")])
    assert (await receiver.platform.push(second)).codes(second) == ["manifest-invalid"]
    assert receiver.index(first)["generation"] == 0


async def test_a_later_delivery_of_an_accepted_submission_is_verified_in_full(receiver: Running) -> None:
    package = make_package([Attachment()])
    await receiver.platform.push(package)
    altered = package.with_parts([*package.parts[:2], (package.parts[2][0], package.parts[2][1][:-1] + b"_")])
    assert (await receiver.platform.push(altered)).codes(package) == ["part-altered"]


async def test_a_reject_is_not_remembered(receiver: Running) -> None:
    package = make_package([Attachment()])
    missing = package.with_parts(package.parts[:2])
    assert (await receiver.platform.push(missing)).codes(package) == ["part-missing"]
    assert (await receiver.platform.push(package)).answer(package).verdict is Verdict.ACCEPT


async def test_duplicates_at_the_same_time_make_one_folder(receiver: Running) -> None:
    package = make_package([Attachment()])
    received = await asyncio.gather(*(receiver.platform.push(package) for _ in range(8)))
    assert {item.answer(package).verdict for item in received} == {Verdict.ACCEPT}
    assert len({item.answer(package).jti for item in received}) == 8
    assert receiver.folders() == [str(package.manifest.submission_id)]
    assert receiver.leftovers() == []


async def test_many_submissions_at_the_same_time(receiver: Running) -> None:
    packages = [make_package([Attachment()]) for _ in range(12)]
    received = await asyncio.gather(*(receiver.platform.push(package) for package in packages))
    for package, item in zip(packages, received, strict=True):
        assert item.answer(package).verdict is Verdict.ACCEPT
    assert receiver.folders() == sorted(str(package.manifest.submission_id) for package in packages)


class TestLinks:
    async def test_a_follow_up_names_the_earlier_submission(self, receiver: Running) -> None:
        first = make_package()
        await receiver.platform.push(first)
        later = follow_up(first.manifest.submission_id)
        await receiver.platform.push(later)
        expected = {"submission_id": str(first.manifest.submission_id), "arrived": True}
        assert receiver.index(later)["follows"] == expected
        assert receiver.index(later)["kind"] == "supplement"

    async def test_a_follow_up_may_arrive_first(self, receiver: Running) -> None:
        first = make_package()
        later = follow_up(first.manifest.submission_id)
        await receiver.platform.push(later)
        await receiver.platform.push(first)
        assert receiver.index(later)["follows"]["arrived"] is False
        assert receiver.index(first)["followed_by"] == [str(later.manifest.submission_id)]

    async def test_whichever_is_later_names_the_other(self, receiver: Running) -> None:
        for _ in range(5):
            first = make_package()
            later = follow_up(first.manifest.submission_id)
            await asyncio.gather(receiver.platform.push(first), receiver.platform.push(later))
            named = bool(receiver.index(first)["followed_by"])
            assert receiver.index(later)["follows"]["arrived"] is not named


class TestSignedRejects:
    async def test_wrong_destination(self, receiver: Running) -> None:
        package = make_package(letter="b")
        headers = receiver.platform.signed_headers(package, letter="a")
        received = await receiver.platform.push(package, letter="a", headers=headers)
        assert received.status == 200
        claims = _claims(received.body)
        assert (claims["iss"], claims["verdict"]) == ("jobcenter-a", "reject")
        assert [item["code"] for item in claims["problems"]] == ["wrong-destination"]
        assert receiver.folders() == []

    async def test_a_forged_manifest(self, receiver: Running) -> None:
        package = make_package(receipt="push")
        assert (await receiver.platform.push(package)).codes(package) == ["manifest-invalid"]

    async def test_a_delivery_id_of_another_submission(self, receiver: Running) -> None:
        package, other = make_package(), make_package()
        headers = receiver.platform.signed_headers(other)
        headers = receiver.platform.signed_headers(
            Package(package.token, other.manifest, package.parts), **{"Parts-Digest": _digest(package)}
        )
        assert headers["Delivery-Id"] == str(other.delivery_id)
        received = await receiver.platform.send(
            f"/jobcenter-a/v1/deliveries/{other.delivery_id}", headers, body_of(package)
        )
        assert [item["code"] for item in _claims(received.body)["problems"]] == ["manifest-invalid"]

    async def test_parts_swapped_between_submissions(self, receiver: Running) -> None:
        package, other = make_package([Attachment()]), make_package([Attachment()])
        name = package.parts[2][0]
        swapped = package.with_parts([*package.parts[:2], (name, other.parts[2][1])])
        assert (await receiver.platform.push(swapped)).codes(package) == ["part-altered"]
        assert receiver.folders() == []

    async def test_parts_swapped_within_a_submission(self, receiver: Running) -> None:
        package = make_package([Attachment(), Attachment()])
        (name_a, jwe_a), (name_b, jwe_b) = package.parts[2:]
        swapped = package.with_parts([*package.parts[:2], (name_a, jwe_b), (name_b, jwe_a)])
        assert (await receiver.platform.push(swapped)).codes(package) == ["part-altered", "part-altered"]

    async def test_a_missing_part(self, receiver: Running) -> None:
        package = make_package([Attachment(), Attachment()])
        answer = (await receiver.platform.push(package.with_parts(package.parts[:3]))).answer(package)
        assert [(item.code, item.part) for item in answer.problems] == [("part-missing", package.manifest.parts[3].id)]

    async def test_an_extra_part(self, receiver: Running) -> None:
        package, other = make_package(), make_package([Attachment()])
        extra = package.with_parts([*package.parts, other.parts[2]])
        assert (await receiver.platform.push(extra)).codes(package) == ["part-extra"]

    async def test_a_part_sent_twice(self, receiver: Running) -> None:
        package = make_package([Attachment()])
        twice = package.with_parts([*package.parts, package.parts[2]])
        assert (await receiver.platform.push(twice)).codes(package) == ["part-extra"]

    @pytest.mark.parametrize("place", ["header", "key", "text", "tag", "longer", "shorter"])
    async def test_an_altered_part(self, receiver: Running, place: str) -> None:
        package = make_package([Attachment()])
        name, jwe = package.parts[2]
        altered = _alter(jwe, place)
        received = await receiver.platform.push(package.with_parts([*package.parts[:2], (name, altered)]))
        assert received.codes(package) == ["part-altered"]
        assert receiver.leftovers() == []

    async def test_a_part_that_no_key_opens(self, receiver: Running) -> None:
        document = Attachment()
        package = make_package([document])
        # Sealed for somebody else, but declared under our kid by the manifest and the header.
        foreign = make_package([document], letter="b")
        name, jwe = foreign.parts[2]
        head, *rest = package.parts[2][1].split(b".")
        forged = b".".join([head, *jwe.split(b".")[1:]])
        resigned = _with_part(package, forged)
        assert rest
        assert (await receiver.platform.push(resigned)).codes(resigned) == ["part-unopenable"]
        assert name == package.parts[2][0]

    async def test_a_document_that_is_not_what_the_metadata_says(self, receiver: Running) -> None:
        wrong_hash = Attachment(metadata={"hash": {"type": "sha512", "content": "0" * 128}})
        package = make_package([wrong_hash])
        assert (await receiver.platform.push(package)).codes(package) == ["metadata-mismatch"]
        disguised = make_package([Attachment(b"MZ\x90\x00" * 20)])
        assert (await receiver.platform.push(disguised)).codes(disguised) == ["metadata-mismatch"]
        other_cty = make_package([Attachment(cty="image/png")])
        assert (await receiver.platform.push(other_cty)).codes(other_cty) == ["metadata-mismatch"]
        assert receiver.folders() == []

    async def test_an_unknown_metadata_version(self, receiver: Running) -> None:
        from shared.contracts.canonical import canonical_json
        from tests.services.receiver.support import make_metadata

        data = canonical_json({})
        metadata = make_metadata(data, [], **{"$schema": "https://schema.fitko.de/fit-connect/metadata/9.0.0/x"})
        package = make_package(application={}, metadata=canonical_json(metadata))
        assert (await receiver.platform.push(package)).codes(package) == ["schema-unsupported"]

    async def test_no_reject_quotes_what_was_opened(self, receiver: Running) -> None:
        package = make_package(metadata=b'{"$schema": "KANARIE", "contentStructure": "KANARIE"}')
        received = await receiver.platform.push(package)
        assert received.codes(package) == ["metadata-mismatch"]
        assert b"KANARIE" not in json.dumps(_claims(received.body)).encode()


class TestConfiguredRejects:
    async def test_a_municipality_that_is_not_in_the_list(self, tmp_path: Path) -> None:
        async with Running(make_settings(tmp_path, municipality_keys=("06438001",))) as receiver:
            elsewhere, here = make_package(), make_package(municipality_key="06438001")
            assert (await receiver.platform.push(elsewhere)).codes(elsewhere) == ["not-responsible"]
            assert (await receiver.platform.push(here)).answer(here).verdict is Verdict.ACCEPT
            unknown = make_package(municipality_key=None)
            assert (await receiver.platform.push(unknown)).answer(unknown).verdict is Verdict.ACCEPT

    async def test_a_form_version_that_is_not_in_the_list(self, tmp_path: Path) -> None:
        async with Running(make_settings(tmp_path, schema_uris=("https://forms.example/other",))) as receiver:
            package = make_package()
            assert (await receiver.platform.push(package)).codes(package) == ["schema-unsupported"]

    async def test_another_media_type_that_is_in_the_list(self, tmp_path: Path) -> None:
        text = Attachment(b"hello", "hello.txt", "text/plain")
        async with Running(make_settings(tmp_path, other_media_types=("text/plain",))) as receiver:
            package = make_package([text])
            assert (await receiver.platform.push(package)).answer(package).verdict is Verdict.ACCEPT
            assert receiver.index(package)["documents"][0]["file"] == "documents/001_dokument.bin"


class TestUnsignedRefusals:
    """None of these may ever settle a submission."""

    async def test_a_forged_signature(self, receiver: Running) -> None:
        package = make_package()
        headers = receiver.platform.signed_headers(package, push="receipt")
        received = await receiver.platform.push(package, headers=headers)
        assert (received.status, received.code) == (401, "push-signature")
        assert receiver.folders() == []

    async def test_no_signature(self, receiver: Running) -> None:
        package = make_package()
        headers = receiver.platform.signed_headers(package)
        del headers["Signature"]
        assert (await receiver.platform.push(package, headers=headers)).status == 401

    @pytest.mark.parametrize("age", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)])
    async def test_a_signature_that_is_too_old_or_from_the_future(self, receiver: Running, age: timedelta) -> None:
        package = make_package()
        headers = receiver.platform.signed_headers(package, at=NOW - age)
        assert (await receiver.platform.push(package, headers=headers)).status == 401

    async def test_a_replayed_push(self, receiver: Running) -> None:
        package = make_package()
        headers = receiver.platform.signed_headers(package)
        await receiver.platform.push(package, headers=headers)
        receiver.clock.now = NOW + timedelta(minutes=4)
        within = await receiver.platform.push(package, headers=headers)
        receiver.clock.now = NOW + timedelta(minutes=6)
        after = await receiver.platform.push(package, headers=headers)
        assert within.answer(package).verdict is Verdict.ACCEPT
        assert after.status == 401
        assert len(receiver.folders()) == 1

    async def test_a_push_for_another_body(self, receiver: Running) -> None:
        package, other = make_package(), make_package()
        headers = receiver.platform.signed_headers(package)
        received = await receiver.platform.push(package, headers=headers, body=body_of(other))
        assert (received.status, received.code) == (401, "parts-digest")

    async def test_a_push_for_another_receiver(self, receiver: Running) -> None:
        package = make_package()
        headers = receiver.platform.signed_headers(package, letter="b")
        assert (await receiver.platform.push(package, letter="a", headers=headers)).status == 401

    async def test_an_unknown_destination(self, receiver: Running) -> None:
        received = await receiver.platform.send(f"/jobcenter-x/v1/deliveries/{uuid4()}", {}, b"")
        assert received.status == 404

    @pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
    async def test_a_body_cut_off_anywhere(self, receiver: Running) -> None:
        package = make_package([Attachment()])
        body = body_of(package)
        headers = receiver.platform.signed_headers(package)
        for length in {0, 1, 40, *range(100, len(body), 611), len(body) - 60, len(body) - 8}:
            received = await receiver.platform.push(package, headers=headers, body=body[:length])
            assert received.status == 400, length
        assert receiver.folders() == []
        assert receiver.leftovers() == []

    async def test_a_manifest_that_does_not_come_first(self, receiver: Running) -> None:
        package = make_package()
        received = await receiver.platform.push(package, body=body_of(package, manifest_first=False))
        assert (received.status, received.code) == (400, "manifest-first")

    async def test_a_body_that_is_no_multipart(self, receiver: Running) -> None:
        package = make_package()
        headers = receiver.platform.signed_headers(package, **{"Content-Type": "application/json"})
        assert (await receiver.platform.push(package, headers=headers, body=b"{}")).status == 400

    async def test_a_manifest_that_is_none(self, receiver: Running) -> None:
        package = make_package()
        nonsense = body_of(package).replace(package.token.encode(), b"nonsense")
        assert (await receiver.platform.push(package, body=nonsense)).code == "manifest-unreadable"

    @pytest.mark.parametrize(
        "limits", [{"max_manifest_bytes": 100}, {"max_parts": 2}, {"max_delivery_bytes": 100}, {"max_inline_bytes": 99}]
    )
    async def test_more_than_the_limits(self, tmp_path: Path, limits: dict[str, int]) -> None:
        async with Running(make_settings(tmp_path, limits=Limits(min_free_bytes=0, **limits))) as receiver:
            package = make_package([Attachment()])
            assert (await receiver.platform.push(package)).status == 413

    async def test_a_key_that_is_not_configured_asks_to_come_back(self, tmp_path: Path) -> None:
        settings = make_settings(tmp_path, encryption_key_files=(keys.path("b-encrypt"),))
        async with Running(settings) as receiver:
            received = await receiver.platform.push(make_package())
            assert (received.status, received.code) == (503, "key-not-configured")
            assert received.headers["Retry-After"] == "60"

    async def test_a_full_disk_asks_to_come_back(self, tmp_path: Path) -> None:
        async with Running(make_settings(tmp_path, limits=Limits(min_free_bytes=2**60))) as receiver:
            received = await receiver.platform.push(make_package())
            assert (received.status, received.code) == (503, "disk-full")
            assert await receiver.platform.probe() == 503
            assert (await receiver.platform.get("/health/ready")).status == 503


class TestOwnFailures:
    async def test_a_disk_that_fails_while_writing(self, receiver: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        package = make_package([Attachment()])

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("services.receiver.disk.write_all", full)
            received = await receiver.platform.push(package)
        assert (received.status, received.code) == (503, "storage")
        assert receiver.folders() == []
        assert receiver.leftovers() == []
        assert (await receiver.platform.push(package)).answer(package).verdict is Verdict.ACCEPT

    async def test_a_rename_that_fails(self, receiver: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        package = make_package([Attachment()])

        def failing(*_: object) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr("services.receiver.handover.os.rename", failing)
            assert (await receiver.platform.push(package)).status == 503
        assert (await receiver.platform.push(package)).answer(package).verdict is Verdict.ACCEPT
        assert receiver.folders() == [str(package.manifest.submission_id)]
        assert receiver.leftovers() == []

    async def test_a_sync_that_fails_after_the_rename(self, receiver: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        from services.receiver import disk

        package = make_package([Attachment()])
        real = disk.fsync_directory

        def failing(folder: Path) -> None:
            if folder == receiver.handover:
                raise OSError(5, "Input/output error")
            real(folder)

        with monkeypatch.context() as patch:
            patch.setattr("services.receiver.disk.fsync_directory", failing)
            assert (await receiver.platform.push(package)).status == 503
        receiver.folder(package).rename(receiver.handover.parent / "taken by the specialist system")
        assert (await receiver.platform.push(package)).answer(package).verdict is Verdict.ACCEPT
        assert receiver.folders() == []
        assert receiver.leftovers() == []

    async def test_a_name_that_is_occupied(self, receiver: Running) -> None:
        package = make_package()
        occupied = receiver.folder(package)
        occupied.mkdir()
        (occupied / "application.json").write_text("something else")
        assert (await receiver.platform.push(package)).code == "storage"
        assert (occupied / "application.json").read_text() == "something else"
        assert receiver.leftovers() != []

    async def test_more_at_once_than_the_limit(self, tmp_path: Path) -> None:
        async with Running(make_settings(tmp_path, limits=Limits(min_free_bytes=0, max_concurrent=1))) as receiver:
            first, second = make_package(), make_package()
            begun, rest = asyncio.Event(), asyncio.Event()

            async def slowly() -> object:
                body = body_of(first)
                yield body[:100]
                begun.set()
                await rest.wait()
                yield body[100:]

            slow = asyncio.create_task(receiver.platform.push(first, body=slowly()))
            await begun.wait()
            while (await receiver.platform.push(second)).status == 200:
                second = make_package()
            busy = await receiver.platform.push(second)
            rest.set()
            assert (busy.status, busy.code) == (503, "busy")
            assert (await slow).answer(first).verdict is Verdict.ACCEPT

    async def test_a_body_that_falls_silent(self, tmp_path: Path) -> None:
        limits = Limits(min_free_bytes=0, idle_timeout_s=0.05)
        async with Running(make_settings(tmp_path, limits=limits)) as receiver:
            package = make_package()
            never = asyncio.Event()

            async def silent() -> object:
                yield body_of(package)[:500]
                await never.wait()

            received = await receiver.platform.push(package, body=silent())
            assert (received.status, received.code) == (408, "idle")


class TestProbeAndHealth:
    async def test_the_probe(self, receiver: Running) -> None:
        assert await receiver.platform.probe() == 204
        assert await receiver.platform.probe(push="receipt") == 401
        assert await receiver.platform.probe(at=NOW - timedelta(minutes=6)) == 401

    async def test_health(self, receiver: Running) -> None:
        assert (await receiver.platform.get("/health/live")).status == 200
        assert (await receiver.platform.get("/health/ready")).status == 200


class TestPlatformKeys:
    async def test_a_new_key_set_is_taken_without_a_restart(self, receiver: Running) -> None:
        rotated = keys.platform_entry(version=2)
        without = rotated.model_copy(update={"keys": tuple(key for key in rotated.keys if key.use.value != "push")})
        receiver.settings.platform_file.write_text(keys.signed(without))
        assert (await receiver.platform.push(make_package())).status == 401
        receiver.settings.platform_file.write_text(keys.signed(keys.platform_entry(version=3)))
        package = make_package()
        assert (await receiver.platform.push(package)).answer(package).verdict is Verdict.ACCEPT

    @pytest.mark.parametrize("bad", ["gone", "foreign", "older"])
    async def test_a_bad_key_set_leaves_the_last_good_one(self, receiver: Running, bad: str) -> None:
        from shared.trust.anchor import sign_entry

        file = receiver.settings.platform_file
        file.write_text(keys.signed(keys.platform_entry(version=5)))
        assert await receiver.platform.probe() == 204
        if bad == "gone":
            file.unlink()
        elif bad == "foreign":
            file.write_text(sign_entry(keys.platform_entry(version=9), keys.private_jwk("receipt")))
        else:
            older = keys.platform_entry(version=4)
            file.write_text(keys.signed(older.model_copy(update={"keys": older.keys[:1]})))
        assert await receiver.platform.probe() == 204

    async def test_a_receipt_key_that_is_not_known_yet(self, receiver: Running) -> None:
        entry = keys.platform_entry(version=2)
        without = entry.model_copy(update={"keys": tuple(key for key in entry.keys if key.use.value != "receipt")})
        receiver.settings.platform_file.write_text(keys.signed(without))
        received = await receiver.platform.push(make_package())
        assert (received.status, received.code) == (503, "receipt-key-unknown")


def _claims(token: bytes) -> dict[str, object]:
    from shared.sealing.jwk import unb64u

    claims: dict[str, object] = json.loads(unb64u(token.split(b".")[1]))
    return claims


def _digest(package: Package) -> str:
    from shared.trust.push import parts_digest

    return parts_digest(package.token, package.manifest)


def _alter(jwe: bytes, place: str) -> bytes:
    segments = jwe.split(b".")
    number = {"header": 0, "key": 1, "text": 3, "tag": 4}.get(place)
    if number is None:
        return jwe + b"A" if place == "longer" else jwe[:-1]
    segment = segments[number]
    middle = len(segment) // 2
    segments[number] = (
        segment[:middle] + (b"A" if segment[middle : middle + 1] != b"A" else b"B") + segment[middle + 1 :]
    )
    return b".".join(segments)


def _with_part(package: Package, jwe: bytes) -> Package:
    """The same submission with its last part replaced, and a manifest that is signed for the replacement."""
    import hashlib

    from shared.sealing.jwk import b64u
    from tests.services.receiver.support import sign

    *kept, last = package.manifest.parts
    replaced = last.model_copy(
        update={
            "size": len(jwe),
            "sha256": b64u(hashlib.sha256(jwe).digest()),
            "tag": jwe.rsplit(b".", 1)[1].decode(),
        }
    )
    manifest = package.manifest.model_copy(update={"parts": (*kept, replaced)})
    assert isinstance(last.id, UUID)
    return sign(manifest, [*package.parts[:-1], (str(last.id), jwe)])
