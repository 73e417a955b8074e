"""Evidence: for each kind one page, to upload files, to promise them, or to say that there are none.

Replacing is one action: the new file takes the old one's place in one write, and a new file that is not accepted leaves
the old one where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from services.portal.files import changed, numbered
from services.portal.plans import slot_answer
from services.portal.records import Record, StoredFile
from services.portal.site import Answers, Draft, Site
from services.portal.uploads import Patience, Received, Room, receive
from services.portal.web import TOKEN_FIELD, check_token
from shared.form.flow import Slot, SlotAnswer

STATES = {"uploaded": "hochgeladen", "will_follow": "folgt später", "not_available": "nicht vorhanden", "": "offen"}
MAX_REASON = 500


@dataclass(frozen=True)
class Evidence:
    site: Site

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/nachweise", self.overview),
            web.get("/nachweis/{slot}", self.show),
            web.post("/nachweis/{slot}", self.post),
        ]

    async def overview(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        rows = [(slot, *_state(draft, slot)) for slot in draft.view.slots]
        return self.site.page("evidence_list.html", "Nachweise", draft=draft, rows=rows)

    async def show(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        slot = _slot(draft, request.match_info["slot"])
        files = draft.record.files_of(slot.key)
        replaced = numbered(files, request.query.get("ersetzen", ""))
        return self._page(draft, slot, request.query.get("von", ""), replaced=replaced)

    def _page(
        self,
        draft: Draft,
        slot: Slot,
        back: str,
        *,
        problems: tuple[tuple[str, str], ...] = (),
        typed: Answers | None = None,
        uploaded: int = 0,
        replaced: StoredFile | None = None,
    ) -> web.Response:
        said = slot_answer(draft.view, slot.key)
        choice = (typed or {}).get("choice", [said.get("state", "")])[0]
        return self.site.page(
            "replace.html" if replaced is not None else "evidence.html",
            "Datei ersetzen" if replaced is not None else slot.label,
            draft=draft,
            status=422 if problems else 200,
            problem=bool(problems),
            slot=slot,
            files=draft.record.files_of(slot.key),
            choice=choice,
            reason=(typed or {}).get("reason", [said.get("reason", "")])[0],
            problems=problems,
            uploaded=uploaded,
            replaced=replaced,
            action=f"/nachweis/{quote(slot.key)}",
            cancel=_url(slot, back),
            back=back if back == "pruefen" else "",
            max_mb=self.site.settings.max_document_bytes // 1_000_000,
        )

    async def post(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        slot = _slot(draft, request.match_info["slot"])
        if request.content_type != "multipart/form-data":
            raise web.HTTPBadRequest
        settings = self.site.settings
        files = draft.record.files
        received = await receive(
            request,
            self.site.drafts,
            draft.vault,
            slot_of=lambda _: slot.key,
            check=lambda fields: check_token(draft.vault, fields.get(TOKEN_FIELD, [""])[0]),
            room=Room(
                settings.max_document_bytes,
                settings.max_total_bytes - sum(file.size for file in files),
                settings.max_documents - len(files),
            ),
            patience=Patience(settings.upload_timeout_s, settings.upload_idle_s),
        )
        return await self._take(draft, slot, received)

    async def _take(self, draft: Draft, slot: Slot, received: Received) -> web.Response:
        fields = received.fields
        back = fields.get("_von", [""])[0]
        replaced = next(iter(_named(draft.record, slot, fields, "_replace")), None)
        removed = _named(draft.record, slot, fields, "_remove")
        if replaced is not None and received.files:
            removed = (replaced,)
        choice = fields.get("choice", [""])[0]
        reason = fields.get("reason", [""])[0].strip()[:MAX_REASON]

        def change(record: Record) -> Record:
            kept = changed(record.files, received.files, removed, replaced)
            answers = {name: value for name, value in record.answers.items() if name != slot.key}
            said = _said(choice, reason)
            if said is not None and not any(file.slot == slot.key for file in kept):
                answers[slot.key] = said
            return record.changed(files=kept, answers=answers)

        record = await self.site.save(draft, change)
        for file in removed:
            await self.site.drafts.delete_file(draft.vault, file.id)
        draft = draft.of(record, self.site.today())
        problems = [("file", f"„{name}“ {text}") for name, text in received.refused]
        if choice == "not_available" and not reason and not record.files_of(slot.key) and "_remove" not in fields:
            problems.append(("reason", "Bitte schreiben Sie kurz, warum Sie den Nachweis nicht haben."))
        if not problems and "_upload" in fields and not received.files:
            problems.append(("file", "Bitte wählen Sie zuerst eine Datei aus."))
        if problems:
            if received.files:
                replaced = None
            return self._page(
                draft,
                slot,
                back,
                problems=tuple(problems),
                typed=fields,
                uploaded=len(received.files),
                replaced=replaced,
            )
        if received.files or removed:
            raise web.HTTPSeeOther(_url(slot, back))
        raise web.HTTPSeeOther("/pruefen" if back == "pruefen" else _following(draft, slot))


def _state(draft: Draft, slot: Slot) -> tuple[str, int]:
    """Word and number of files."""
    files = len(draft.record.files_of(slot.key))
    if files:
        return STATES["uploaded"], files
    return STATES[slot_answer(draft.view, slot.key).get("state", "")], 0


def _said(choice: str, reason: str) -> SlotAnswer | None:
    if choice == "will_follow":
        return SlotAnswer(state="will_follow")
    if choice == "not_available" and reason:
        return SlotAnswer(state="not_available", reason=reason)
    return None


def _named(record: Record, slot: Slot, fields: Answers, field: str) -> tuple[StoredFile, ...]:
    """Files of this kind that a button or a hidden field names."""
    wanted = fields.get(field, [])
    return tuple(file for file in record.files_of(slot.key) if file.id in wanted)


def _slot(draft: Draft, key: str) -> Slot:
    for slot in draft.view.slots:
        if slot.key == key:
            return slot
    raise web.HTTPNotFound


def _following(draft: Draft, slot: Slot) -> str:
    """The next kind that nothing is said about yet; else the list."""
    keys = [each.key for each in draft.view.slots]
    position = keys.index(slot.key) if slot.key in keys else -1
    for each in draft.view.slots[position + 1 :]:
        if _state(draft, each)[0] == STATES[""]:
            return _url(each, "")
    return "/nachweise"


def _url(slot: Slot, back: str) -> str:
    return f"/nachweis/{quote(slot.key)}" + (f"?von={back}" if back == "pruefen" else "")
