"""The samples are the issue's list, valid, real files, and recognisable by their canaries."""

from __future__ import annotations

import io
import json
import re
import tracemalloc
import zlib
from uuid import uuid4

import pytest
from PIL import Image

from devtools.documents import CHUNK_BYTES, SampleDocument, large_pdf, pdf
from devtools.samples import CANARIES, LARGE_BYTES, SAMPLES, Sample, sample
from shared import form
from shared.contracts.manifest import Kind
from shared.form.media import JPEG, PDF, PNG, sniff
from tests.shared.form.test_media import HEIC

EVERY = pytest.mark.parametrize("one", SAMPLES, ids=lambda one: one.name)


def document(media_type: str, seed: int = 1, size: int = 0) -> SampleDocument:
    return SampleDocument("a", media_type, seed, "Kanarie", "E-ID", "applicant.family_name", target_bytes=size)


def test_the_list_is_what_the_issue_asks_for() -> None:
    expected = {(one.postcode, one.municipality_key, one.expected) for one in SAMPLES}
    assert {
        ("63303", None, "acknowledged"),
        ("49124", None, "acknowledged"),
        ("27283", None, "acknowledged"),
        ("31655", None, "acknowledged"),
        ("59969", "05958020", "acknowledged"),
        ("06632", "15084135", "acknowledged"),
        ("06632", None, "problem"),
        ("06632", None, "clearing"),
        ("10115", None, "referred"),
        ("10115", None, "clearing"),
        ("10898", None, "problem"),
        ("10898", "06438002", "acknowledged"),
        ("63450", None, "referred"),
    } <= expected
    assert len(SAMPLES) >= 14
    assert sum(one.options.complete_twice for one in SAMPLES) == 1
    assert max(entry.target_bytes for one in SAMPLES for entry in one.documents) == LARGE_BYTES
    assert {len(one.documents) for one in SAMPLES} >= {0, 1, 2, 6}


def test_options_fit_what_is_expected() -> None:
    for one in SAMPLES:
        refused = one.expected in ("problem", "referred")
        assert refused is (one.options.problem_status is not None)
        assert (one.expected == "clearing") is (one.options.unresolved or one.options.send_anyway)


def test_a_follow_up_stands_after_what_it_follows() -> None:
    names = [one.name for one in SAMPLES]
    assert len(set(names)) == len(names)
    follow_ups = [one for one in SAMPLES if one.options.follows is not None]
    assert [one.options.kind for one in follow_ups] == [Kind.SUPPLEMENT]
    for one in follow_ups:
        assert names.index(str(one.options.follows)) < names.index(one.name)
    assert sample("dreieich") is SAMPLES[0]
    with pytest.raises(KeyError):
        sample("nowhere")


@EVERY
def test_it_fulfils_the_form_and_routes_as_it_says(one: Sample) -> None:
    application = one.completed_with([uuid4() for _ in one.documents])
    assert form.validate(application, one.service, one.options.kind) == []
    if one.options.kind is Kind.APPLICATION:
        assert form.routing_answers(application) == (one.postcode, one.municipality_key)
    assert len(form.documents_named(application)) == len(one.documents)
    assert form.documents_named(one.application) == []


def test_every_document_needs_its_id() -> None:
    with pytest.raises(ValueError, match="one id"):
        SAMPLES[0].completed_with([])


@EVERY
def test_its_canary_is_everywhere_in_it_and_nowhere_else(one: Sample) -> None:
    assert one.canary in json.dumps(one.application)
    assert all(one.canary in entry.name for entry in one.documents)
    for entry in one.documents:
        assert one.canary.encode() in next(entry.chunks())
    others = [canary for canary in CANARIES if canary != one.canary]
    assert not any(canary.lower() in json.dumps(one.application).lower() for canary in others)


def test_canaries_are_distinct_words() -> None:
    assert len(set(CANARIES)) == len(SAMPLES)
    assert all(re.fullmatch("[A-Z][a-z]{6,}", canary) for canary in CANARIES)


@EVERY
def test_its_small_documents_are_what_they_say_and_always_the_same(one: Sample) -> None:
    for entry in one.documents:
        if not entry.target_bytes:
            content = entry.content()
            assert sniff(content) == entry.media_type
            assert content == entry.content()
            assert entry.measure()[0] == len(content)
    contents = [entry.content() for entry in one.documents if not entry.target_bytes]
    assert len(set(contents)) == len(contents)


@pytest.mark.parametrize(("media_type", "kind", "size"), [(JPEG, "JPEG", (128, 128)), (PNG, "PNG", (64, 64))])
@pytest.mark.parametrize("seed", range(20))
def test_pictures_open(media_type: str, kind: str, size: tuple[int, int], seed: int) -> None:
    with Image.open(io.BytesIO(document(media_type, seed).content())) as picture:
        picture.load()
        assert picture.format == kind
        assert picture.size == size
        colours = picture.convert("L").getcolors(256)
    assert colours is not None
    assert len(colours) > 10


def test_a_jpeg_decodes_to_the_grey_levels_it_was_made_of() -> None:
    with Image.open(io.BytesIO(document(JPEG, 7).content())) as picture:
        picture.load()
        for row in range(0, 128, 8):
            for column in range(0, 128, 8):
                block = picture.crop((column, row, column + 8, row + 8)).getcolors()
                assert block is not None
                assert len(block) == 1


@pytest.mark.parametrize(
    "content", [pdf("Kanarie", 1), b"".join(large_pdf("Kanarie", 1, 100_000))], ids=["small", "large"]
)
def test_a_pdfs_cross_reference_table_points_at_its_objects(content: bytes) -> None:
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", content)[0])
    assert content[start : start + 5] == b"xref\n"
    offsets = [int(entry) for entry in re.findall(rb"(\d{10}) 00000 n ", content[start:])]
    assert len(offsets) in (5, 6)
    for number, offset in enumerate(offsets, start=1):
        assert content[offset:].startswith(b"%d 0 obj\n" % number)
    for length, body in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.DOTALL):
        assert int(length) == len(body)


@pytest.mark.parametrize("size", [2_000, 9_999, 10_000, 10_001, 99_999, 100_000, 1_000_003])
def test_a_large_pdf_has_exactly_its_size(size: int) -> None:
    pieces = list(large_pdf("Kanarie", 1, size))
    assert sum(map(len, pieces)) == size
    assert max(map(len, pieces)) <= CHUNK_BYTES


def test_a_large_pdf_does_not_compress_and_differs_by_seed() -> None:
    content = document(PDF, 1, 300_000).content()
    assert len(zlib.compress(content)) > 0.95 * len(content)
    assert content != document(PDF, 2, 300_000).content()


def test_a_pdf_cannot_be_smaller_than_itself() -> None:
    with pytest.raises(ValueError, match="smallest"):
        list(large_pdf("Kanarie", 1, 500))


def test_forty_megabytes_are_never_held() -> None:
    large = document(PDF, 3, LARGE_BYTES)
    tracemalloc.start()
    size, digest = large.measure()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == LARGE_BYTES
    assert len(digest) == 128
    assert peak < 1_000_000


def test_no_sample_is_a_heic_photo() -> None:
    assert not any(next(entry.chunks())[4:12] == HEIC[4:12] for one in SAMPLES for entry in one.documents)
