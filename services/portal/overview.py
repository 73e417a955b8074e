"""The way in, the task list, checking the answers, sending, and what follows at once."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass

from aiohttp import web

from services.portal import plans
from services.portal.evidence import STATES
from services.portal.intake import Refused
from services.portal.places import place_of
from services.portal.plans import Incomplete, SendKind
from services.portal.questions import shown
from services.portal.records import Place, Record, Stage
from services.portal.sending import (
    COPY_FILE,
    COPY_NAME,
    LATER_FILE,
    LATER_NAME,
    Busy,
    NotAccepted,
    PlaceChanged,
    ReceiptFollows,
)
from services.portal.site import Draft, Site, read_form
from services.portal.vault import Vault
from services.portal.web import address_of
from shared.errors import OurError
from shared.form.flow import Missing, State, look
from shared.telemetry.logs import emit

log = logging.getLogger(__name__)
TRUTH = "close.truth_declaration"
STATE_WORDS = {
    State.NOT_STARTED: ("noch nicht begonnen", "quiet"),
    State.IN_PROGRESS: ("unvollständig", "warning"),
    State.COMPLETE: ("fertig", "success"),
    State.TO_FOLLOW: ("folgt später", "info"),
}
UNCLEAR = (
    "Das Absenden ist noch nicht bestätigt. Ihre Angaben sind gespeichert, nichts geht verloren. "
    "Bitte versuchen Sie es in ein paar Minuten noch einmal. Es kommt auch dann nur ein Antrag an."
)


def postcode_hint(text: str | None) -> str | None:
    """The postcode of a Jobcenter's link or QR code (`/?plz=63303`); None for anything else."""
    return text if text is not None and re.fullmatch("[0-9]{5}", text) else None


@dataclass(frozen=True)
class _Copy:
    """A PDF among the draft's sealed files, and what browsers call it."""

    file: str
    name: str
    chunks: int
    size: int


