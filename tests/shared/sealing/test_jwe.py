from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto import jwe as oracle_jwe
from jwcrypto import jwk as oracle_jwk

from shared.errors import CannotOpen, InvalidSignature
from shared.sealing.jwe import (
    PartHeader,
    PartOpener,
    PartSealer,
    Recipient,
    key_ring,
    open_part,
    open_part_by_lock,
    seal,
    sealed_size,
    unlock,
    wrap,
)
from shared.sealing.jwk import b64u, unb64u
from tests import keys

CTY = "application/pdf"
A = keys.recipient("a-encrypt")
TRANSIT = keys.recipient("transit")
OPEN_A = keys.key_for("a-encrypt")

plaintexts = st.binary(max_size=400)
cuts = st.lists(st.integers(0, 64), max_size=40)


def chunked(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    chunks, start = [], 0
    for size in sizes:
        chunks.append(data[start : start + size])
        start += size
    return [*chunks, data[start:]]


def handmade(header: bytes, plaintext: bytes = b"text", *, key_size: int = 32, iv: bytes = b"\1" * 12) -> bytes:
    """A rightly sealed part whose header is exactly these bytes."""
    content_key = b"k" * key_size
    head = b64u(header)
    sealed = AESGCM((content_key * 2)[:32]).encrypt(iv, plaintext, head.encode())
    wrapped = wrap(A, content_key)
    return f"{head}.{wrapped}.{b64u(iv)}.{b64u(sealed[:-16])}.{b64u(sealed[-16:])}".encode()


def good_header(**changes: Any) -> bytes:
    header = {"alg": "RSA-OAEP-256", "cty": CTY, "enc": "A256GCM", "kid": A.kid} | changes
    return json.dumps({name: value for name, value in header.items() if value is not ...}).encode()


@settings(max_examples=60, deadline=None)
@given(plaintexts, cuts, cuts)
def test_any_chunking_gives_an_openable_part(plaintext: bytes, sealing: list[int], opening: list[int]) -> None:
    sealer = PartSealer(A, cty=CTY, lock=TRANSIT)
    out = [sealer.begin(), *(sealer.update(chunk) for chunk in chunked(plaintext, sealing)), sealer.finish()]
    part, sealed = b"".join(out), sealer.result

    opener = PartOpener(OPEN_A)
    opened = b"".join(opener.update(chunk) for chunk in chunked(part, opening))
    opener.finish()
    assert opened == plaintext
    assert opener.header == PartHeader(A.kid, CTY)

    assert sealed.size == opener.size == len(part) == sealed_size(A, CTY, len(plaintext))
    assert sealed.sha256 == opener.sha256 == b64u(hashlib.sha256(part).digest())
    assert sealed.tag == opener.tag == part.rsplit(b".", 1)[1].decode()
    assert sealed.plaintext_size == opener.plaintext_size == len(plaintext)
    assert sealed.plaintext_sha512 == opener.plaintext_sha512 == hashlib.sha512(plaintext).hexdigest()
    assert sealed.kid == A.kid


@given(st.integers(0, 2**31), st.sampled_from(["application/json", "image/jpeg", "application/pdf", "x"]))
def test_sealed_size_is_exact_for_every_length(size: int, cty: str) -> None:
    prefix = PartSealer(A, cty=cty).begin()
    assert sealed_size(A, cty, size) == len(prefix) + -(-size * 4 // 3) + 1 + 22


@settings(max_examples=10, deadline=None)
@given(st.binary(min_size=1, max_size=400))  # jwcrypto takes an empty plaintext for a failure
def test_jwcrypto_opens_ours(plaintext: bytes) -> None:
    part, _ = seal(plaintext, A, CTY)
    theirs = oracle_jwe.JWE()
    theirs.deserialize(part.decode(), oracle_jwk.JWK(**keys.private_jwk("a-encrypt")))
    assert theirs.payload == plaintext
    assert theirs.jose_header == {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": A.kid, "cty": CTY}


@settings(max_examples=10, deadline=None)
@given(plaintexts)
def test_we_open_jwcryptos(plaintext: bytes) -> None:
    made = oracle_jwe.JWE(
        plaintext, protected=good_header().decode(), recipient=oracle_jwk.JWK(**keys.public("a-encrypt"))
    )
    assert open_part(made.serialize(compact=True).encode(), OPEN_A) == (plaintext, PartHeader(A.kid, CTY))


PART, SEALED = seal(b"an application of some length", A, CTY, TRANSIT)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_change_is_refused(data: st.DataObject) -> None:
    part = bytearray(PART)
    change = data.draw(st.sampled_from(["flip", "char", "cut", "insert", "append", "truncate"]))
    # Half of the changes near the end: ciphertext and tag are short beside the 683 characters of the key.
    place = data.draw(st.integers(0, len(part) - 1) | st.integers(len(part) - 70, len(part) - 1))
    if change == "flip":
        part[place] ^= data.draw(st.integers(1, 255))
    elif change == "char":
        part[place] = data.draw(st.sampled_from(b"ABCDabcd0189-_.=").filter(lambda byte: byte != PART[place]))
    elif change == "cut":
        del part[place]
    elif change == "insert":
        part.insert(place, data.draw(st.integers(0, 255)))
    elif change == "append":
        part += data.draw(st.binary(min_size=1, max_size=5) | st.just(b"\n"))
    else:
        del part[place:]
    if bytes(part) == PART:  # inserting a byte beside its equal
        return
    with pytest.raises(CannotOpen):
        open_part(bytes(part), OPEN_A)


def test_every_truncation_is_refused() -> None:
    for length in range(0, len(PART), 7):
        with pytest.raises(CannotOpen):
            open_part(PART[:length], OPEN_A)


@pytest.mark.parametrize("mask", range(1, 31))
def test_segments_of_two_parts_cannot_be_mixed(mask: int) -> None:
    other, _ = seal(b"another one, sealed for them", A, CTY)
    pairs = zip(PART.split(b"."), other.split(b"."), strict=True)
    mixed = b".".join(pair[mask >> index & 1] for index, pair in enumerate(pairs))
    if mixed in (PART, other):  # both headers are equal
        return
    with pytest.raises(CannotOpen):
        open_part(mixed, OPEN_A)


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "RSA-OAEP"},
        {"alg": "RSA1_5"},
        {"alg": "dir"},
        {"enc": "A128GCM"},
        {"enc": "A256CBC-HS512"},
        {"zip": "DEF"},
        {"crit": ["exp"]},
        {"jwk": {}},
        {"jku": "https://example.org"},
        {"x5u": "https://example.org"},
        {"x5c": []},
        {"cty": ...},
        {"kid": ...},
        {"cty": 5},
        {"apu": "x"},
        {"cty": "x" * 4096},
    ],
)
def test_headers_outside_the_profile_are_refused_though_rightly_sealed(changes: dict[str, Any]) -> None:
    with pytest.raises(CannotOpen, match="part-form"):
        open_part(handmade(good_header(**changes)), OPEN_A)


