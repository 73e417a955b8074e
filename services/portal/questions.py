"""Pages of questions: one small group each, saved when it is left."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web

from services.portal.places import SECTION as PLACE_SECTION
from services.portal.places import deciding
from services.portal.records import Record, Undo
from services.portal.site import Answers, Draft, Site
from shared.form.flow import FieldProblem, Step, add_item, look, prune, raw_names, raw_values, remove_item, save
from shared.form.model import Answer
from shared.form.view import Asked

BACK = {"pruefen": "/pruefen", "datum": "/datum", "aufgaben": "/aufgaben"}
"""Where a change link comes from, and where saving returns to."""
HINTED = f"{PLACE_SECTION}.residence_postcode"


class Overtaken(Exception):
    """The page's answers were changed elsewhere since it was shown, and what is posted differs from them."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record


@dataclass(frozen=True)
class Questions:
    site: Site

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/frage/{step}", self.show),
            web.post("/frage/{step}", self.save),
            web.get("/warnung", self.warn),
            web.post("/warnung", self.decide),
        ]

    # -- showing ----------------------------------------------------------------------------------------------------

    async def show(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        step = _step(draft, request.match_info["step"])
        if not shown(step):
            raise web.HTTPSeeOther(self._after(draft, step.id, ""))
        return self._page(draft, step, request.query.get("von", ""))

    def _page(
        self,
        draft: Draft,
        step: Step,
        back: str,
        *,
        typed: Answers | None = None,
        problems: tuple[FieldProblem, ...] = (),
        skippable: bool = False,
        overtaken: bool = False,
    ) -> web.Response:
        values: dict[str, list[str]] = {}
        for asked in step.asked:
            values |= raw_values(asked.question, asked.key, asked.value)
            if asked.key == HINTED and asked.value is None and draft.record.postcode_hint:
                values[asked.key] = [draft.record.postcode_hint]
            if typed is not None:
                values |= {name: list(typed.get(name, [""])) for name in raw_names(asked.question, asked.key)}
        before = draft.view.previous_step(step.id)
        notices = [(asked, notice) for asked in shown(step) for notice in asked.notices] if typed is None else []
        return self.site.page(
            "list.html" if step.kind == "list" else "question.html",
            step.title,
            draft=draft,
            status=409 if overtaken else 422 if problems else 200,
            problem=bool(problems) or overtaken,
            overtaken=overtaken,
            mark=_mark(step),
            step=step,
            section=next((each for each in draft.view.sections if step.id in each.steps), None),
            asked=shown(step),
            values=values,
            problems=problems,
            by_key={problem.key: problem for problem in problems},
            said=bool(notices),
            notices=notices,
            skippable=skippable,
            back=back if back in BACK else "",
            previous=BACK.get(back) or (f"/frage/{before.id}" if before is not None else "/aufgaben"),
            item_steps=_item_steps(draft, step),
        )

    # -- saving -----------------------------------------------------------------------------------------------------

    async def save(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        form = await self.site.form(request, draft.vault)
        step = _step(draft, request.match_info["step"])
        back = form.get("_von", [""])[0]
        if step.kind == "list":
            return await self._change_list(draft, step, form, back)
        today = self.site.today()
        known = {asked.key for asked in step.asked}
        problems: tuple[FieldProblem, ...] = ()
        lost = noticed = False

        def change(record: Record) -> Record:
            nonlocal problems, lost, noticed
            now = _step(draft if record is draft.record else draft.of(record, today), step.id)
            saved = save(record.answers, now, _with_municipality(now, form, record), today)
            if form.get("_mark", [_mark(now)])[0] != _mark(now) and saved.draft != record.answers:
                raise Overtaken(record)
            problems, lost, noticed = saved.problems, bool(saved.lost), bool(saved.noticed)
            undo = Undo(step=step.id, back=back, answers=record.answers) if lost else None
            return record.changed(answers=saved.draft, undo=undo)

        try:
            record = await self.site.save(draft, change)
        except Overtaken as other:
            draft = draft.of(other.record, today)
            return self._page(draft, draft.view.step(step.id), back, typed=form, overtaken=True)
        draft = draft.of(record, today)
        if lost:
            raise web.HTTPSeeOther("/warnung")
        if problems:
            skippable = all(_untouched(problem, step, form) for problem in problems)
            fresh = {problem.key for problem in problems}.isdisjoint(known)
            if fresh:
                # The answers called for more questions on this very page: show them, without blame.
                raise web.HTTPSeeOther(_url(step.id, back))
            if not (skippable and "_skip" in form):
                return self._page(draft, _same(draft, step), back, typed=form, problems=problems, skippable=skippable)
        if noticed and not problems:
            # Something is to be said about an answer: the page once more, with it. The next time it goes on.
            raise web.HTTPSeeOther(_url(step.id, back))
        raise web.HTTPSeeOther(self._after(draft, step.id, back))

    async def _change_list(self, draft: Draft, step: Step, form: Answers, back: str) -> web.Response:
        asked = step.asked[0]
        if "_add" in form:
            added = ""

            def add(record: Record) -> Record:
                nonlocal added
                answers, added = add_item(record.answers, asked.key)
                return record.changed(answers=answers)

            record = await self.site.save(draft, add)
            view = look(record.answers, self.site.today())
            first = next((each for each in view.steps if f"{asked.key}.{added}." in f"{each.id}."), None)
            raise web.HTTPSeeOther(_url(first.id if first else step.id, back))
        if "_remove" in form:
            item = form["_remove"][0]

            def remove(record: Record) -> Record:
                left = remove_item(record.answers, asked.key, item)
                undo = Undo(step=step.id, back=back, answers=record.answers)
                return record.changed(answers=left, undo=undo)

            await self.site.save(draft, remove)
            raise web.HTTPSeeOther("/warnung")
        raise web.HTTPSeeOther(self._after(draft, step.id, back))

    def _after(self, draft: Draft, step_id: str, back: str) -> str:
        """The next page: back to where the change link was, the place if that is new, or the next questions."""
        found = draft.view.step(step_id) if any(each.id == step_id for each in draft.view.steps) else None
        section = found.section if found is not None else step_id.partition(".")[0]
        following = draft.view.next_step(step_id)
        while following is not None and (not shown(following) or _entry_of(found, following)):
            following = draft.view.next_step(following.id)
        leaving = following is None or following.section != section
        if section == PLACE_SECTION and leaving and deciding(draft.view.answers) is not None:
            return f"/ort?von={quote(back)}" if back in BACK else "/ort"
        if back in BACK and not self._begun_item(draft, step_id, following):
            return BACK[back]
        entries = _list_of(found)
        if (
            found is not None
            and entries
            and (following is None or (_list_of(following), following.item) != (entries, found.item))
        ):
            # An entry is done: is there another one?
            return _url(entries, back)
        if section == "close" and leaving:
            return "/absenden"
        if leaving or following is None:
            return "/aufgaben"
        return _url(following.id, back)

    def _begun_item(self, draft: Draft, step_id: str, following: Step | None) -> bool:
        """A change opened pages that were not there before: they come first."""
        if following is None or following.section != step_id.partition(".")[0]:
            return False
        return any(asked.required and asked.value is None for asked in following.asked)

    # -- a word of warning ------------------------------------------------------------------------------------------

    async def warn(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        if draft.record.undo is None:
            raise web.HTTPSeeOther("/aufgaben")
        return self.site.page("warning.html", "Dann fallen Angaben weg", draft=draft, lost=self._lost(draft.record))

    def _lost(self, record: Record) -> list[Any]:
        assert record.undo is not None, "asked before"
        _, hidden = prune(record.answers, self.site.today())
        if hidden:
            return list(hidden)
        before = look(record.undo.answers, self.site.today())
        gone = [key for key in record.undo.answers if key not in record.answers]
        labels = [
            {"label": asked.label, "where": step.title}
            for step in before.steps
            for asked in step.asked
            if asked.key in gone
        ]
        return labels[:40]

    async def decide(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        form = await self.site.form(request, draft.vault)
        undo = draft.record.undo
        if undo is None:
            raise web.HTTPSeeOther("/aufgaben")
        today = self.site.today()
        if "_keep" in form:
            await self.site.save(draft, lambda record: record.changed(answers=undo.answers, undo=None))
            raise web.HTTPSeeOther(_url(undo.step, undo.back))
        record = await self.site.save(
            draft, lambda each: each.changed(answers=prune(each.answers, today)[0], undo=None)
        )
        current = draft.of(record, today)
        view = current.view
        gone = [file for file in record.files if file.slot not in {slot.key for slot in view.slots}]
        if gone:
            await self.site.save(
                draft, lambda each: each.changed(files=tuple(file for file in each.files if file not in gone))
            )
            for file in gone:
                await self.site.drafts.delete_file(draft.vault, file.id)
        if any(each.id == undo.step and each.kind == "list" for each in view.steps):
            raise web.HTTPSeeOther(_url(undo.step, undo.back))
        raise web.HTTPSeeOther(self._after(current, undo.step, undo.back))


def shown(step: Step) -> list[Asked]:
    """What is asked on the page itself: municipalities have a page of their own, evidence too."""
    hidden = (Answer.MUNICIPALITY, Answer.EVIDENCE, Answer.PERSON_ID)
    return [asked for asked in step.asked if asked.question.type not in hidden]


def _mark(step: Step) -> str:
    """What the page's stored answers are, in few letters: tells a page that is overtaken from one that is not."""
    raw = [raw_values(asked.question, asked.key, asked.value) for asked in shown(step)]
    return hashlib.sha256(json.dumps(raw).encode()).hexdigest()[:16]


def _with_municipality(step: Step, form: Answers, record: Record) -> Answers:
    """The municipality is chosen elsewhere: saving this page must neither take it away nor keep a stale one."""
    fields = dict(form)
    for asked in step.asked:
        if asked.question.type is Answer.MUNICIPALITY:
            postcode = asked.key.replace("_municipality", "_postcode")
            typed = "".join(form.get(postcode, [""])[0].split())
            same = typed == record.answers.get(postcode)
            fields[asked.key] = [str(asked.value)] if same and asked.value else [""]
    return fields


def _untouched(problem: FieldProblem, step: Step, form: Answers) -> bool:
    asked = next((each for each in step.asked if each.key == problem.key), None)
    if asked is None:
        return True
    return not any(value.strip() for name in raw_names(asked.question, asked.key) for value in form.get(name, []))


def _same(draft: Draft, step: Step) -> Step:
    try:
        return draft.view.step(step.id)
    except KeyError:
        return step


def _step(draft: Draft, step_id: str) -> Step:
    try:
        return draft.view.step(step_id)
    except KeyError:
        raise web.HTTPNotFound from None


def _list_of(step: Step | None) -> str:
    """Of an entry's page: the id of the page that lists the entries."""
    return "" if step is None or step.item is None else step.id.rpartition(f".{step.item}.")[0]


def _entry_of(entries: Step | None, step: Step) -> bool:
    """Is it a page of an entry of this list? Whoever goes on from a list has seen there what is unfinished."""
    return entries is not None and entries.kind == "list" and _list_of(step) == entries.id


def _item_steps(draft: Draft, step: Step) -> list[tuple[str, str, str, bool]]:
    """Of a list: entry id, name, first page, whether something is missing."""
    if step.kind != "list":
        return []
    asked = step.asked[0]
    entries = []
    for item, name in zip(asked.value or [], step.names, strict=False):
        pages = [each for each in draft.view.steps if f"{each.id}.".startswith(f"{asked.key}.{item}.")]
        open_ = any(each.required and each.value is None for page in pages for each in page.asked)
        entries.append((item, name, pages[0].id if pages else step.id, open_))
    return entries


def _url(step_id: str, back: str) -> str:
    return f"/frage/{quote(step_id)}" + (f"?von={back}" if back in BACK else "")
