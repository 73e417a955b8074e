"""The contract of every adapter (`services.delivery.adapters.port`), run on each kind against a real server."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from services.delivery.adapters.choose import Chosen
from services.delivery.adapters.port import Consignment, HandedOver
from services.delivery.adapters.wire import PushKey, Timeouts, make_adapters
from services.delivery.parts import StoredParts
from shared.contracts.manifest import Part
from shared.errors import JobcenterError, MessageError, StoreUnavailable
from shared.store import keys as store_keys
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.trust import drops
from tests import keys
from tests.services.delivery.adapters.rigs import (
    DESTINATION,
    BucketRig,
    Rig,
    adapter_settings,
    https_rig,
    mail_rig,
    put_secret,
    sftp_rig,
)
from tests.services.delivery.support import Submission, make_submission

KINDS = ("https", "sftp", "s3", "mail")
BIG = random.Random(5).randbytes(400_000).hex().encode()


@dataclass
class World:
    """One Jobcenter, the platform's adapters, and the platform's own store."""

    rig: Rig
    adapters: Chosen
    store: S3Store
    folder: Path

    async def consignment(self, submission: Submission, *, stored: bool = True) -> Consignment:
        if stored:
            await submission.store(self.store)
        return Consignment(
            delivery_id=submission.delivery_id,
            manifest=submission.manifest,
            manifest_token=submission.token,
            destination=keys.destination("a").model_copy(update={"adapter": self.rig.adapter}),
            traceparent=submission.traceparent,
            open_part=StoredParts(self.store, submission.manifest, submission.outcome.inline).open,
        )

    async def deliver(self, submission: Submission) -> str | HandedOver:
        return await self.adapters.deliver(await self.consignment(submission))


@pytest.fixture
def platform_store(s3: Any, bucket: str) -> StoreSettings:
    return StoreSettings(
        endpoint=s3["endpoint"],
        access_key=s3["access_key"],
        secret_key=SecretStr(s3["secret_key"]),
        bucket=bucket,
        secure=False,
        operation_timeout_s=20,
    )


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, platform_store: StoreSettings, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(S3Store.open(platform_store))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        changes: dict[str, Any] = {}
        rig: Rig
        if request.param == "https":
            rig = await stack.enter_async_context(https_rig(tmp_path))
        elif request.param == "sftp":
            rig = await stack.enter_async_context(sftp_rig(tmp_path))
        elif request.param == "s3":
            rig = BucketRig(tmp_path, store, platform_store)
            put_secret(tmp_path, "s3.secret", platform_store.secret().encode())
        else:
            rig, changes = await stack.enter_async_context(mail_rig(tmp_path))
        yield World(rig, make(tmp_path, session, platform_store, **changes), store, tmp_path)


def make(folder: Path, session: aiohttp.ClientSession, store: StoreSettings | None, **changes: Any) -> Chosen:
    key = folder / "push.jwk"
    key.write_text(json.dumps(keys.private_jwk("push")))
    key.chmod(0o600)
    return make_adapters(
        PushKey.read(key),
        adapter_settings(folder, **changes),
        session=session,
        store=store,
        clock=lambda: datetime.now(UTC),
        timeouts=Timeouts(connect_s=15, idle_s=15, answer_s=15),
    )


def expected(submission: Submission) -> dict[str, bytes]:
    parts = {drops.part_name(part_id): body for part_id, body in submission.parts.items()}
    return parts | {drops.MANIFEST: submission.token.encode()}


class TestAdapterContract:
    async def test_every_byte_arrives(self, world: World) -> None:
        submission = make_submission(DESTINATION, BIG, b"small")
        answer = await world.deliver(submission)
        assert answer is HandedOver.ANSWER_LATER or isinstance(answer, str)
        assert await world.rig.arrived(submission) == expected(submission)

    async def test_the_same_delivery_again_changes_nothing(self, world: World) -> None:
        submission = make_submission(DESTINATION, b"document")
        first = await world.deliver(submission)
        assert type(await world.deliver(submission)) is type(first)
        assert await world.rig.arrived(submission) == expected(submission)

    async def test_two_attempts_at_once_leave_one_whole_delivery(self, world: World) -> None:
        submission = make_submission(DESTINATION, BIG, BIG[:100_000])
        consignment = await world.consignment(submission)
        await asyncio.gather(world.adapters.deliver(consignment), world.adapters.deliver(consignment))
        assert await world.rig.arrived(submission) == expected(submission)

    @pytest.mark.parametrize("fault", [b"", b"x" * 800_000, BIG[:-1] + b"!"], ids=["missing", "other", "altered"])
    async def test_a_part_that_is_not_what_was_signed_is_the_messages_fault(self, world: World, fault: bytes) -> None:
        submission = make_submission(DESTINATION, BIG)
        consignment = await world.consignment(submission)
        key = store_keys.part(submission.id, submission.manifest.parts[2].id)
        await (world.store.put(key, fault) if fault else world.store.delete(key))
        with pytest.raises(MessageError):
            await world.adapters.deliver(consignment)
        assert await world.rig.arrived(submission) == {}
        assert not await world.rig.leftovers()

    async def test_our_own_store_failing_is_never_the_jobcenters_fault(self, world: World) -> None:
        submission = make_submission(DESTINATION, BIG)
        consignment = await world.consignment(submission)
        honest = consignment.open_part

        async def failing(part: Part) -> AsyncIterator[bytes]:
            async for chunk in honest(part):
                yield chunk[: len(chunk) // 2]
                raise StoreUnavailable("gone")

        broken = Consignment(**{**vars(consignment), "open_part": failing})
        with pytest.raises(StoreUnavailable):
            await world.adapters.deliver(broken)
        assert await world.rig.arrived(submission) == {}
        await world.adapters.deliver(consignment)
        assert await world.rig.arrived(submission) == expected(submission)

    async def test_the_probe_hands_nothing_over(self, world: World) -> None:
        await world.adapters.probe((await world.consignment(make_submission(), stored=False)).destination)
        assert await world.rig.leftovers() == []

    async def test_a_refusal_is_the_jobcenters_failure(self, world: World) -> None:
        consignment = await world.consignment(make_submission(DESTINATION, b"document"))
        await world.rig.refuse()
        for attempt in (world.adapters.deliver(consignment), world.adapters.probe(consignment.destination)):
            with pytest.raises(JobcenterError) as failure:
                await attempt
            assert failure.value.code in {"http-status", "refused", "login-refused"}

    async def test_nobody_listening_is_the_jobcenters_failure(self, world: World) -> None:
        await world.rig.stop()
        consignment = await world.consignment(make_submission(DESTINATION, b"document"))
        for attempt in (world.adapters.deliver(consignment), world.adapters.probe(consignment.destination)):
            with pytest.raises(JobcenterError) as failure:
                await attempt
            assert failure.value.code == "connect"

    async def test_a_missing_secret_stops_this_destination_and_tells_the_operator(self, world: World) -> None:
        if world.rig.secret is None:
            pytest.skip("mail needs no secret of the Jobcenter's")
        (world.folder / "secrets" / DESTINATION / world.rig.secret).unlink()
        consignment = await world.consignment(make_submission(DESTINATION))
        for attempt in (world.adapters.deliver(consignment), world.adapters.probe(consignment.destination)):
            with pytest.raises(JobcenterError) as failure:
                await attempt
            assert failure.value.code == "adapter-not-configured"

    async def test_a_cancelled_delivery_leaves_nothing_that_looks_complete(self, world: World) -> None:
        submission = make_submission(DESTINATION, BIG)
        consignment = await world.consignment(submission)
        honest, reached = consignment.open_part, asyncio.Event()

        async def slow(part: Part) -> AsyncIterator[bytes]:
            async for chunk in honest(part):
                reached.set()
                await asyncio.Event().wait()
                yield chunk

        task = asyncio.create_task(world.adapters.deliver(Consignment(**{**vars(consignment), "open_part": slow})))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await world.rig.arrived(submission) == {}


async def test_a_destination_without_an_adapter_waits(world: World) -> None:
    consignment = await world.consignment(make_submission(), stored=False)
    destination = consignment.destination.model_copy(update={"adapter": None})
    with pytest.raises(JobcenterError) as failure:
        await world.adapters.probe(destination)
    assert failure.value.code == "connect"