def test_duplicate_header_members_are_refused() -> None:
    assert open_part(handmade(good_header()), OPEN_A)[0] == b"text"
    with pytest.raises(CannotOpen, match="part-form"):
        open_part(handmade(good_header()[:-1] + b', "kid": "x"}'), OPEN_A)


def test_sizes_of_key_iv_and_tag_are_fixed() -> None:
    with pytest.raises(CannotOpen, match="part-unopenable"):
        open_part(handmade(good_header(), key_size=16), OPEN_A)
    with pytest.raises(CannotOpen, match="part-form"):
        open_part(handmade(good_header(), iv=b"\1" * 16), OPEN_A)
    with pytest.raises(CannotOpen, match="part-form"):
        open_part(PART[:-2], OPEN_A)
    head, wrapped, rest = PART.split(b".", 2)
    short = b64u(unb64u(wrapped)[1:]).encode()
    with pytest.raises(CannotOpen, match="part-form"):
        open_part(b".".join((head, short, rest)), OPEN_A)


def test_only_the_recipient_opens() -> None:
    with pytest.raises(CannotOpen, match="part-kid"):
        open_part(PART, keys.key_for("b-encrypt"))
    # Even a resolver that gives a wrong key for the kid gets nothing, and no other answer than a changed text gets.
    with pytest.raises(CannotOpen, match="part-unopenable"):
        open_part(PART, lambda kid: keys.key_for("b-encrypt")(keys.kid("b-encrypt")))


def test_transit_lock_opens_for_clearing_alone() -> None:
    assert SEALED.lock is not None
    assert SEALED.lock.startswith(TRANSIT.kid + ".")
    plaintext, header = open_part_by_lock(PART, SEALED.lock, keys.key_for("transit"))
    assert (plaintext, header.kid) == (b"an application of some length", A.kid)
    with pytest.raises(CannotOpen, match="part-kid"):
        unlock(SEALED.lock, keys.key_for("a-encrypt"))


