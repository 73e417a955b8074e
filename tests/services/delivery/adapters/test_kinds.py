"""What only one kind of adapter promises: pinned host keys, mutual TLS, mails that say nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncssh
import pytest

from services.delivery.adapters.mail import MailPush
from services.delivery.adapters.settings import SmtpTls
from shared.contracts.directory import HttpsAdapter, MailAdapter, SftpAdapter
from shared.errors import JobcenterError
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.trust import drops
from tests import keys
from tests.services.delivery.adapters.rigs import (
    DESTINATION,
    MailRig,
    SftpRig,
    attachments,
    empty,
    https_rig,
    mail_rig,
    sftp_rig,
)
from tests.services.delivery.adapters.test_contract import (
    BIG,
    World,
    expected,
    make,
    platform_store,  # noqa: F401 - a fixture
)
from tests.services.delivery.support import make_submission
from tests.support.certificates import Authority


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def store(platform_store: StoreSettings) -> AsyncIterator[S3Store]:  # noqa: F811
    async with S3Store.open(platform_store) as store:
        yield store


class TestSftp:
    @pytest.fixture
    async def world(self, session: aiohttp.ClientSession, store: S3Store, tmp_path: Path) -> AsyncIterator[World]:
        async with sftp_rig(tmp_path) as rig:
            yield World(rig, make(tmp_path, session, None), store, tmp_path)

    @staticmethod
    def rig(world: World) -> SftpRig:
        assert isinstance(world.rig, SftpRig)
        return world.rig

    async def test_a_server_with_another_host_key_gets_nothing(self, world: World) -> None:
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()
        assert isinstance(world.rig.adapter, SftpAdapter)
        world.rig.adapter = world.rig.adapter.model_copy(update={"host_keys": (" ".join(other[:2]),)})
        submission = make_submission(DESTINATION)
        with pytest.raises(JobcenterError) as failure:
            await world.deliver(submission)
        assert failure.value.code == "host-key"
        assert list(self.rig(world).inbox.iterdir()) == []

    async def test_one_of_several_pinned_keys_is_enough(self, world: World) -> None:
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()
        assert isinstance(world.rig.adapter, SftpAdapter)
        both = (" ".join(other[:2]), *world.rig.adapter.host_keys)
        world.rig.adapter = world.rig.adapter.model_copy(update={"host_keys": both})
        await world.deliver(make_submission(DESTINATION))

    async def test_another_client_key_is_refused(self, world: World) -> None:
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        (world.folder / "secrets" / DESTINATION / "sftp.key").write_bytes(stranger.export_private_key())
        with pytest.raises(JobcenterError) as failure:
            await world.deliver(make_submission(DESTINATION))
        assert failure.value.code == "login-refused"

    async def test_what_is_there_with_the_same_hash_is_not_written_again(self, world: World) -> None:
        rig, submission = self.rig(world), make_submission(DESTINATION, b"document")
        await world.deliver(submission)
        rig.sftp.writes.clear()
        await world.deliver(submission)
        assert [re.sub(r"\.[0-9a-f]{16}\.part$", "", Path(path).name) for path in rig.sftp.writes] == [drops.PUSH]

    async def test_what_was_altered_meanwhile_is_put_right(self, world: World) -> None:
        rig, submission = self.rig(world), make_submission(DESTINATION, b"document")
        await world.deliver(submission)
        part = drops.part_name(submission.manifest.parts[2].id)
        (rig.inbox / str(submission.delivery_id) / part).write_bytes(b"D0cument")
        await world.deliver(submission)
        assert await rig.arrived(submission) == expected(submission)

    async def test_what_was_taken_comes_again_when_it_is_asked_for_again(self, world: World) -> None:
        rig, submission = self.rig(world), make_submission(DESTINATION, b"document")
        await world.deliver(submission)
        empty(rig.inbox)
        await world.deliver(submission)
        assert await rig.arrived(submission) == expected(submission)

    async def test_the_manifest_is_written_last_and_everything_as_part_first(self, world: World) -> None:
        rig, submission = self.rig(world), make_submission(DESTINATION, BIG, b"small")
        await world.deliver(submission)
        names = [Path(path).name for path in rig.sftp.writes]
        assert all(name.endswith(drops.UNFINISHED) for name in names)
        assert [name.split(".")[0] for name in names[-2:]] == ["push", "manifest"]

    async def test_a_server_without_openssh_extensions_will_do(self, world: World) -> None:
        def plain(self: Any, *_: Any) -> None:
            raise asyncssh.SFTPOpUnsupported("no posix-rename")

        rig, submission = self.rig(world), make_submission(DESTINATION, b"document")
        rig.sftp.posix_rename = rig.sftp.fsync = plain
        await world.deliver(submission)
        await world.deliver(submission)  # replaces the push signature
        assert await rig.arrived(submission) == expected(submission)
        assert not list(rig.inbox.rglob("*.part"))

    async def test_the_signature_beside_the_parts_is_the_platforms(self, world: World) -> None:
        submission = make_submission(DESTINATION)
        await world.deliver(submission)
        token = (self.rig(world).inbox / str(submission.delivery_id) / drops.PUSH).read_bytes()
        platform = keys.platform_keys()
        drops.verify_drop(
            token, key_for=platform.push_key_for, delivery_id=submission.delivery_id, destination=DESTINATION
        )


class TestMutualTls:
    @pytest.fixture
    async def world(self, session: aiohttp.ClientSession, store: S3Store, tmp_path: Path) -> AsyncIterator[World]:
        async with https_rig(tmp_path) as rig:
            yield World(rig, make(tmp_path, session, None), store, tmp_path)

    async def test_without_the_certificate_nothing_is_delivered(self, world: World) -> None:
        assert isinstance(world.rig.adapter, HttpsAdapter)
        world.rig.adapter = world.rig.adapter.model_copy(update={"client_certificate": None})
        with pytest.raises(JobcenterError) as failure:
            await world.deliver(make_submission(DESTINATION))
        assert failure.value.code in {"tls", "connect"}
        with pytest.raises(JobcenterError):
            await world.adapters.probe((await world.consignment(make_submission(), stored=False)).destination)

    async def test_another_authority_is_not_believed(self, world: World) -> None:
        assert isinstance(world.rig.adapter, HttpsAdapter)
        other = Authority(world.folder / "other").pem
        world.rig.adapter = world.rig.adapter.model_copy(update={"ca": other})
        with pytest.raises(JobcenterError) as failure:
            await world.deliver(make_submission(DESTINATION))
        assert failure.value.code == "tls"

    async def test_the_systems_authorities_do_not_know_it(self, world: World) -> None:
        assert isinstance(world.rig.adapter, HttpsAdapter)
        world.rig.adapter = world.rig.adapter.model_copy(update={"ca": None})
        with pytest.raises(JobcenterError) as failure:
            await world.deliver(make_submission(DESTINATION))
        assert failure.value.code == "tls"

    async def test_a_rotated_certificate_takes_effect_at_once(self, world: World) -> None:
        await world.deliver(make_submission(DESTINATION))
        secrets = world.folder / "secrets" / DESTINATION
        stranger = Authority(world.folder / "stranger", "Stranger")
        good = [(secrets / name).read_bytes() for name in ("https.crt", "https.key")]
        stranger.issue("platform", server=False, into=(secrets / "https.crt", secrets / "https.key"))
        with pytest.raises(JobcenterError):
            await world.deliver(make_submission(DESTINATION))
        for name, content in zip(("https.crt", "https.key"), good, strict=True):
            (secrets / name).write_bytes(content)
        await world.deliver(make_submission(DESTINATION))

    @pytest.mark.parametrize("ca", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    async def test_an_unusable_authority_is_the_operators(self, world: World, ca: str) -> None:
        assert isinstance(world.rig.adapter, HttpsAdapter)
        world.rig.adapter = world.rig.adapter.model_copy(update={"ca": ca})
        with pytest.raises(JobcenterError) as failure:
            await world.deliver(make_submission(DESTINATION))
        assert failure.value.code == "adapter-not-configured"


class TestMail:
    @pytest.fixture
    async def world(
        self,
        session: aiohttp.ClientSession,
        store: S3Store,
        platform_store: StoreSettings,  # noqa: F811
        tmp_path: Path,
    ) -> AsyncIterator[World]:
        async with mail_rig(tmp_path) as (rig, settings):
            yield World(rig, make(tmp_path, session, platform_store, **settings), store, tmp_path)

    @staticmethod
    def rig(world: World) -> MailRig:
        assert isinstance(world.rig, MailRig)
        return world.rig

    async def test_nothing_but_the_delivery_id_stands_in_envelope_subject_and_text(self, world: World) -> None:
        rig, submission = self.rig(world), make_submission(DESTINATION, b"document")
        await world.deliver(submission)
        [envelope], [message] = rig.mailbox.mails, rig.messages()
        assert (envelope.mail_from, envelope.rcpt_tos) == (
            "zustellung@antragsweiche.example",
            ["eingang@jobcenter.example"],
        )
        assert message["Subject"] == f"Antragsweiche: Lieferung {submission.delivery_id}"
        shown = {name: str(value) for name, value in message.items()}
        text = message.get_body()
        assert text is not None
        shown["text"] = text.get_content()
        for private in (str(submission.id), "63303", "portal"):
            assert not [name for name, value in shown.items() if private in value]
        assert set(attachments(message)) == {*expected(submission), drops.PUSH}

    async def test_large_documents_are_links_to_the_sealed_parts(self, world: World) -> None:
        rig, submission = self.rig(world), make_submission(DESTINATION, BIG, b"small")
        world.rig.adapter = MailAdapter(address="eingang@jobcenter.example", max_attached_bytes=100_000)
        await world.deliver(submission)
        [message] = rig.messages()
        linked = {drops.part_name(part.id) for part in submission.manifest.parts[2:]}
        assert set(attachments(message)) == {*expected(submission), drops.PUSH, drops.LINKS} - linked
        assert await rig.arrived(submission) == expected(submission)

    async def test_the_same_delivery_bears_the_same_message_id(self, world: World) -> None:
        submission = make_submission(DESTINATION)
        await world.deliver(submission)
        await world.deliver(submission)
        ids = {str(message["Message-ID"]) for message in self.rig(world).messages()}
        assert ids == {f"<{submission.delivery_id}@antragsweiche.example>"}

    async def test_the_lanes_probe_sends_no_mail_and_the_operators_sends_an_empty_one(self, world: World) -> None:
        destination = (await world.consignment(make_submission(), stored=False)).destination
        await world.adapters.probe(destination)
        assert not self.rig(world).mailbox.mails
        mail = world.adapters.of(destination)
        assert isinstance(mail, MailPush)
        await mail.send_probe(destination)
        [message] = self.rig(world).messages()
        assert message["Subject"] == "Antragsweiche: leere Probe"
        assert not attachments(message)

    async def test_a_mail_server_that_cannot_be_believed_gets_nothing(
        self,
        world: World,
        session: aiohttp.ClientSession,
        platform_store: StoreSettings,  # noqa: F811
    ) -> None:
        async with mail_rig(world.folder / "second") as (rig, settings):
            settings["smtp_ca_file"] = Authority(world.folder / "other").file
            adapters = make(world.folder, session, platform_store, **settings)
            with pytest.raises(JobcenterError) as failure:
                await adapters.deliver(await world.consignment(make_submission(DESTINATION)))
            assert failure.value.code == "tls"
            assert not rig.mailbox.mails

    async def test_without_starttls_the_server_itself_refuses(
        self,
        world: World,
        session: aiohttp.ClientSession,
        platform_store: StoreSettings,  # noqa: F811
    ) -> None:
        async with mail_rig(world.folder / "second") as (rig, settings):
            adapters = make(world.folder, session, platform_store, **settings | {"smtp_tls": SmtpTls.NONE})
            with pytest.raises(JobcenterError) as failure:
                await adapters.deliver(await world.consignment(make_submission(DESTINATION)))
            assert failure.value.code == "refused"
            assert not rig.mailbox.mails

    async def test_a_platform_without_a_mail_server_says_so(self, world: World, session: aiohttp.ClientSession) -> None:
        adapters = make(world.folder, session, None)
        with pytest.raises(JobcenterError) as failure:
            await adapters.deliver(await world.consignment(make_submission(DESTINATION)))
        assert failure.value.code == "adapter-not-configured"
