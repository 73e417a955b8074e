"""`python -m services.receiver check`: does this configuration work, before anybody sends an application?

Reads what the receiver reads, opens a part that it seals itself, signs and verifies an answer, writes a file into each
hand-over folder and inbox and takes it away again. Leaves the journal alone, so that it may run beside the receiver.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

from services.receiver import disk, handover
from services.receiver.settings import BucketInbox, DestinationSettings, FolderInbox, ReceiverSettings
from services.receiver.trust import load_anchor, load_keys
from services.receiver.watch_bucket import store_settings
from shared.contracts.answer import ANSWER_TYP, Answer, Verdict
from shared.contracts.directory import PlatformEntry
from shared.errors import InvalidSignature, Misconfigured, StoreUnavailable
from shared.sealing import jws
from shared.sealing.jwe import Recipient, open_part, seal
from shared.sealing.jwk import Alg, load_public, public_jwk, read_jwk
from shared.store.s3 import S3Store
from shared.trust import drops
from shared.trust.anchor import fingerprint
from shared.trust.answers import sign_answer

_SAMPLE = b"check"


def check(settings: ReceiverSettings, now: datetime) -> Iterator[str]:
    """Lines for the person at the terminal. Raises `Misconfigured` at the first thing that is wrong."""
    anchor = load_anchor(settings)
    yield f"anchor        {fingerprint(anchor.jwk)}"
    try:
        entry = anchor.verify_entry(settings.platform_file.read_text(encoding="ascii", errors="replace").strip())
    except (OSError, InvalidSignature) as error:
        raise Misconfigured(f"no valid platform key set in {settings.platform_file}") from error
    if not isinstance(entry, PlatformEntry):
        raise Misconfigured(f"{settings.platform_file} is a directory entry, but not the platform's")
    yield f"platform      {entry.issuer}, key set version {entry.version}, {len(entry.keys)} keys"
    for destination in settings.destinations:
        yield from _check_destination(settings, destination, now)


def _check_destination(settings: ReceiverSettings, destination: DestinationSettings, now: datetime) -> Iterator[str]:
    keys = load_keys(destination)
    yield f"destination   {destination.id}"
    yield f"  adapter URL   {settings.public_url}/{destination.id}"
    for file in destination.encryption_key_files:
        public = public_jwk(read_jwk(file))
        sealed, _ = seal(_SAMPLE, Recipient.from_jwk(public), "text/plain")
        if open_part(sealed, keys.opening.get)[0] != _SAMPLE:
            raise Misconfigured(f"{file} does not open what is sealed for it")
        yield f"  opens with    {fingerprint(public)}"
    public = public_jwk(read_jwk(destination.signing_key_file))
    _check_signing(sign_answer(_answer(destination.id, now), keys.signing, keys.signing_kid), public)
    yield f"  signs with    {fingerprint(public)}"
    _check_folder(destination)
    free = handover.free_bytes(destination.handover_folder) // (1024 * 1024)
    yield f"  hands over to {destination.handover_folder} ({free} MiB free)"
    if destination.inbox is not None:
        yield f"  watches       {_check_inbox(destination.inbox)}; answers go to {settings.answers_url}"


def _answer(destination: str, now: datetime) -> Answer:
    return Answer(
        iss=destination,
        jti=uuid4(),
        iat=int(now.timestamp()),
        delivery_id=uuid4(),
        submission_id=uuid4(),
        manifest="A" * 43,
        verdict=Verdict.REJECT,
    )


def _check_signing(token: str, public: dict[str, object]) -> None:
    key = load_public(public, alg=Alg.PS512)
    jws.verify(token, key_for=lambda _: key, alg="PS512", typ=ANSWER_TYP)


def _check_inbox(inbox: FolderInbox | BucketInbox) -> str:
    """Write and erase as the platform and the watcher will."""
    if isinstance(inbox, BucketInbox):
        return asyncio.run(_check_bucket(inbox))
    try:
        inbox.folder.mkdir(parents=True, exist_ok=True)
        file = inbox.folder / f"check.{secrets.token_hex(8)}{handover.PART}"
        disk.write_durably(file, b"")
        file.unlink()
    except OSError as error:
        raise Misconfigured(f"cannot erase in the inbox {inbox.folder}: {error.strerror}") from error
    return str(inbox.folder)


async def _check_bucket(inbox: BucketInbox) -> str:
    key = f"{inbox.prefix}{drops.PROBE}"
    try:
        async with S3Store.open(store_settings(inbox)) as store:
            await store.list(inbox.prefix)
            await store.put(key, b"")
            await store.delete(key)
    except StoreUnavailable as error:
        raise Misconfigured(f"cannot use the bucket {inbox.bucket} at {inbox.endpoint}: {error}") from error
    return f"s3://{inbox.endpoint}/{inbox.bucket}/{inbox.prefix}"


def _check_folder(destination: DestinationSettings) -> None:
    try:
        handover.prepare(destination.handover_folder)
        file = destination.handover_folder / handover.INCOMING / f"check.{secrets.token_hex(8)}{handover.PART}"
        disk.write_durably(file, _SAMPLE)
        file.unlink()
    except OSError as error:
        raise Misconfigured(f"cannot write to {destination.handover_folder}: {error.strerror}") from error