def test_lock_of_another_part_does_not_open() -> None:
    _, other = seal(b"another", A, CTY, TRANSIT)
    assert other.lock is not None
    with pytest.raises(CannotOpen, match="part-unopenable"):
        open_part_by_lock(PART, other.lock, keys.key_for("transit"))


@pytest.mark.parametrize("lock", ["", "x", "x.y", f"{TRANSIT.kid}.", f"{TRANSIT.kid}.AAAA", f"{TRANSIT.kid}.A=", "."])
def test_malformed_locks(lock: str) -> None:
    with pytest.raises(CannotOpen):
        unlock(lock, keys.key_for("transit"))


def test_no_lock_when_sealed_for_the_transit_key_itself() -> None:
    part, sealed = seal(b"text", TRANSIT, CTY, TRANSIT)
    assert sealed.lock is None
    assert open_part(part, keys.key_for("transit"))[0] == b"text"
    assert seal(b"text", A, CTY)[1].lock is None


def test_two_parts_share_neither_key_nor_iv() -> None:
    first, second = (seal(b"text", A, CTY)[0].split(b".") for _ in range(2))
    assert first[0] == second[0]
    assert all(first[index] != second[index] for index in range(1, 5))


def test_no_plaintext_before_the_prefix_and_no_header() -> None:
    opener = PartOpener(OPEN_A)
    assert opener.update(PART[:800]) == b""
    with pytest.raises(CannotOpen):
        _ = opener.header
    with pytest.raises(CannotOpen, match="part-form"):
        opener.finish()


def test_endless_prefix_and_endless_tag_are_refused_early() -> None:
    opener = PartOpener(OPEN_A)
    with pytest.raises(CannotOpen, match="part-form"):
        for _ in range(100):
            opener.update(b"A" * 100)
    opener = PartOpener(OPEN_A)
    opener.update(PART)
    with pytest.raises(CannotOpen, match="part-form"):
        opener.update(b"A")


def test_order_of_use() -> None:
    sealer = PartSealer(A, cty=CTY)
    _misuse(lambda: sealer.update(b""), sealer.finish, lambda: sealer.result)
    sealer.begin()
    _misuse(sealer.begin, lambda: sealer.result)
    sealer.finish()
    _misuse(lambda: sealer.update(b""), sealer.finish, sealer.begin)
    opener = PartOpener(OPEN_A)
    opener.update(PART)
    opener.finish()
    _misuse(lambda: opener.update(b""), opener.finish)
    with pytest.raises(ValueError, match="either"):
        PartOpener()


def _misuse(*calls: Callable[[], object]) -> None:
    for call in calls:
        with pytest.raises(RuntimeError):
            call()


def test_a_refusal_is_for_good() -> None:
    """A good part that follows what was refused must not come through the same opener."""
    bad = handmade(good_header(zip="DEF"))
    for start in (bad, bad[:1000], b"A" * 9000, PART + b"A"):
        opener = PartOpener(OPEN_A)
        with pytest.raises(CannotOpen):
            opener.update(start)
        _misuse(lambda opener=opener: opener.update(PART), opener.finish)  # type: ignore[misc]


def test_header_of_exactly_four_kib_is_the_longest() -> None:
    longest = "x" * (4096 - len(good_header(cty="")))
    assert len(good_header(cty=longest)) == 4096
    assert open_part(handmade(good_header(cty=longest)), OPEN_A)[1].cty == longest
    with pytest.raises(CannotOpen, match="part-form"):
        open_part(handmade(good_header(cty=longest + "x")), OPEN_A)


def test_key_ring_takes_sealing_keys_only() -> None:
    ring = key_ring(keys.private_jwk("a-encrypt"))
    assert open_part(PART, ring)[0] == b"an application of some length"
    with pytest.raises(InvalidSignature):
        key_ring(keys.private_jwk("a-verify"))
    with pytest.raises(InvalidSignature):
        Recipient.from_jwk(keys.public("a-verify"))


def test_memory_does_not_grow_with_the_part() -> None:
    """24 MB through chunks of 64 KiB stay below half a MiB; the content counts for nothing."""
    chunk = bytes(65_536)
    sealer, opener = PartSealer(A, cty=CTY), PartOpener(OPEN_A)
    opener.update(sealer.begin())
    tracemalloc.start()
    try:
        for _ in range(366):
            opener.update(sealer.update(chunk))
        opener.update(sealer.finish())
        opener.finish()
        assert tracemalloc.get_traced_memory()[1] < 524_288
    finally:
        tracemalloc.stop()
    assert opener.plaintext_size == 366 * 65_536
