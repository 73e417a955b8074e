"""Who is responsible: the municipality, if the postcode leaves it open, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.portal.intake import Refused
from services.portal.places import SECTION, deciding, is_current, is_joint, place_of
from services.portal.questions import BACK
from services.portal.records import Place, Record, Target
from services.portal.site import Draft, Site

UNKNOWN = "unknown"
SEARCH = "search"
MAX_SHOWN = 30
WHY = {
    "postcode-without-area": "Das ist die Postleitzahl eines Postfachs. Bitte geben Sie die Ihrer Wohnung an.",
}
NOT_FOUND = (
    "Zu dieser Postleitzahl kennen wir keinen Wohnort. Bitte prüfen Sie die Postleitzahl oder suchen Sie Ihren Ort."
)


@dataclass(frozen=True)
class Places:
    site: Site

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/ort", self.show),
            web.post("/ort", self.choose),
            web.get("/zustaendig", self.result),
            web.post("/zustaendig", self.go_on),
        ]

    async def show(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        back = request.query.get("von", "")
        found = deciding(draft.view.answers)
        if found is None:
            raise web.HTTPSeeOther(f"/frage/{_first(draft)}")
        if is_current(draft.record.place, draft.view.answers) and "neu" not in request.query:
            raise web.HTTPSeeOther(_result(back))
        _, postcode, municipality = found
        answer = await self._ask(postcode, municipality)
        candidates = answer.get("candidates") or []
        settled = answer["kind"] in ("municipal", "joint") and (municipality is not None or len(candidates) <= 1)
        if answer["kind"] == "joint" or settled:
            place = place_of(postcode, municipality, answer)
            if place is not None:
                await self.site.save(draft, lambda record: record.changed(place=place, seen_result=False))
                raise web.HTTPSeeOther(_result(back))
        return self._choice(draft, back, postcode, answer)

    async def _ask(self, postcode: str, municipality: str | None) -> dict[str, Any]:
        try:
            return await self.site.intake.jobcenters(postcode, municipality)
        except Refused:
            return {"kind": "unknown", "why": None, "candidates": []}

    def _choice(
        self,
        draft: Draft,
        back: str,
        postcode: str,
        answer: dict[str, Any],
        *,
        query: str = "",
        hits: list[dict[str, Any]] | None = None,
        problem: str = "",
    ) -> web.Response:
        unknown = answer["kind"] == "unknown"
        return self.site.page(
            "municipality.html",
            "In welcher Stadt oder Gemeinde ist das?",
            draft=draft,
            status=422 if problem else 200,
            problem=bool(problem),
            postcode=postcode,
            candidates=(answer.get("candidates") or [])[:MAX_SHOWN],
            hits=hits,
            query=query,
            notice=WHY.get(str(answer.get("why")), NOT_FOUND) if unknown and hits is None else "",
            message=problem,
            back=back if back in BACK else "",
            first=_first(draft),
        )

    async def choose(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        form = await self.site.form(request, draft.vault)
        back = form.get("_von", [""])[0]
        found = deciding(draft.view.answers)
        if found is None:
            raise web.HTTPSeeOther("/aufgaben")
        key, postcode, _ = found
        answer = await self._ask(postcode, None)
        if "_search" in form:
            query = form.get("q", [""])[0].strip()[:100]
            if len(query) < 2:
                problem = "Bitte schreiben Sie mindestens zwei Buchstaben Ihres Ortes."
                return self._choice(draft, back, postcode, answer, query=query, problem=problem)
            hits = await self.site.intake.municipalities(query)
            return self._choice(draft, back, postcode, answer, query=query, hits=hits[:MAX_SHOWN])
        choice = form.get("municipality", [""])[0]
        if choice == UNKNOWN:
            return await self._unresolved(draft, back, key, postcode, answer)
        if not (len(choice) == 8 and choice.isdigit()):
            problem = "Bitte wählen Sie Ihre Stadt oder Gemeinde aus."
            return self._choice(draft, back, postcode, answer, problem=problem)
        chosen = await self._ask(postcode, choice)
        place = place_of(postcode, choice, chosen)
        if place is None:
            problem = "Ort und Postleitzahl passen nicht zusammen. Bitte ändern Sie eines von beiden."
            return self._choice(draft, back, postcode, answer, problem=problem)

        def change(record: Record) -> Record:
            return record.changed(answers=record.answers | {key: choice}, place=place, seen_result=False)

        await self.site.save(draft, change)
        raise web.HTTPSeeOther(_result(back))

    async def _unresolved(
        self, draft: Draft, back: str, key: str, postcode: str, answer: dict[str, Any]
    ) -> web.Response:
        """The citizen cannot say it. If all candidates lead to the same Jobcenter it does not matter."""
        place = place_of(postcode, None, answer) or Place(postcode=postcode, target=Target(), unresolved=True)

        def change(record: Record) -> Record:
            answers = {name: value for name, value in record.answers.items() if name != key}
            return record.changed(answers=answers, place=place, seen_result=False)

        await self.site.save(draft, change)
        raise web.HTTPSeeOther(_result(back))

    # -- the result -------------------------------------------------------------------------------------------------

    async def result(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        place = draft.record.place
        if place is None or not is_current(place, draft.view.answers):
            raise web.HTTPSeeOther("/ort")
        joint = is_joint(place)
        title = "Ein anderes Jobcenter ist zuständig" if joint else "Dieses Jobcenter ist zuständig"
        if place.unresolved:
            title = "Wir suchen das zuständige Jobcenter für Sie"
        return self.site.page(
            "referral.html" if joint else "responsible.html",
            title,
            draft=draft,
            place=place,
            situation=draft.view.answers.get(f"{SECTION}.residence_situation"),
            back=request.query.get("von", ""),
            first=_first(draft),
        )

    async def go_on(self, request: web.Request) -> web.Response:
        draft = await self.site.draft(request)
        form = await self.site.form(request, draft.vault)

        def change(record: Record) -> Record:
            if record.place is None:
                return record
            anyway = "_send_anyway" in form or record.place.send_anyway
            return record.changed(place=record.place.changed(send_anyway=anyway), seen_result=True)

        await self.site.save(draft, change)
        back = form.get("_von", [""])[0]
        raise web.HTTPSeeOther(BACK.get(back, "/aufgaben"))


def _first(draft: Draft) -> str:
    return next((step.id for step in draft.view.steps if step.section == SECTION), draft.view.steps[0].id)


def _result(back: str) -> str:
    return f"/zustaendig?von={back}" if back in BACK else "/zustaendig"