@dataclass(frozen=True)
class Overview:
    site: Site

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.start),
            web.post("/beginnen", self.begin),
            web.get("/aufgaben", self.tasks),
            web.get("/pruefen", self.check),
            web.get("/datum", self.early),
            web.post("/datum", self.send_early),
            web.get("/absenden", self.ask),
            web.post("/absenden", self.send),
            web.get("/gesendet", self.sent),
            web.get("/antrag.pdf", self.copy),
            web.get("/nachreichung.pdf", self.later_copy),
            web.get("/quittung.json", self.receipt),
            web.get("/loeschen", self.ask_erase),
            web.post("/loeschen", self.erase),
            web.post("/verlaengern", self.extend),
        ]

    # -- the way in -------------------------------------------------------------------------------------------------

    async def start(self, request: web.Request) -> web.Response:
        draft = await self.site.find_draft(request)
        hint = postcode_hint(request.query.get("plz"))
        place = await self._place(hint) if hint is not None else None
        jobcenter = place.target.id if place is not None else None
        return self.site.page(
            "start.html",
            f"{self.site.brandings.of(jobcenter).benefit} beantragen",
            draft=draft,
            jobcenter=jobcenter,
            stage=draft and draft.record.stage,
            hint=hint,
            place=place,
        )

    async def _place(self, postcode: str) -> Place | None:
        """Where a link's postcode leads, if that is known at once. The link works without it."""
        try:
            answer = await self.site.intake.jobcenters(postcode)
        except (Refused, OurError) as error:
            emit(log, logging.INFO, "no place for a link", error=error)
            return None
        return place_of(postcode, None, answer)

    async def begin(self, request: web.Request) -> web.Response:
        """A new secret and an empty draft under it. A draft that is there already is kept."""
        found = await self.site.find_draft(request)
        if found is not None and found.record.stage is Stage.EDITING:
            raise web.HTTPSeeOther("/aufgaben")
        settings = self.site.settings
        wait_s = self.site.starts.take(address_of(request, settings.trusted_proxies), self.site.monotonic())
        if wait_s is not None:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(wait_s)})
        hint = postcode_hint(next(iter((await read_form(request)).get("plz", [])), None))
        vault = Vault.new()
        await self.site.drafts.create(vault, Record(postcode_hint=hint), settings.unused_s)
        loaded = await self.site.drafts.load(vault)
        assert loaded is not None, "it was written a moment ago"
        first = look({}, self.site.today()).steps[0].id
        response = web.Response(status=303, headers={"Location": f"/frage/{first}"})
        self.site.cookies.put(response, self.site.cookies.draft, vault, settings.unused_s)
        return response

    # -- task list --------------------------------------------------------------------------------------------------

    async def tasks(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        rows = [(state, *STATE_WORDS[state.state]) for state in draft.view.sections]
        place, rest = rows[0], rows[1:]
        told = sum(
            1
            for slot in draft.view.slots
            if draft.record.files_of(slot.key) or plans.slot_answer(draft.view, slot.key).get("state")
        )
        view = draft.view
        if self.site.place_missing(draft):
            place = (place[0], *STATE_WORDS[State.IN_PROGRESS])
        return self.site.page(
            "tasks.html",
            "Ihr Antrag",
            draft=draft,
            place_row=place,
            rows=[row for row in rest if row[0].section.id != "close"],
            close_row=next((row for row in rest if row[0].section.id == "close"), None),
            done=sum(1 for state in view.sections if state.state is State.COMPLETE),
            total=len(view.sections),
            slots=len(view.slots),
            told=told,
            referred=self.site.referred(draft.record),
            early_ready=self._early_ready(draft),
            early_sent=draft.record.first is not None,
        )

    def _early_ready(self, draft: Draft) -> bool:
        """Everything is there but the declaration, which the page itself asks for."""
        if draft.record.first is not None:
            return False
        try:
            plans.check(
                draft.record.changed(answers=draft.record.answers | {TRUTH: True}), SendKind.EARLY, self.site.today()
            )
        except Incomplete:
            return False
        return not self.site.place_missing(draft)

    # -- checking ---------------------------------------------------------------------------------------------------

    async def check(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        view = draft.view
        by_id = {step.id: step for step in view.steps}
        groups = [
            (state, [(by_id[name], shown(by_id[name])) for name in state.steps])
            for state in view.sections
            if state.section.id != "close"
        ]
        evidence = [
            (
                slot,
                draft.record.files_of(slot.key),
                STATES[plans.slot_answer(view, slot.key).get("state", "")],
                plans.slot_answer(view, slot.key).get("reason", ""),
            )
            for slot in view.slots
        ]
        close = next((state for state in view.sections if state.section.id == "close"), None)
        return self.site.page(
            "check.html",
            "Prüfen Sie Ihre Angaben",
            draft=draft,
            groups=groups,
            evidence=evidence,
            missing=self._missing(draft),
            forward=f"/frage/{close.steps[0]}" if close else "/absenden",
        )

    def _missing(self, draft: Draft, kind: SendKind = SendKind.APPLICATION) -> list[Missing]:
        """What is missing beside the declarations that follow."""
        try:
            plans.check(draft.record, kind, self.site.today())
        except Incomplete as incomplete:
            return [each for each in incomplete.missing if not each.key.startswith("close.")]
        return []

    # -- sending ----------------------------------------------------------------------------------------------------

    async def early(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        return self._early_page(draft)

    def _early_page(self, draft: Draft, problem: str = "") -> web.Response:
        if draft.record.first is not None:
            raise web.HTTPSeeOther("/gesendet")
        return self.site.page(
            "early.html",
            "Antragsdatum sichern",
            draft=draft,
            status=422 if problem else 200,
            problem=bool(problem),
            message=problem,
            missing=self._missing(draft, SendKind.EARLY),
            place_missing=draft.record.place is None or self.site.place_missing(draft),
            referred=self.site.referred(draft.record),
        )

    async def send_early(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        form = await self.site.form(request, draft.vault)
        if form.get(TRUTH, [""])[0] != "yes":
            return self._early_page(draft, "Bitte kreuzen Sie an, dass Ihre Angaben wahr sind.")
        await self.site.save(draft, lambda record: record.changed(answers=record.answers | {TRUTH: True}))
        return await self._send(request, draft, SendKind.EARLY)

    async def ask(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        return self._send_page(draft)

    def _send_page(self, draft: Draft, *, message: str = "", status: int = 200) -> web.Response:
        sending = draft.record.stage is Stage.SENDING
        follow = draft.record.first is not None
        missing: list[Missing] = []
        if not sending:
            try:
                plans.check(draft.record, SendKind.APPLICATION, self.site.today())
            except Incomplete as incomplete:
                missing = list(incomplete.missing)
        title = "Ihr Antrag wird gesendet" if sending else "Antrag absenden"
        return self.site.page(
            "send.html",
            title,
            draft=draft,
            status=status,
            problem=bool(message),
            message=message,
            sending=sending,
            follow=follow,
            missing=missing,
            place_missing=not sending and (draft.record.place is None or self.site.place_missing(draft)),
            referred=self.site.referred(draft.record),
            open_evidence=[] if sending else plans.open_evidence(draft.record, self.site.today()),
        )

    async def send(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        await self.site.form(request, draft.vault)
        kind = SendKind.SUPPLEMENT if draft.record.first is not None else SendKind.APPLICATION
        return await self._send(request, draft, kind)

    async def _send(self, request: web.Request, draft: Draft, kind: SendKind) -> web.Response:
        if draft.record.stage is Stage.EDITING and kind is not SendKind.SUPPLEMENT:
            if self.site.place_missing(draft):
                raise web.HTTPSeeOther("/ort")
            if self.site.referred(draft.record):
                raise web.HTTPSeeOther("/zustaendig")
        try:
            await self.site.sender.send(draft.vault, kind)
        except Busy:
            raise web.HTTPSeeOther("/absenden") from None
        except Incomplete:
            raise web.HTTPSeeOther("/datum" if kind is SendKind.EARLY else "/absenden") from None
        except PlaceChanged:
            raise web.HTTPSeeOther("/ort") from None
        except (OurError, ReceiptFollows):
            current = await self.site.find_draft(request) or draft
            return self._send_page(current, message=UNCLEAR, status=503)
        except NotAccepted:
            text = (
                "Ihr Antrag konnte wegen eines technischen Fehlers nicht gesendet werden. Er ist gespeichert. "
                "Bitte versuchen Sie es später noch einmal oder rufen Sie Ihr Jobcenter an."
            )
            current = await self.site.find_draft(request) or draft
            return self._send_page(current, message=text, status=502)
        response = web.Response(status=303, headers={"Location": "/gesendet"})
        settings = self.site.settings
        self.site.cookies.put(response, self.site.cookies.case, draft.vault.case(), settings.case_s)
        return response

    # -- afterwards -------------------------------------------------------------------------------------------------

    async def sent(self, request: web.Request) -> web.Response:
        draft = await self.site.find_draft(request)
        if draft is None:
            raise web.HTTPSeeOther("/status")
        record = draft.record
        if record.first is None:
            raise web.HTTPSeeOther("/absenden" if record.stage is Stage.SENDING else "/aufgaben")
        early = record.stage is not Stage.SENT
        return self.site.page(
            "sent.html",
            "Ihr Antragsdatum ist gesichert" if early else "Ihr Antrag ist da",
            draft=draft,
            first=record.first,
            last=record.sent[-1],
            early=early,
            target=record.target,
            open_evidence=plans.open_evidence(record, self.site.today()),
            code=draft.vault.case().code(),
        )

    async def copy(self, request: web.Request) -> web.StreamResponse:
        draft = await self._finished(request)
        copy = _Copy(COPY_FILE, COPY_NAME, draft.record.copy_chunks, draft.record.copy_size)
        return await self._pdf(request, draft, copy)

    async def later_copy(self, request: web.Request) -> web.StreamResponse:
        draft = await self._finished(request)
        copy = _Copy(LATER_FILE, LATER_NAME, draft.record.later_chunks, draft.record.later_size)
        return await self._pdf(request, draft, copy)

    async def _finished(self, request: web.Request) -> Draft:
        draft = await self.site.find_draft(request)
        if draft is None:
            raise web.HTTPNotFound
        return draft

    async def _pdf(self, request: web.Request, draft: Draft, copy: _Copy) -> web.StreamResponse:
        if not copy.chunks:
            raise web.HTTPNotFound
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/pdf",
                "Content-Length": str(copy.size),
                "Content-Disposition": f'attachment; filename="{copy.name}"',
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            }
        )
        await response.prepare(request)
        async for chunk in self.site.drafts.read_file(draft.vault, copy.file, copy.chunks):
            await response.write(chunk)
        await response.write_eof()
        return response

    async def receipt(self, request: web.Request) -> web.Response:
        """Intake's receipt as it came: the signed manifest, and the secret that proves the content."""
        _, case = await self.site.case(request)
        documents = [sent.model_dump(mode="json") for sent in case.sent]
        return web.Response(
            text=json.dumps({"receipts": documents}, indent=2, ensure_ascii=False),
            content_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="Quittung.json"'},
        )

    # -- keeping and erasing ----------------------------------------------------------------------------------------

    async def ask_erase(self, request: web.Request) -> web.Response:
        draft = await self.site.find_draft(request)
        return self.site.page("erase.html", "Entwurf löschen", draft=draft)

    async def erase(self, request: web.Request) -> web.Response:
        draft = await self.site.find_draft(request)
        if draft is None:
            raise web.HTTPSeeOther("/")
        await self.site.form(request, draft.vault)
        if draft.record.stage is Stage.SENDING:
            raise web.HTTPSeeOther("/absenden")
        await self.site.drafts.erase(draft.vault)
        response = self.site.page("erased.html", "Ihr Entwurf ist gelöscht")
        self.site.cookies.drop(response, self.site.cookies.draft)
        return response

    async def extend(self, request: web.Request) -> web.Response:
        """Keeps the draft for another full time."""
        draft = await self.site.draft(request)
        await self.site.form(request, draft.vault)
        await self.site.save(draft, lambda record: record)
        response = web.Response(status=303, headers={"Location": "/aufgaben"})
        self.site.cookies.put(response, self.site.cookies.draft, draft.vault, self.site.settings.unused_s)
        return response
