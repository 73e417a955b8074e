"""From delivery's lane to the Jobcenter's folder and back, by each adapter whose answer comes later.

Real processes and servers: delivery, Kafka, the store, an SFTP server, a mail server, the reference receiver.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from services.receiver.settings import BucketInbox, FolderInbox, ReceiverSettings
from shared.contracts import topics
from shared.contracts.directory import AnyAdapter, Destination, JobcenterEntry, MailAdapter, Rollout, S3Adapter
from shared.contracts.messages import Delivery
from shared.contracts.stored import Outcome, OutcomeKind, Settled
from shared.kafka.events import delivery_message
from shared.store import keys as store_keys
from shared.trust import drops
from shared.web.trace import Trace
from tests import keys
from tests.services.delivery.adapters.rigs import DESTINATION, MailRig, attachments, mail_rig, put_secret, sftp_rig
from tests.services.delivery.running import World, until
from tests.services.delivery.running import world as open_world
from tests.services.receiver.support import Attachment, Clock, Package, Running, make_package, make_settings


@pytest.fixture
async def world(kafka: str, s3: Any, bucket: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(kafka, s3, bucket, tmp_path) as world:
        yield world


async def publish(world: World, name: str, adapter: AnyAdapter, **changes: Any) -> None:
    destination = Destination(id=name, adapter=adapter, keys=keys.destination_keys("a"))
    entry = JobcenterEntry(
        id=name,
        version=1,
        issued_at=datetime.now(UTC),
        name="Jobcenter A",
        state="Hessen",
        carrier_number="12345",
        rollout=Rollout.LIVE,
        destinations=(destination,),
    )
    await world.publish(entry.model_copy(update=changes))


async def send(world: World, package: Package) -> None:
    """Puts a sealed application where intake and router would."""
    manifest, now, trace = package.manifest, datetime.now(UTC), str(Trace.new())
    bodies = {UUID(name): body for name, body in package.parts}
    outcome = Outcome(
        kind=OutcomeKind.ACCEPTED,
        submission_id=manifest.submission_id,
        client_id=manifest.client_id,
        at=now,
        traceparent=trace,
        manifest=package.token,
        inline={part.id: bodies[part.id].decode("ascii") for part in manifest.parts[:2]},
    )
    await world.store.put_new(store_keys.outcome(manifest.submission_id), outcome.to_bytes())
    for part in manifest.parts[2:]:
        await world.store.put(store_keys.part(manifest.submission_id, part.id), bodies[part.id])
    body = Delivery(
        submission_id=manifest.submission_id,
        generation=0,
        destination=manifest.destination,
        delivery_id=package.delivery_id,
        manifest=package.token,
        routed_at=now,
    )
    message = delivery_message(body, source="/test", traceparent=trace)
    await world.producer.send(topics.lane(manifest.destination), manifest.submission_id, message)


async def settled(world: World, package: Package) -> str | None:
    found = await world.store.get(store_keys.settled(package.manifest.submission_id, 0))
    return Settled.model_validate_json(found).settlement.value if found is not None else None


def receiver_settings(folder: Path, name: str, inbox: FolderInbox | BucketInbox, answers_url: str) -> ReceiverSettings:
    settings = make_settings(folder / "receiver")
    destination = settings.destinations[0].model_copy(update={"id": name, "inbox": inbox})
    return settings.model_copy(
        update={"destinations": (destination,), "answers_url": answers_url, "inbox_interval_s": 0.1}
    )


async def save_attachments(rig: MailRig, package: Package, inbox: Path) -> None:
    """What a person at the Jobcenter does with the mail; the manifest last."""
    await until(lambda: [each for each in rig.messages() if str(package.delivery_id) in str(each["Subject"])])
    [message] = rig.messages()
    files = attachments(message)
    folder = inbox / str(package.delivery_id)
    folder.mkdir(parents=True)
    async with aiohttp.ClientSession() as session:
        for name, url in json.loads(files.pop(drops.LINKS)).items():
            async with session.get(url) as response:
                (folder / name).write_bytes(await response.read())
    manifest = files.pop(drops.MANIFEST)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    (folder / drops.MANIFEST).write_bytes(manifest)


@pytest.mark.parametrize("kind", ["sftp", "s3", "mail"])
async def test_handed_over_answered_later_and_settled(world: World, s3: Any, tmp_path: Path, kind: str) -> None:
    name = f"jc-{uuid4().hex[:10]}"
    settings = {"secrets_dir": str(tmp_path / "secrets")}
    async with AsyncExitStack() as stack:
        mails: MailRig | None = None
        adapter: AnyAdapter
        inbox: FolderInbox | BucketInbox
        if kind == "sftp":
            rig = await stack.enter_async_context(sftp_rig(tmp_path))
            adapter, inbox = rig.adapter.model_copy(update={"secret": DESTINATION}), FolderInbox(folder=rig.inbox)
        elif kind == "s3":
            secret = put_secret(tmp_path, "s3.secret", s3["secret_key"].encode())
            place = {
                "endpoint": s3["endpoint"],
                "secure": False,
                "bucket": world.store_settings.bucket,
                "prefix": "jobcenter/",
                "access_key": s3["access_key"],
            }
            adapter = S3Adapter(secret=DESTINATION, **place)
            inbox = BucketInbox(secret_key_file=secret, **place)
        else:
            mails, smtp = await stack.enter_async_context(mail_rig(tmp_path))
            settings |= {key: str(value) for key, value in smtp.items()}
            adapter = MailAdapter(address="eingang@jobcenter.example", max_attached_bytes=5_000)
            inbox = FolderInbox(folder=tmp_path / "saved")
        await publish(world, name, adapter)
        delivery = await world.service("delivery", **settings)
        url = f"http://127.0.0.1:{delivery.lines('ready')[-1]['port']}"
        package = make_package([Attachment()], destination=name, jobcenter=name)
        clock = Clock(datetime.now(UTC))
        receiver = await stack.enter_async_context(Running(receiver_settings(tmp_path, name, inbox, url), clock))
        await send(world, package)
        if mails is not None and isinstance(inbox, FolderInbox):
            await save_attachments(mails, package, inbox.folder)
        await until(lambda: _is_settled(world, package))
        assert await settled(world, package) == "acknowledged"
        assert receiver.folders() == [str(package.manifest.submission_id)]
        [handed_over] = [
            event
            for event in await world.events("handed-over")
            if event["submission_id"] == str(package.manifest.submission_id)
        ]
        assert handed_over["destination"] == name


async def _is_settled(world: World, package: Package) -> bool:
    return await settled(world, package) is not None


async def test_a_fallback_serves_a_jobcenter_in_preparation(world: World, tmp_path: Path) -> None:
    name = f"jc-{uuid4().hex[:10]}"
    async with sftp_rig(tmp_path) as rig:
        fallback = rig.adapter.model_copy(update={"secret": DESTINATION})
        destination = Destination(id=name, fallback=fallback, keys=keys.destination_keys("a"))
        await publish(world, name, fallback, rollout=Rollout.IN_PREPARATION, destinations=(destination,))
        delivery = await world.service("delivery", secrets_dir=str(tmp_path / "secrets"))
        url = f"http://127.0.0.1:{delivery.lines('ready')[-1]['port']}"
        package = make_package(destination=name, jobcenter=name)
        settings = receiver_settings(tmp_path, name, FolderInbox(folder=rig.inbox), url)
        async with Running(settings, Clock(datetime.now(UTC))):
            await send(world, package)
            await until(lambda: _is_settled(world, package))
            assert await settled(world, package) == "acknowledged"
