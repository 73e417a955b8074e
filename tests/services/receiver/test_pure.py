"""Pure parts: names, evidence, content digests, locks, settings, hand-over proofs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.receiver import handover
from services.receiver.checks import Contents, Document, check_presence, content_digest, parse_application
from services.receiver.index import evidence_by_document, file_names, flags_of
from services.receiver.journal import Entry, State
from services.receiver.locks import KeyedLocks
from services.receiver.settings import load
from shared.errors import Misconfigured
from tests.services.receiver.support import Attachment, make_package

MEDIA_TYPES = st.sampled_from(["application/pdf", "image/jpeg", "image/png", "text/plain"])
NASTY = st.sampled_from(
    [
        "../../etc/passwd",
        "..\\..\\x",
        "/abs",
        "a\x00b",
        "CON",
        "-rf",
        ".hidden",
        "",
        "a" * 400,
        "\u202egpj.exe",
        "ä\u0308",
    ]
)


def document(name: str | None = "x.pdf", media_type: str = "application/pdf", sha512: str = "00" * 64) -> Document:
    return Document(uuid4(), name, "attachment", media_type, 1, sha512)


@given(st.lists(st.tuples(st.none() | NASTY | st.text(max_size=60), MEDIA_TYPES), max_size=8))
def test_file_names_are_distinct_and_stay_in_the_folder(given: list[tuple[str | None, str]]) -> None:
    names = file_names([document(name, media_type) for name, media_type in given])
    folder = Path("/handover/documents")
    assert len({name.casefold() for name in names}) == len(given)
    for number, name in enumerate(names, start=1):
        assert (folder / name).resolve().parent == folder
        assert name.startswith(f"{number:03d}_")
        assert "\x00" not in name
        assert len(name.encode()) <= 255


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["evidence", "document", "flags", "flag", "x"]), inner)
        ),
        max_leaves=12,
    )
)
def test_evidence_and_flags_of_any_application_are_read_without_complaint(application: Any) -> None:
    found = evidence_by_document(application if isinstance(application, dict) else {"evidence": application})
    assert all(isinstance(key, UUID) for key in found)
    flags = flags_of(application if isinstance(application, dict) else {"flags": application})
    assert all(flag.isascii() for flag in flags)


def test_flags_stand_in_the_index_once_each() -> None:
    urgent = {"flag": "urgent", "person_ref": "applicant"}
    assert flags_of({"flags": [urgent, {"flag": "do_not_contact"}, urgent, {"flag": "<b>"}, 7]}) == [
        "do_not_contact",
        "urgent",
    ]
    assert flags_of({}) == []


def test_one_document_may_be_several_evidences() -> None:
    one = uuid4()
    found = evidence_by_document(
        {
            "evidence": [
                {"evidence_code": "E-RENT", "class": "normal", "document": str(one), "secret": "x"},
                {"evidence_code": "E-BANK", "document": str(one)},
                {"evidence_code": "E-ID", "state": "will_follow"},
                {"evidence_code": "E-ID", "document": "no uuid"},
            ]
        }
    )
    assert found == {one: [{"evidence_code": "E-RENT", "class": "normal"}, {"evidence_code": "E-BANK"}]}


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"1", b"nonsense", b'{"a": NaN}', b'{"a":1,"a":2}', b"\xff", b"[" * 99_999]
)
def test_what_is_no_application(data: bytes) -> None:
    assert parse_application(data) is None


@given(st.lists(st.sampled_from(["aa" * 64, "bb" * 64, "cc" * 64]), max_size=4), st.randoms())
def test_the_content_digest_depends_on_what_was_said_alone(hashes: list[str], random: Any) -> None:
    documents = [document(sha512=value) for value in hashes]
    shuffled = random.sample(documents, len(documents))
    contents = [Contents(b"{}", "dd" * 64, "urn:x", tuple(items)) for items in (documents, shuffled)]
    assert content_digest(contents[0]) == content_digest(contents[1])
    more = Contents(b"{}", "dd" * 64, "urn:x", (*documents, document(sha512="ee" * 64)))
    assert content_digest(more) != content_digest(contents[0])


@given(st.lists(st.integers(0, 5), max_size=10))
def test_presence_names_each_part_that_is_missing_extra_or_double(sent: list[int]) -> None:
    known = [str(part.id) for part in PACKAGE.manifest.parts]
    names = [known[number] if number < len(known) else f"unknown-{number}" for number in sent]
    found = check_presence(PACKAGE.manifest, names)
    missing = {str(item.part) for item in found if item.code == "part-missing"}
    double = {str(item.part) for item in found if item.code == "part-extra" and item.part}
    unknown = any(item.code == "part-extra" and item.part is None for item in found)
    assert missing == set(known) - set(names)
    assert double == {name for name in known if names.count(name) > 1}
    assert unknown == any(name not in known for name in names)


PACKAGE = make_package([Attachment(), Attachment()])


async def test_a_lock_is_held_by_one_at_a_time_and_forgotten_afterwards() -> None:
    locks, inside, most = KeyedLocks(), 0, 0

    async def work(key: str) -> None:
        nonlocal inside, most
        async with locks.hold(key):
            inside += key == "a"
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= key == "a"

    await asyncio.gather(*(work(key) for key in "aabababaab"))
    assert most == 1
    assert len(locks) == 0


async def test_a_waiter_that_gives_up_leaves_nothing_behind() -> None:
    locks = KeyedLocks()
    async with locks.hold("a"):
        waiter = asyncio.create_task(locks.hold("a").__aenter__())
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    assert len(locks) == 0


class TestHandOverProof:
    def entry(self, workshop: handover.Workshop) -> Entry:
        return Entry("jc", uuid4(), State.WRITING, uuid4(), 0, "", None, workshop.name)

    def test_a_workshop_with_its_folder_was_not_handed_over(self, tmp_path: Path) -> None:
        handover.prepare(tmp_path)
        workshop = handover.open_workshop(tmp_path, uuid4())
        workshop.folder.mkdir()
        assert not handover.was_handed_over(tmp_path, self.entry(workshop))

    def test_a_workshop_without_its_folder_was(self, tmp_path: Path) -> None:
        handover.prepare(tmp_path)
        workshop = handover.open_workshop(tmp_path, uuid4())
        assert handover.was_handed_over(tmp_path, self.entry(workshop))

    def test_without_any_workshop_nothing_is_proven(self, tmp_path: Path) -> None:
        handover.prepare(tmp_path)
        assert not handover.was_handed_over(tmp_path, self.entry(handover.Workshop(tmp_path, "gone.part")))

    def test_purging_takes_workshops_alone(self, tmp_path: Path) -> None:
        handover.prepare(tmp_path)
        handover.open_workshop(tmp_path, uuid4())
        (tmp_path / str(uuid4())).mkdir()
        assert handover.purge(tmp_path) == 1
        assert len(list(tmp_path.iterdir())) == 2


class TestSettings:
    def configuration(self) -> dict[str, Any]:
        destination = {"encryption_key_files": ["e.jwk"], "signing_key_file": "v.jwk"}
        return {
            "public_url": "https://annahme.example",
            "anchor_file": "anchor.jwk",
            "platform_file": "/etc/platform.jws",
            "journal_file": "journal",
            "destinations": [destination | {"id": "jc", "handover_folder": "out"}],
        }

    def write(self, folder: Path, configuration: dict[str, Any]) -> Path:
        file = folder / "receiver.json"
        file.write_text(json.dumps(configuration))
        return file

    def test_relative_paths_are_relative_to_the_file(self, tmp_path: Path) -> None:
        settings = load(self.write(tmp_path, self.configuration()))
        assert settings.destinations[0].encryption_key_files == (tmp_path / "e.jwk",)
        assert settings.anchor_file == tmp_path / "anchor.jwk"
        assert settings.platform_file == Path("/etc/platform.jws")

    @pytest.mark.parametrize("same", ["id", "handover_folder"])
    def test_two_destinations_share_nothing(self, tmp_path: Path, same: str) -> None:
        configuration = self.configuration()
        first = configuration["destinations"][0]
        other = first | {"id": "other", "handover_folder": "other"} | {same: first[same]}
        configuration["destinations"].append(other)
        with pytest.raises(Misconfigured, match="two destinations"):
            load(self.write(tmp_path, configuration))

    @pytest.mark.parametrize("url", ["annahme.example", "https://annahme.example/", "https://a.example?x=1"])
    def test_the_public_url_is_a_plain_base(self, tmp_path: Path, url: str) -> None:
        with pytest.raises(Misconfigured, match="public_url"):
            load(self.write(tmp_path, self.configuration() | {"public_url": url}))
