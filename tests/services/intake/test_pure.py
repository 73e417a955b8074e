"""The pure cores, by properties."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.limits import Admission, ClientLimits
from services.intake.status import Marks, State, marks, state_of
from services.intake.uploads import (
    DigestCheck,
    UploadLimits,
    check_content,
    read_announcement,
    read_digests,
    read_filename,
)
from shared.contracts.stored import Claim, Claimant, ClearingMark, Outcome, OutcomeKind, Settled, Settlement
from shared.errors import SenderError
from shared.store import keys

LIMITS = UploadLimits(1000, 3, 2000)
AT = datetime(2026, 11, 22, tzinfo=UTC)


@given(st.floats(0.1, 50), st.integers(1, 20), st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=200))
def test_no_client_gets_more_than_its_rate(rate: float, burst: int, gaps: list[float]) -> None:
    limits = ClientLimits(rate, burst)
    now = granted = 0.0
    for gap in gaps:
        now += gap
        granted += limits.take("a", now) is None
    assert granted <= burst + rate * now + 1e-6


@given(st.floats(0.1, 50), st.integers(1, 20))
def test_who_waits_as_told_gets_through(rate: float, burst: int) -> None:
    limits = ClientLimits(rate, burst)
    for _ in range(burst):
        assert limits.take("a", 0) is None
    wait = limits.take("a", 0)
    assert wait is not None
    assert limits.take("a", wait + 1e-6) is None
    assert limits.take("b", 0) is None


def test_idle_clients_are_forgotten() -> None:
    limits = ClientLimits(1, 1, max_clients=2)
    for name in "abc":
        assert limits.take(name, 0) is None
    assert limits.take("c", 0) is not None
    assert limits.take("a", 0) is None


@given(st.lists(st.booleans(), max_size=40))
def test_admission_counts_every_way_out(fails: list[bool]) -> None:
    admission = Admission(2, 1)
    for fail in fails:
        try:
            with admission.request(), admission.upload():
                assert (admission.requests, admission.uploads) == (1, 1)
                assert not fail
        except AssertionError:
            assert fail
    assert (admission.requests, admission.uploads) == (0, 0)


def _headers(**more: str) -> dict[str, str]:
    base = {
        "Content-Length": "10",
        "Content-Type": "application/pdf",
        "Content-Disposition": "attachment; filename=a.pdf",
    }
    return base | {name.replace("_", "-"): value for name, value in more.items()}


names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn")), min_size=1, max_size=60)


@given(names)
def test_every_name_survives_its_header(name: str) -> None:
    header = f"attachment; filename=\"x\"; filename*=UTF-8''{quote(name, safe='')}"
    try:
        read = read_filename({"Content-Disposition": header})
    except SenderError:
        assert not name.strip()
        return
    import unicodedata

    assert read == unicodedata.normalize("NFC", name).strip()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="Miet \\"Vertrag\\".pdf"', 'Miet "Vertrag".pdf'),
        ("attachment; filename=a.pdf", "a.pdf"),
        ("inline; FILENAME*=utf-8'de'%C3%A4.pdf", "ä.pdf"),
    ],
)
def test_forms_of_names(header: str, name: str) -> None:
    assert read_filename({"Content-Disposition": header}) == name


@given(st.text(max_size=80))
def test_no_header_breaks_the_reader(text: str) -> None:
    for name in ("Content-Disposition", "Content-Digest", "Content-Length", "Content-Type"):
        try:
            read_announcement(_headers(**{name.replace("-", "_"): text}), "attachment", LIMITS)
        except SenderError as error:
            assert text not in str(error.extra) or not text.strip() or len(text) < 3


@given(st.binary(min_size=1, max_size=300), st.binary(min_size=1, max_size=300))
def test_digests_hold_for_their_bytes_only(data: bytes, other: bytes) -> None:
    import hashlib

    sha512, sha256 = hashlib.sha512(data).digest(), hashlib.sha256(data).digest()
    header = f"sha-256=:{b64encode(sha256).decode()}:, sha-512=:{b64encode(sha512).decode()}:, md5=:AAAA:"
    wanted = read_digests({"Content-Digest": header})
    assert set(wanted) == {"sha-512", "sha-256"}
    check = DigestCheck(wanted)
    check.update(data)
    check.check(sha512)
    if other != data:
        check = DigestCheck(wanted)
        check.update(other)
        with pytest.raises(SenderError, match="digest-mismatch"):
            check.check(hashlib.sha512(other).digest())


@given(st.binary(max_size=64))
def test_only_proven_content_passes(head: bytes) -> None:
    proven = head[:5] == b"%PDF-" and head[5:6].isdigit()
    if proven:
        check_content(head, "application/pdf")
    else:
        with pytest.raises(SenderError, match="unsupported-media-type"):
            check_content(head, "application/pdf")


def test_sizes_are_checked_before_the_body() -> None:
    assert read_announcement(_headers(Content_Length="1000"), "report", LIMITS).size == 1000
    for length, code in (("1001", "document-too-large"), ("0", "document-empty"), ("-1", "length-required")):
        with pytest.raises(SenderError, match=code):
            read_announcement(_headers(Content_Length=length), "attachment", LIMITS)
    with pytest.raises(SenderError, match="invalid-request"):
        read_announcement(_headers(), "something", LIMITS)
    with pytest.raises(SenderError, match="length-required"):
        read_announcement(_headers(Transfer_Encoding="chunked"), "attachment", LIMITS)


ID = UUID("3f0c9a52-6e1b-4a43-9a2e-0d8a4c0f5f11")


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["claim", "clearing", "settled"]))), st.randoms())
def test_the_newest_generation_counts(present: list[tuple[int, str]], random: Any) -> None:
    listing = [f"{ID}/{generation}/{name}" for generation, name in present]
    noise = [keys.outcome(ID), keys.part(ID, uuid4()), f"{uuid4()}/99/settled", f"{ID}/x/settled"]
    everything = [*listing, *noise]
    random.shuffle(everything)
    newest = max((generation for generation, _ in present), default=0)
    own = {name for generation, name in present if generation == newest}
    assert marks(ID, everything) == Marks(newest, "claim" in own, "clearing" in own, "settled" in own)


def _outcome(kind: OutcomeKind) -> Outcome:
    return Outcome(kind=kind, submission_id=ID, client_id="a", at=AT, traceparent="x")


@given(
    st.sampled_from(OutcomeKind),
    st.none() | st.sampled_from(Claimant),
    st.booleans(),
    st.none() | st.sampled_from(Settlement),
)
def test_states(kind: OutcomeKind, claimant: Claimant | None, cleared: bool, settlement: Settlement | None) -> None:
    state = state_of(
        _outcome(kind),
        None,
        claim=None if claimant is None else Claim(by=claimant, at=AT),
        clearing=ClearingMark(reason="not-responsible", at=AT) if cleared else None,
        settled=None if settlement is None else Settled(settlement=settlement, at=AT, destination="a"),
    )
    if kind is not OutcomeKind.ACCEPTED:
        assert state.value == kind.value
    elif settlement is not None:
        assert (
            state
            is {
                Settlement.ACKNOWLEDGED: State.ACKNOWLEDGED,
                Settlement.REJECTED: State.REJECTED,
                Settlement.WITHDRAWN: State.WITHDRAWN,
                Settlement.FORWARDED: State.CLEARING,
            }[settlement]
        )
    elif claimant is Claimant.SENDER:
        assert state is State.WITHDRAWN
    else:
        assert state is (State.CLEARING if cleared else State.ACCEPTED)
