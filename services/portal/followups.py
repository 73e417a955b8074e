"""After sending: how far it is, later evidence, taking it back, and coming back with the code."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from services.portal.files import changed, numbered
from services.portal.intake import Refused
from services.portal.plans import Incomplete, SendKind
from services.portal.records import Record, Sent, StoredFile
from services.portal.sending import Busy, NotAccepted, ReceiptFollows
from services.portal.site import Site, read_form
from services.portal.uploads import Patience, Room, receive
from services.portal.vault import Vault
from services.portal.web import TOKEN_FIELD, address_of, check_token
from shared.errors import OurError

STATUS = {
    "accepted": (
        "Angekommen und unterwegs zum Jobcenter",
        "info",
        "Wir haben Ihren Antrag sicher gespeichert und geben ihn an das Jobcenter.",
    ),
    "clearing": (
        "Angekommen, wir klären die Zuständigkeit",
        "info",
        "Menschen suchen das richtige Jobcenter. Der Tag des Eingangs bleibt.",
    ),
    "acknowledged": ("Im Jobcenter angekommen", "success", "Das Jobcenter hat den Empfang bestätigt."),
    "rejected": (
        "Das Jobcenter konnte die Sendung nicht annehmen",
        "danger",
        "Bitte rufen Sie das Jobcenter an. Der Tag des Eingangs bleibt gewahrt.",
    ),
    "withdrawn": ("Zurückgenommen", "warning", "Sie haben diese Sendung zurückgenommen."),
    "expired": ("Nicht abgeschlossen", "warning", "Diese Sendung wurde nicht abgeschlossen und ist gelöscht."),
    "unknown": ("Gerade nicht abrufbar", "warning", "Bitte laden Sie die Seite später noch einmal."),
}
KINDS = {
    "application": "Antrag",
    "early": "Antrag zur Sicherung des Datums",
    "supplement": "Nachreichung",
    "withdrawal": "Rücknahme",
}
OTHER = "other"
NO_FILE = (("file", "Bitte wählen Sie zuerst eine Datei aus."),)


@dataclass(frozen=True)
class FollowUps:
    site: Site

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/status", self.status),
            web.get("/nachreichen", self.show),
            web.post("/nachreichen", self.post),
            web.get("/zuruecknehmen", self.ask),
            web.post("/zuruecknehmen", self.withdraw),
            web.get("/zugang", self.access),
            web.post("/zugang", self.enter),
        ]

    async def status(self, request: web.Request) -> web.Response:
        vault, case = await self.site.case(request)
        states = [await self._state(sent) for sent in case.sent]
        rows = [(sent, KINDS[sent.kind], *STATUS[state]) for sent, state in zip(case.sent, states, strict=True)]
        draft = await self.site.find_draft(request)
        response = self.site.page(
            "status.html",
            "Stand Ihres Antrags",
            vault=vault,
            case=case,
            rows=rows,
            withdrawn=_withdrawn(case) or states[:1] == ["withdrawn"],
            copy_until=draft.loaded.erase_at if draft is not None and draft.vault.case() == vault else None,
            target=case.target,
            code=vault.code(),
        )
        # Later evidence keeps the case for longer: the cookie must not go before it.
        self.site.cookies.put(response, self.site.cookies.case, vault, self.site.settings.case_s)
        return response

    async def _state(self, sent: Sent) -> str:
        try:
            state = str((await self.site.intake.status(sent.submission_id)).get("status"))
        except (Refused, OurError):
            return "unknown"
        return state if state in STATUS else "unknown"

    # -- later evidence ---------------------------------------------------------------------------------------------

    async def show(self, request: web.Request) -> web.Response:
        vault, case = await self.site.case(request)
        return self._page(vault, case, replaced=numbered(case.files, request.query.get("ersetzen", "")))

    def _page(
        self,
        vault: Vault,
        case: Record,
        problems: tuple[tuple[str, str], ...] = (),
        *,
        message: str = "",
        status: int = 422,
        chosen: str = "",
        replaced: StoredFile | None = None,
    ) -> web.Response:
        return self.site.page(
            "replace.html" if replaced is not None else "later.html",
            "Datei ersetzen" if replaced is not None else "Nachweise nachreichen",
            vault=vault,
            case=case,
            status=status if problems or message else 200,
            problem=bool(problems or message),
            problems=problems,
            message=message,
            chosen=chosen,
            replaced=replaced,
            slot=None,
            back="",
            action="/nachreichen",
            cancel="/nachreichen",
            max_mb=self.site.settings.max_document_bytes // 1_000_000,
        )

    async def post(self, request: web.Request) -> web.Response:
        vault, case = await self.site.case(request)
        if request.content_type != "multipart/form-data":
            raise web.HTTPBadRequest
        settings = self.site.settings
        received = await receive(
            request,
            self.site.drafts,
            vault,
            slot_of=lambda fields: fields.get("slot", [OTHER])[0],
            check=lambda fields: check_token(vault, fields.get(TOKEN_FIELD, [""])[0]),
            room=Room(
                settings.max_document_bytes,
                settings.max_total_bytes - sum(file.size for file in case.files),
                settings.max_documents - len(case.files),
            ),
            patience=Patience(settings.upload_timeout_s, settings.upload_idle_s),
        )
        chosen = received.fields.get("slot", [OTHER])[0]
        known = {OTHER, *(each.key for each in case.open_evidence)}
        files = tuple(file.changed(slot=file.slot if file.slot in known else OTHER) for file in received.files)
        replaced = next((file for file in case.files if file.id in received.fields.get("_replace", [])), None)
        removed = [file for file in case.files if file.id in received.fields.get("_remove", [])]
        if replaced is not None and files:
            removed.append(replaced)

        def change(record: Record) -> Record:
            return record.changed(files=changed(record.files, files, removed, replaced))

        case = await self.site.drafts.change(vault, change, settings.case_s)
        for file in removed:
            await self.site.drafts.delete_file(vault, file.id)
        if received.refused:
            problems = tuple(("file", f"„{name}“ {text}") for name, text in received.refused)
            return self._page(vault, case, problems, chosen=chosen, replaced=None if files else replaced)
        if "_send" not in received.fields:
            if not files and not removed:
                return self._page(vault, case, NO_FILE, chosen=chosen, replaced=replaced)
            raise web.HTTPSeeOther("/nachreichen")
        if not case.pending:
            return self._page(vault, case, NO_FILE, chosen=chosen)
        return await self._send(vault, case, SendKind.SUPPLEMENT)

    async def _send(self, vault: Vault, case: Record, kind: SendKind) -> web.Response:
        try:
            await self.site.sender.send(vault, kind)
        except (Busy, OurError, ReceiptFollows):
            text = "Das ist gespeichert, aber noch nicht bestätigt. Versuchen Sie es in ein paar Minuten noch einmal."
            return self._page(vault, case, message=text, status=503)
        except (NotAccepted, Incomplete):
            text = "Ein technischer Fehler verhindert das Absenden. Bitte wenden Sie sich an Ihr Jobcenter."
            return self._page(vault, case, message=text, status=502)
        raise web.HTTPSeeOther("/status")

    # -- taking it back ---------------------------------------------------------------------------------------------

    async def ask(self, request: web.Request) -> web.Response:
        vault, case = await self.site.case(request)
        if _withdrawn(case):
            raise web.HTTPSeeOther("/status")
        return self.site.page("withdraw.html", "Antrag zurücknehmen", vault=vault, case=case, message="")

    async def withdraw(self, request: web.Request) -> web.Response:
        vault, case = await self.site.case(request)
        form = await self.site.form(request, vault)
        if _withdrawn(case):
            raise web.HTTPSeeOther("/status")
        if form.get("sure", [""])[0] != "yes":
            text = "Bitte kreuzen Sie an, dass Sie den Antrag zurücknehmen möchten."
            return self.site.page(
                "withdraw.html", "Antrag zurücknehmen", vault=vault, case=case, message=text, status=422, problem=True
            )
        assert case.first is not None, "a case begins with a submission"
        try:
            await self.site.intake.withdraw(case.first.submission_id)
        except Refused as refused:
            if refused.code != "withdrawal-too-late":
                raise web.HTTPNotFound from None
            # It is with the Jobcenter already: tell the Jobcenter.
            return await self._send(vault, case, SendKind.WITHDRAWAL)
        raise web.HTTPSeeOther("/status")

    # -- coming back ------------------------------------------------------------------------------------------------

    async def access(self, _request: web.Request) -> web.Response:
        return self.site.page("access.html", "Mit dem Zugangscode zum Antrag", message="")

    async def enter(self, request: web.Request) -> web.Response:
        settings = self.site.settings
        name = f"code {address_of(request, settings.trusted_proxies)}"
        if self.site.starts.take(name, self.site.monotonic()) is not None:
            raise web.HTTPTooManyRequests(headers={"Retry-After": "60"})
        vault = Vault.from_code((await read_form(request)).get("code", [""])[0])
        if vault is None or await self.site.drafts.load(vault) is None:
            text = "Diesen Code kennen wir nicht. Bitte vergleichen Sie ihn mit Ihrer Bestätigung."
            return self.site.page(
                "access.html", "Mit dem Zugangscode zum Antrag", message=text, status=422, problem=True
            )
        response = web.Response(status=303, headers={"Location": "/status"})
        self.site.cookies.put(response, self.site.cookies.case, vault, settings.case_s)
        return response


def _withdrawn(case: Record) -> bool:
    """Has the Jobcenter been told? Once is enough."""
    return any(sent.kind == SendKind.WITHDRAWAL.value for sent in case.sent)
