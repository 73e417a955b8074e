"""For each kind of adapter a Jobcenter's real server on loopback, and what has arrived there."""

from __future__ import annotations

import email
import json
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar, Protocol

import aiohttp
import asyncssh
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.delivery.adapters.settings import AdapterSettings, SmtpTls
from shared.contracts.directory import AnyAdapter, HttpsAdapter, MailAdapter, S3Adapter, SftpAdapter
from shared.store.s3 import S3Store
from shared.store.settings import StoreSettings
from shared.trust import drops
from tests.services.delivery.support import Receiver, Submission
from tests.support.certificates import Authority

DESTINATION = "jobcenter-a"


class Rig(Protocol):
    """A Jobcenter that is reached in one way. `adapter` is what the directory says of it."""

    adapter: AnyAdapter
    secret: str | None
    """Name of the secret file that it needs."""

    async def arrived(self, submission: Submission) -> dict[str, bytes]:
        """Names of files, in the folder's form, that are complete; empty unless the manifest is there."""
        ...

    async def leftovers(self) -> list[str]:
        """Everything else that lies there."""
        ...

    async def refuse(self) -> None:
        """From now on the server refuses the platform."""
        ...

    async def stop(self) -> None:
        """From now on nobody listens."""
        ...


def adapter_settings(folder: Path, **changes: Any) -> AdapterSettings:
    (folder / "secrets" / DESTINATION).mkdir(parents=True, exist_ok=True)
    return AdapterSettings(**({"secrets_dir": folder / "secrets"} | changes))


def put_secret(folder: Path, name: str, content: bytes) -> Path:
    file = folder / "secrets" / DESTINATION / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(content)
    return file


class HttpsRig:
    """The receiver in miniature behind mutual TLS."""

    secret = "https.key"

    def __init__(self, receiver: Receiver, server: TestServer, authority: Authority) -> None:
        self._receiver, self._server = receiver, server
        self.adapter: AnyAdapter = HttpsAdapter(
            url=receiver.url_of(DESTINATION), client_certificate=True, ca=authority.pem
        )

    async def arrived(self, submission: Submission) -> dict[str, bytes]:
        for push in self._receiver.pushes:
            if push.delivery_id == submission.delivery_id:
                parts = {f"{name}{drops.PART_SUFFIX}": body for name, body in push.parts.items()}
                return parts | {drops.MANIFEST: push.token.encode()}
        return {}

    async def leftovers(self) -> list[str]:
        return []

    async def refuse(self) -> None:
        self._receiver.before = self._receiver.before_probe = lambda: web.Response(status=403)

    async def stop(self) -> None:
        await self._server.close()


@asynccontextmanager
async def https_rig(folder: Path) -> AsyncIterator[HttpsRig]:
    authority = Authority(folder / "ca")
    pair = authority.issue("receiver", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    secrets = folder / "secrets" / DESTINATION
    secrets.mkdir(parents=True, exist_ok=True)
    authority.issue("platform", server=False, into=(secrets / "https.crt", secrets / "https.key"))
    receiver = Receiver()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/{destination}/v1/deliveries/{delivery_id}", receiver._deliveries)
    app.router.add_get("/{destination}/v1/probe", receiver._probe)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    receiver.url = f"https://127.0.0.1:{server.port}"
    try:
        yield HttpsRig(receiver, server, authority)
    finally:
        await server.close()


class _Refusable(asyncssh.SFTPServer):
    refusing = False
    writes: ClassVar[list[str]] = []

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if type(self).refusing:
            raise asyncssh.SFTPPermissionDenied("read only")
        if pflags & asyncssh.FXF_WRITE:
            type(self).writes.append(path.decode())
        return super().open(path, pflags, attrs)


class SftpRig:
    """A real SSH server (asyncssh) with a folder `in`."""

    secret = "sftp.key"

    def __init__(self, folder: Path, server: asyncssh.SSHAcceptor, host_key: str, sftp: type[_Refusable]) -> None:
        self.inbox, self._server, self.sftp = folder, server, sftp
        self.adapter: AnyAdapter = SftpAdapter(
            host="127.0.0.1", port=server.get_port(), user="antragsweiche", path="/in", host_keys=(host_key,)
        )

    async def arrived(self, submission: Submission) -> dict[str, bytes]:
        return folder_content(self.inbox / str(submission.delivery_id))

    async def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.inbox.rglob("*") if path.is_file() and path.suffix != ".jwe")

    async def refuse(self) -> None:
        self.sftp.refusing = True

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()


def folder_content(folder: Path) -> dict[str, bytes]:
    if not (folder / drops.MANIFEST).is_file():
        return {}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != drops.PUSH}


