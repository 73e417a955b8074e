"""Mail, the last resort: sealed parts as attachments, large documents as links to the sealed objects in our store.

The attachments bear the names of a hot folder (`shared.trust.drops`): saved together into a folder named like the
subject's delivery id, with what the links yield, they are a delivery that the receiver picks up. Envelope, subject and
text name the delivery's id and nothing else; From and To are the platform's and the Jobcenter's fixed addresses.

The mail server is the platform's own. That it took the mail is all that is known: hence `HandedOver`. The same
delivery always bears the same Message-ID. Memory is bounded by the adapter's `max_attached_bytes`, not by the parts.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import aiosmtplib

from services.delivery.adapters.drop import DropSigner
from services.delivery.adapters.port import Consignment, HandedOver
from services.delivery.adapters.secrets import NotConfigured
from services.delivery.adapters.settings import AdapterSettings, SmtpTls
from shared.contracts.canonical import canonical_json
from shared.contracts.directory import Destination, MailAdapter
from shared.contracts.manifest import Part, Role
from shared.contracts.reasons import Reason
from shared.errors import JobcenterError, Misconfigured
from shared.settings import read_secret_file
from shared.trust import drops

LinkMaker = Callable[[Consignment, Part], str]
"""Answers a URL under which the sealed part can be fetched for some days."""

_TEXT = """\
Dies ist eine verschlüsselte Lieferung der Antragsweiche an {destination}.

Lieferung: {delivery_id}

Bitte speichern Sie alle Anhänge zusammen in einem Ordner, der genauso heißt wie die Lieferung, und legen Sie ihn in
den Eingangsordner der Annahme. Die Datei manifest.jws kommt zuletzt.{links}
Erst wenn die Annahme die Lieferung geprüft und signiert beantwortet hat, gilt sie als zugestellt.
"""
_LINKS = """
Große Dokumente stehen als Verweise in links.json: Name und Adresse. Bitte laden Sie sie unter diesem Namen in
denselben Ordner. Die Verweise gelten nur einige Tage. Auch diese Dateien sind verschlüsselt.
"""
_PROBE_TEXT = """\
Dies ist eine leere Probe der Antragsweiche für {destination}. Sie enthält keinen Antrag; es ist nichts zu tun.
"""


class MailPush:
    """See `adapters.port`."""

    def __init__(
        self,
        settings: AdapterSettings,
        sign: DropSigner,
        link: LinkMaker,
        clock: Callable[[], datetime],
        *,
        connect_timeout_s: float,
        idle_timeout_s: float,
    ) -> None:
        self._settings, self._sign, self._link, self._clock = settings, sign, link, clock
        self._connect_timeout_s, self._idle_timeout_s = connect_timeout_s, idle_timeout_s

    async def deliver(self, consignment: Consignment) -> HandedOver:
        adapter = _adapter(consignment.destination)
        message = self._message(consignment.destination, f"Lieferung {consignment.delivery_id}")
        message["Message-ID"] = f"<{consignment.delivery_id}@{self._sender().rpartition('@')[2]}>"
        parts = consignment.manifest.parts
        attached, linked = list(parts), []
        if sum(part.size for part in parts) > adapter.max_attached_bytes:
            attached = [part for part in parts if part.role is not Role.ATTACHMENT]
            linked = [part for part in parts if part.role is Role.ATTACHMENT]
        text = _TEXT.format(
            destination=consignment.destination.id,
            delivery_id=consignment.delivery_id,
            links=_LINKS if linked else "\n",
        )
        message.set_content(text, cte="quoted-printable")
        for part in attached:
            body = b"".join([chunk async for chunk in consignment.open_part(part)])
            _attach(message, drops.part_name(part.id), body)
        if linked:
            links = {drops.part_name(part.id): self._link(consignment, part) for part in linked}
            _attach(message, drops.LINKS, canonical_json(links), subtype="json")
        _attach(message, drops.PUSH, self._sign(consignment).encode("ascii"))
        _attach(message, drops.MANIFEST, consignment.manifest_token.encode("ascii"))
        async with self._open() as smtp:
            await smtp.send_message(message, sender=self._sender(), recipients=[adapter.address])
        return HandedOver.ANSWER_LATER

    async def probe(self, destination: Destination) -> None:
        """Asks the mail server whether it would take a mail for this address, and sends none."""
        adapter = _adapter(destination)
        async with self._open() as smtp:
            await smtp.mail(self._sender())
            await smtp.rcpt(adapter.address)
            await smtp.rset()

    async def send_probe(self, destination: Destination) -> None:
        """The marked, empty mail of `antragsweiche adapter check`: once, for a person to see. Never sent by lanes."""
        adapter = _adapter(destination)
        message = self._message(destination, "leere Probe")
        message.set_content(_PROBE_TEXT.format(destination=destination.id), cte="quoted-printable")
        async with self._open() as smtp:
            await smtp.send_message(message, sender=self._sender(), recipients=[adapter.address])

    def _message(self, destination: Destination, subject: str) -> EmailMessage:
        message = EmailMessage(policy=policy.SMTP)
        message["Subject"] = f"Antragsweiche: {subject}"
        message["From"] = self._sender()
        message["To"] = _adapter(destination).address
        message["Date"] = format_datetime(self._clock())
        message["Auto-Submitted"] = "auto-generated"
        return message

    def _sender(self) -> str:
        if self._settings.smtp_sender is None:
            raise NotConfigured("DELIVERY_SMTP_HOST is not set: this platform sends no mail")
        return self._settings.smtp_sender

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[aiosmtplib.SMTP]:
        settings = self._settings
        if settings.smtp_host is None:
            raise NotConfigured("DELIVERY_SMTP_HOST is not set: this platform sends no mail")
        smtp = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            timeout=self._idle_timeout_s,
            use_tls=settings.smtp_tls is SmtpTls.TLS,
            start_tls=settings.smtp_tls is SmtpTls.STARTTLS,
            tls_context=_tls(settings.smtp_ca_file) if settings.smtp_tls is not SmtpTls.NONE else None,
        )
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await smtp.connect()
                if settings.smtp_user is not None and settings.smtp_password_file is not None:
                    await smtp.login(settings.smtp_user, _password(settings.smtp_password_file))
            yield smtp
            await smtp.quit()
        except aiosmtplib.SMTPAuthenticationError:
            raise JobcenterError(Reason.LOGIN) from None
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            raise JobcenterError(Reason.TIMEOUT) from None
        except (ssl.SSLError, aiosmtplib.SMTPNotSupported):
            raise JobcenterError(Reason.TLS) from None
        except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, OSError) as error:
            raise JobcenterError(Reason.TLS if "SSL" in str(error) else Reason.CONNECT) from None
        except aiosmtplib.SMTPException:
            raise JobcenterError(Reason.REFUSED) from None
        finally:
            smtp.close()


def _adapter(destination: Destination) -> MailAdapter:
    if not isinstance(destination.adapter, MailAdapter):
        raise NotConfigured(f"{destination.id} has no mail adapter")
    return destination.adapter


def _attach(message: EmailMessage, name: str, body: bytes, *, subtype: str = "jose") -> None:
    message.add_attachment(body, maintype="application", subtype=subtype, filename=name)


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise NotConfigured(f"DELIVERY_SMTP_CA_FILE {ca_file} is no PEM file of certificates") from None


def _password(file: Path) -> str:
    try:
        return read_secret_file(file).decode("utf-8")
    except (Misconfigured, UnicodeDecodeError) as error:
        raise NotConfigured(str(error)) from None
