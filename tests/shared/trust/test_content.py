from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sealing.jwk import b64u
from shared.trust.content import SentDocument, content_claim, content_plaintext

SECRET = b"s" * 32
DOCUMENTS = [
    SentDocument("1", "aa", "Kontoauszug März.pdf", "income", "application/pdf"),
    SentDocument("2", "bb", "b.png", "identity", "image/png"),
]


def test_content_by_hand() -> None:
    plaintext = content_plaintext("cc", DOCUMENTS)
    assert plaintext.decode() == (
        '{"attachments":['
        '{"filename":"Kontoauszug März.pdf","id":"1","media_type":"application/pdf","purpose":"income","sha512":"aa"},'
        '{"filename":"b.png","id":"2","media_type":"image/png","purpose":"identity","sha512":"bb"}],"data":"cc"}'
    )
    assert content_claim(SECRET, plaintext) == b64u(
        hmac.new(SECRET, hashlib.sha512(plaintext).digest(), hashlib.sha256).digest()
    )


def test_the_senders_order_counts() -> None:
    assert content_plaintext("cc", DOCUMENTS) != content_plaintext("cc", reversed(DOCUMENTS))


@given(st.binary(min_size=32, max_size=32).filter(lambda secret: secret != SECRET))
def test_without_the_secret_the_claim_says_nothing(secret: bytes) -> None:
    plaintext = content_plaintext("cc", DOCUMENTS)
    assert content_claim(secret, plaintext) != content_claim(SECRET, plaintext)
    assert json.loads(plaintext)["data"] == "cc"


def test_secrets_have_one_size() -> None:
    with pytest.raises(ValueError, match="32"):
        content_claim(b"short", b"")
