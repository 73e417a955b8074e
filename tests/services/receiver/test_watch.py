"""Inboxes: the same contract for a hot folder and a bucket, deliveries as the adapters lay them down."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from services.receiver.deliveries import Step
from services.receiver.settings import BucketInbox, FolderInbox, ReceiverSettings
from shared.contracts.answer import Verdict
from shared.sealing.jwk import b64u
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.trust import drops
from shared.trust.answers import verify_answer
from shared.trust.drops import Drop, sign_drop
from shared.trust.push import parts_digest
from tests import keys
from tests.services.receiver.support import (
    NOW,
    Attachment,
    Package,
    Running,
    make_package,
    make_settings,
    sign,
)


class Platform:
    """Takes answers as delivery's endpoint does."""

    def __init__(self) -> None:
        self.answers: list[tuple[UUID, str]] = []
        self.statuses: list[int] = []
        self.arrived = asyncio.Event()
        self.url = ""

    async def _take(self, request: web.Request) -> web.Response:
        status = self.statuses.pop(0) if self.statuses else 204
        assert request.content_type == "application/jose"
        if status == 204:
            self.answers.append((UUID(request.match_info["id"]), await request.text()))
        self.arrived.set()
        return web.Response(status=status)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Platform]:
        app = web.Application()
        app.router.add_post("/v1/deliveries/{id}/events", self._take)
        async with TestServer(app) as server:
            self.url = str(server.make_url("")).rstrip("/")
            yield self

    async def answer(self, package: Package, count: int = 1) -> str:
        """The answer to a package, verified as delivery verifies it."""
        async with asyncio.timeout(20):
            while len([each for each, _ in self.answers if each == package.delivery_id]) < count:
                self.arrived.clear()
                await self.arrived.wait()
        token = [token for each, token in self.answers if each == package.delivery_id][-1]
        answer = verify_answer(
            token,
            destination=keys.destination("a"),
            delivery_id=package.delivery_id,
            manifest=package.manifest,
            manifest_token=package.token,
            handed_over_at=NOW,
        )
        return ".".join([answer.verdict.value, *(problem.code for problem in answer.problems)])


class Place(Protocol):
    """An inbox as the platform sees it."""

    setting: FolderInbox | BucketInbox

    async def put(self, delivery_id: UUID, name: str, body: bytes) -> None: ...

    async def names(self) -> list[str]: ...


class FolderPlace:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.setting = FolderInbox(folder=folder)

    async def put(self, delivery_id: UUID, name: str, body: bytes) -> None:
        (self.folder / str(delivery_id)).mkdir(parents=True, exist_ok=True)
        (self.folder / str(delivery_id) / name).write_bytes(body)

    async def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


class BucketPlace:
    def __init__(self, folder: Path, store: S3Store, settings: StoreSettings) -> None:
        secret = folder / "s3.secret"
        secret.touch(mode=0o600)
        secret.write_text(settings.secret())
        self.store = store
        self.setting = BucketInbox(
            endpoint=settings.endpoint,
            secure=False,
            bucket=settings.bucket,
            prefix="in/",
            access_key=settings.access_key,
            secret_key_file=secret,
        )

    async def put(self, delivery_id: UUID, name: str, body: bytes) -> None:
        await self.store.put(f"in/{delivery_id}/{name}", body)

    async def names(self) -> list[str]:
        return await self.store.list("in/")


def push_of(package: Package, *, key: str = "push", **changes: Any) -> bytes:
    claims = {
        "delivery_id": package.delivery_id,
        "destination": package.manifest.destination,
        "parts_digest": parts_digest(package.token, package.manifest),
        "created": int(NOW.timestamp()) - 40 * 86_400,
    }
    return sign_drop(Drop(**claims | changes), keys.private_key(key), keys.kid("push")).encode()


async def lay_down(place: Place, package: Package, *, push: bytes | None = None, without: int | None = None) -> None:
    for number, (name, body) in enumerate(package.parts):
        if number != without:
            await place.put(package.delivery_id, f"{name}.jwe", body)
    await place.put(package.delivery_id, drops.PUSH, push_of(package) if push is None else push)
    await place.put(package.delivery_id, drops.MANIFEST, package.token.encode())


def watching(folder: Path, place: Place, platform: Platform) -> ReceiverSettings:
    settings = make_settings(folder)
    first, second = settings.destinations
    return settings.model_copy(
        update={
            "destinations": (first.model_copy(update={"inbox": place.setting}), second),
            "answers_url": platform.url,
            "inbox_interval_s": 0.05,
        }
    )


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with Platform().serve() as platform:
        yield platform