@asynccontextmanager
async def sftp_rig(folder: Path, name: str = "sftp") -> AsyncIterator[SftpRig]:
    root = folder / name
    (root / "in").mkdir(parents=True)
    key, host_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    put_secret(folder, "sftp.key", key.export_private_key())
    authorized = folder / f"{name}-authorized"
    authorized.write_bytes(key.export_public_key())
    sftp = type("Sftp", (_Refusable,), {"refusing": False, "writes": []})
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=str(authorized),
        sftp_factory=lambda chan: sftp(chan, chroot=str(root).encode()),
        allow_scp=False,
    )
    public = " ".join(host_key.export_public_key().decode().split()[:2])
    try:
        yield SftpRig(root / "in", server, public, sftp)
    finally:
        server.close()
        await server.wait_closed()


class BucketRig:
    """A real versitygw."""

    secret = "s3.secret"

    def __init__(self, folder: Path, store: S3Store, settings: StoreSettings) -> None:
        self._folder, self.store = folder, store
        self.adapter: AnyAdapter = S3Adapter(
            endpoint=settings.endpoint,
            secure=False,
            bucket=settings.bucket,
            prefix="jobcenter/in/",
            access_key=settings.access_key,
        )

    async def arrived(self, submission: Submission) -> dict[str, bytes]:
        prefix = f"jobcenter/in/{submission.delivery_id}/"
        keys = await self.store.list(prefix)
        if f"{prefix}{drops.MANIFEST}" not in keys:
            return {}
        content = {key.removeprefix(prefix): await self.store.get(key) or b"" for key in keys}
        return {name: body for name, body in content.items() if name != drops.PUSH}

    async def leftovers(self) -> list[str]:
        return [key.rpartition("/")[2] for key in await self.store.list("jobcenter/") if not key.endswith(".jwe")]

    async def refuse(self) -> None:
        put_secret(self._folder, "s3.secret", b"another")

    async def stop(self) -> None:
        assert isinstance(self.adapter, S3Adapter)
        self.adapter = self.adapter.model_copy(update={"endpoint": "127.0.0.1:1"})


class Mailbox:
    """What a mail server's handler took; `refusing` says no to recipients."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.refusing = False

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.refusing:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return "250 taken"


class MailRig:
    """A real SMTP server (aiosmtpd) that wants STARTTLS; links are fetched over real HTTP from the real store."""

    secret = None

    def __init__(self, mailbox: Mailbox, controller: Controller) -> None:
        self.mailbox, self._controller, self._stopped = mailbox, controller, False
        self.adapter: AnyAdapter = MailAdapter(address="eingang@jobcenter.example")

    def messages(self) -> list[EmailMessage]:
        found = [email.message_from_bytes(mail.content or b"", policy=policy.SMTP) for mail in self.mailbox.mails]  # type: ignore[arg-type]
        return [message for message in found if isinstance(message, EmailMessage)]

    async def arrived(self, submission: Submission) -> dict[str, bytes]:
        for message in self.messages():
            if str(submission.delivery_id) in str(message["Subject"]):
                files = attachments(message)
                links = json.loads(files.pop(drops.LINKS, b"{}"))
                async with aiohttp.ClientSession() as session:
                    for name, url in links.items():
                        async with session.get(url) as response:
                            assert response.status == 200
                            files[name] = await response.read()
                del files[drops.PUSH]
                return files
        return {}

    async def leftovers(self) -> list[str]:
        return []

    async def refuse(self) -> None:
        self.mailbox.refusing = True

    async def stop(self) -> None:
        if not self._stopped:
            self._controller.stop()
            self._stopped = True


def attachments(message: EmailMessage) -> dict[str, bytes]:
    return {str(part.get_filename()): part.get_payload(decode=True) for part in message.iter_attachments()}  # type: ignore[misc]


class _AnyPort(Controller):
    """On a port of the system's choice."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()


@asynccontextmanager
async def mail_rig(folder: Path) -> AsyncIterator[tuple[MailRig, dict[str, Any]]]:
    """With the settings that the platform needs for it."""
    authority = Authority(folder / "mail-ca")
    pair = authority.issue("mail", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    mailbox = Mailbox()
    controller = _AnyPort(
        mailbox,
        hostname="127.0.0.1",
        port=0,
        tls_context=context,
        require_starttls=True,
        data_size_limit=64 * 1024 * 1024,
    )
    controller.start()
    rig = MailRig(mailbox, controller)
    settings = {
        "smtp_host": "127.0.0.1",
        "smtp_port": controller.port,
        "smtp_tls": SmtpTls.STARTTLS,
        "smtp_ca_file": authority.file,
        "smtp_sender": "zustellung@antragsweiche.example",
    }
    try:
        yield rig, settings
    finally:
        await rig.stop()


def empty(folder: Path) -> None:
    """What the Jobcenter does with what it took."""
    for path in folder.iterdir():
        shutil.rmtree(path)