@pytest.fixture(params=["folder", "bucket"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        if request.param == "folder":
            yield FolderPlace(tmp_path / "inbox")
            return
        s3, bucket = request.getfixturevalue("s3"), request.getfixturevalue("bucket")
        settings = StoreSettings(
            endpoint=s3["endpoint"],
            access_key=s3["access_key"],
            secret_key=SecretStr(s3["secret_key"]),
            bucket=bucket,
            secure=False,
        )
        yield BucketPlace(tmp_path, await stack.enter_async_context(S3Store.open(settings)), settings)


async def logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Waits for a log line: the watcher's only sign that it looked and left something lying."""
    async with asyncio.timeout(20):
        while not [record for record in caplog.records if text in record.getMessage()]:
            await asyncio.sleep(0.01)


async def gone(place: Place) -> None:
    """The inbox is emptied after the answer is kept, which may be after the platform has it."""
    async with asyncio.timeout(20):
        while await place.names():
            await asyncio.sleep(0.01)


class TestInboxContract:
    async def test_a_delivery_is_handed_over_answered_and_erased(
        self, place: Place, platform: Platform, tmp_path: Path
    ) -> None:
        async with Running(watching(tmp_path / "r", place, platform)) as receiver:
            package = make_package([Attachment()])
            await lay_down(place, package)
            assert await platform.answer(package) == "accept"
            await gone(place)
            assert receiver.folders() == [str(package.manifest.submission_id)]
            assert receiver.leftovers() == []

    async def test_what_came_before_the_start_is_taken_too(
        self, place: Place, platform: Platform, tmp_path: Path
    ) -> None:
        package = make_package()
        await lay_down(place, package)
        async with Running(watching(tmp_path / "r", place, platform)):
            assert await platform.answer(package) == "accept"

    async def test_again_is_answered_again_and_handed_over_once(
        self, place: Place, platform: Platform, tmp_path: Path
    ) -> None:
        async with Running(watching(tmp_path / "r", place, platform)) as receiver:
            package = make_package([Attachment()])
            for count in (1, 2):
                await lay_down(place, package)
                assert await platform.answer(package, count) == "accept"
                await gone(place)
            assert len(receiver.folders()) == 1

    async def test_without_its_manifest_nothing_is_there(
        self, place: Place, platform: Platform, tmp_path: Path
    ) -> None:
        async with Running(watching(tmp_path / "r", place, platform)) as receiver:
            early, late = make_package(), make_package()
            for name, body in early.parts:
                await place.put(early.delivery_id, f"{name}.jwe", body)
            await lay_down(place, late)
            assert await platform.answer(late) == "accept"
            assert receiver.folders() == [str(late.manifest.submission_id)]

    @pytest.mark.parametrize("number", [0, 2])
    async def test_a_part_that_is_not_there_yet_is_waited_for_never_rejected(
        self, place: Place, platform: Platform, tmp_path: Path, caplog: pytest.LogCaptureFixture, number: int
    ) -> None:
        caplog.set_level(logging.INFO)
        async with Running(watching(tmp_path / "r", place, platform)) as receiver:
            package = make_package([Attachment()])
            await lay_down(place, package, without=number)
            await logged(caplog, "left in the inbox")
            assert receiver.folders() == []
            name, body = package.parts[number]
            await place.put(package.delivery_id, f"{name}.jwe", body)
            assert await platform.answer(package) == "accept"

    @pytest.mark.parametrize("kind", ["altered", "short", "long"])
    async def test_a_part_that_something_altered_is_waited_for_never_rejected(
        self, place: Place, platform: Platform, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
    ) -> None:
        caplog.set_level(logging.INFO)
        async with Running(watching(tmp_path / "r", place, platform)) as receiver:
            package = make_package([Attachment()])
            name, body = package.parts[2]
            other = {"altered": body[:-1] + b"!", "short": body[:-1], "long": body + b"!"}[kind]
            await lay_down(place, package, without=2)
            await place.put(package.delivery_id, f"{name}.jwe", other)
            await logged(caplog, "left in the inbox")
            assert receiver.folders() == []
            await place.put(package.delivery_id, f"{name}.jwe", body)  # as the adapter does when asked again
            assert await platform.answer(package) == "accept"

    @pytest.mark.parametrize("forgery", ["unsigned", "other key", "other delivery", "other destination", "other parts"])
    async def test_without_the_platforms_signature_nothing_happens(
        self, place: Place, platform: Platform, tmp_path: Path, caplog: pytest.LogCaptureFixture, forgery: str
    ) -> None:
        package, other = make_package(), make_package()
        push = {
            "unsigned": b"nonsense",
            "other key": push_of(package, key="receipt"),
            "other delivery": push_of(package, delivery_id=uuid4()),
            "other destination": push_of(package, destination="jobcenter-b"),
            "other parts": push_of(package, parts_digest=parts_digest(other.token, other.manifest)),
        }[forgery]
        caplog.set_level(logging.INFO)
        async with Running(watching(tmp_path / "r", place, platform)) as receiver:
            await lay_down(place, package, push=push)
            await logged(caplog, "left in the inbox")
            assert receiver.folders() == []
            assert await place.names()
            await lay_down(place, package)
            assert await platform.answer(package) == "accept"

    async def test_what_the_jobcenter_cannot_take_is_rejected_signed(
        self, place: Place, platform: Platform, tmp_path: Path
    ) -> None:
        async with Running(watching(tmp_path / "r", place, platform)) as receiver:
            package = make_package([Attachment(content=b"#!/bin/sh\n")])
            await lay_down(place, package)
            assert await platform.answer(package) == "reject.metadata-mismatch"
            await gone(place)
            assert receiver.folders() == []

    async def test_a_manifest_that_the_door_never_signed_is_rejected(
        self, place: Place, platform: Platform, tmp_path: Path
    ) -> None:
        async with Running(watching(tmp_path / "r", place, platform)) as receiver:
            honest = make_package()
            package = sign(honest.manifest, honest.parts, receipt="push")
            await lay_down(place, package)
            assert await platform.answer(package) == "reject.manifest-invalid"
            assert receiver.folders() == []

    async def test_a_platform_that_is_away_gets_its_answer_later_also_from_the_next_process(
        self, place: Place, platform: Platform, tmp_path: Path
    ) -> None:
        settings = watching(tmp_path / "r", place, platform)
        package = make_package()
        platform.statuses = [404, 503]
        async with Running(settings):
            await lay_down(place, package)
            async with asyncio.timeout(20):
                await platform.arrived.wait()
            await gone(place)
        assert platform.answers == []
        platform.statuses = []
        async with Running(settings):
            assert await platform.answer(package) == "accept"

    @pytest.mark.parametrize("step", [Step.BEGUN, Step.RENAMED, Step.ACCEPTED])
    async def test_a_failure_at_any_step_is_made_good_by_the_next_look(
        self, place: Place, platform: Platform, tmp_path: Path, step: Step
    ) -> None:
        failures = [OSError("disk")]

        def fail(reached: Step) -> None:
            if reached is step and failures:
                raise failures.pop()

        async with Running(watching(tmp_path / "r", place, platform), on_step=fail) as receiver:
            package = make_package([Attachment()])
            await lay_down(place, package)
            assert await platform.answer(package) == Verdict.ACCEPT
            assert not failures
            assert len(receiver.folders()) == 1

    async def test_names_that_are_no_deliveries_are_left_alone(
        self, place: Place, platform: Platform, tmp_path: Path
    ) -> None:
        if isinstance(place, FolderPlace):
            place.folder.mkdir(parents=True)
            (place.folder / drops.PROBE).touch()
        strange = [str(uuid4()).upper(), b64u(b"x" * 8), "readme"]
        for name in strange:
            await place.put(name, drops.MANIFEST, b"x")  # type: ignore[arg-type]
        async with Running(watching(tmp_path / "r", place, platform)):
            package = make_package()
            await lay_down(place, package)
            assert await platform.answer(package) == "accept"
            names = " ".join(await place.names())
            assert all(name in names for name in strange)


@pytest.mark.parametrize("step", list(Step))
async def test_killed_at_any_step_the_next_process_hands_over_once_and_answers(
    platform: Platform, tmp_path: Path, step: Step
) -> None:
    place, package = FolderPlace(tmp_path / "inbox"), make_package([Attachment()])
    await lay_down(place, package)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.services.receiver.killed",
        str(tmp_path / "r"),
        step.value,
        str(place.folder),
        cwd=Path(__file__).parents[3],
        stdout=subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    assert await place.names()
    async with Running(watching(tmp_path / "r", place, platform)) as receiver:
        assert await platform.answer(package) == "accept"
        await gone(place)
        assert receiver.folders() == [str(package.manifest.submission_id)]
        assert receiver.leftovers() == []


async def test_links_in_a_hot_folder_are_not_followed(
    platform: Platform, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    place = FolderPlace(tmp_path / "inbox")
    package = make_package()
    elsewhere = FolderPlace(tmp_path / "elsewhere")
    await lay_down(elsewhere, package)
    place.folder.mkdir()
    (place.folder / str(package.delivery_id)).symlink_to(elsewhere.folder / str(package.delivery_id))
    linked = make_package()
    await lay_down(place, linked)
    part = place.folder / str(linked.delivery_id) / f"{linked.parts[1][0]}.jwe"
    part.rename(tmp_path / "moved")
    part.symlink_to(tmp_path / "moved")
    async with Running(watching(tmp_path / "r", place, platform)) as receiver:
        await logged(caplog, "left in the inbox")
        assert receiver.folders() == []
    assert platform.answers == []


async def test_an_inbox_without_an_address_for_answers_is_refused(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    inbox = settings.destinations[0].model_copy(update={"inbox": FolderInbox(folder=tmp_path / "inbox")})
    with pytest.raises(ValueError, match="answers_url"):
        ReceiverSettings(**{**dict(settings), "destinations": (inbox,)})
    with pytest.raises(ValueError, match="one of its own"):
        same = inbox.model_copy(update={"inbox": FolderInbox(folder=inbox.handover_folder)})
        ReceiverSettings(**{**dict(settings), "destinations": (same,), "answers_url": "https://x.example"})
