"""What the pages stand on: the visitor's draft and case, templates, and how a page is answered."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from multidict import MultiDictProxy

from services.portal import times, words
from services.portal.branding import Branding, Brandings
from services.portal.drafts import Drafts, Loaded
from services.portal.intake import Intake
from services.portal.places import deciding, is_current, is_joint
from services.portal.records import Record, Stage
from services.portal.sending import Sender
from services.portal.settings import PortalSettings
from services.portal.vault import Vault
from services.portal.web import TOKEN_FIELD, Buckets, Cookies, Gone, check_token, vault_of
from shared.form.countries import COUNTRIES
from shared.form.flow import View, look
from shared.form.parse import raw_names, raw_values

TEMPLATES = Path(__file__).with_name("templates")
STATIC = Path(__file__).with_name("static")
TOUCH_AFTER = timedelta(days=1)
ERRORS = {
    400: (
        "Das hat nicht geklappt",
        "Ihre Eingabe kam nicht richtig an. Bitte gehen Sie zurück und versuchen Sie es noch einmal.",
    ),
    403: (
        "Diese Seite ist nicht mehr gültig",
        "Bitte öffnen Sie die Seite neu und versuchen Sie es noch einmal. Ihre Angaben sind gespeichert.",
    ),
    404: ("Diese Seite gibt es nicht", "Vielleicht haben Sie eine Antwort geändert, und diese Frage fällt jetzt weg."),
    405: ("Diese Seite gibt es so nicht", "Bitte gehen Sie zur Übersicht."),
    408: (
        "Das hat zu lange gedauert",
        "Die Verbindung war zu langsam oder ist abgebrochen. Bitte versuchen Sie es noch einmal, am besten mit weniger "
        "Dateien auf einmal. Was Sie vorher gespeichert haben, ist noch da.",
    ),
    410: (
        "Wir haben keinen Antrag für Sie gespeichert",
        "Entweder haben Sie noch keinen Antrag begonnen, oder er ist gelöscht. "
        "Vielleicht haben Sie ihn auf einem anderen Gerät oder in einem anderen Browser begonnen.",
    ),
    413: ("Das ist zu groß", "Bitte verkleinern Sie die Datei oder teilen Sie sie auf."),
    429: ("Zu viele Anfragen", "Bitte warten Sie einen Augenblick und laden Sie die Seite dann neu."),
    503: (
        "Das Portal ist gerade nicht erreichbar",
        "Bitte versuchen Sie es in ein paar Minuten noch einmal. Was Sie gespeichert haben, ist noch da.",
    ),
}
OTHER_ERROR = ("Das hat nicht geklappt", "Das liegt an uns. Bitte versuchen Sie es in ein paar Minuten noch einmal.")


@dataclass(frozen=True)
class Draft:
    """The visitor's draft as this request found it."""

    vault: Vault
    loaded: Loaded
    view: View

    @property
    def record(self) -> Record:
        return self.loaded.record

    def of(self, record: Record, today: date) -> Draft:
        """The same visitor's, with what was written or found meanwhile."""
        return Draft(self.vault, replace(self.loaded, record=record), look(record.answers, today))


Answers = Mapping[str, list[str]]


@dataclass
class Site:
    settings: PortalSettings
    drafts: Drafts
    intake: Intake
    sender: Sender
    brandings: Brandings
    clock: Callable[[], datetime]
    cookies: Cookies
    monotonic: Callable[[], float] = time.monotonic
    starts: Buckets = field(init=False)
    _jinja: Environment = field(init=False)

    def __post_init__(self) -> None:
        self.starts = Buckets(self.settings.starts_per_hour / 3600, self.settings.starts_per_hour)
        self._jinja = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._jinja.globals |= {
            "countries": COUNTRIES,
            "raw_names": raw_names,
            "raw_values": raw_values,
            "token_field": TOKEN_FIELD,
            "answer_lines": words.answer_lines,
            "option_pairs": words.option_pairs,
            "person_pairs": words.person_pairs,
            "summary_entries": words.summary_entries,
            "item_name": words.item_name,
            "asset": _assets(),
        }
        self._jinja.filters |= {
            "day": times.german_day,
            "date": times.german_date,
            "month_first": times.month_first,
            "moment": times.german_moment,
            "size": words.size,
        }

    # -- answers ----------------------------------------------------------------------------------------------------

    def page(
        self,
        template: str,
        title: str,
        *,
        draft: Draft | None = None,
        vault: Vault | None = None,
        status: int = 200,
        problem: bool = False,
        said: bool = False,
        jobcenter: str | None = None,
        **context: Any,
    ) -> web.Response:
        """A rendered page. `problem` puts "Fehler:" before the title, `said` "Hinweis:": it is heard first.

        `jobcenter`: whose names and colour to use while no draft says it.
        """
        record = draft.record if draft else None
        chosen = vault or (draft.vault if draft else None)
        html = self._jinja.get_template(template).render(
            title=f"Fehler: {title}" if problem else f"Hinweis: {title}" if said else title,
            heading=title,
            draft=draft,
            brand=self.brand(record) if record is not None else self.brandings.of(jobcenter),
            month_ends=self._month_ends(record),
            token=chosen.form_token() if chosen else "",
            keep_until=draft.loaded.erase_at if draft else None,
            **context,
        )
        response = web.Response(text=html, content_type="text/html", status=status)
        if draft is not None and draft.record.stage is Stage.EDITING:
            # The cookie must not go before the draft: whoever uses the draft keeps both.
            left = int((draft.loaded.erase_at - self.clock()).total_seconds())
            self.cookies.put(response, self.cookies.draft, draft.vault, max(left, 1))
        return response

    def _month_ends(self, record: Record | None) -> date | None:
        """While nothing is sent: the month's last day, if it is near."""
        return times.month_ends(self.today()) if record is None or record.first is None else None

    def brand(self, record: Record) -> Branding:
        target = record.place.target if record.place is not None else record.target
        return self.brandings.of(target.id)

    def error(self, _request: web.Request, status: int, headers: dict[str, str]) -> web.Response:
        title, text = ERRORS.get(status, OTHER_ERROR)
        response = self.page("error.html", title, status=status, text=text, nothing_saved=status == 410)
        response.headers.update(headers)
        return response

    # -- who visits -------------------------------------------------------------------------------------------------

    async def find_draft(self, request: web.Request) -> Draft | None:
        """The draft behind the cookie. Opening it after a day counts as using it."""
        vault = vault_of(request, self.cookies.draft)
        if vault is None:
            return None
        loaded = await self.drafts.load(vault)
        if loaded is None:
            return None
        if loaded.record.stage is Stage.EDITING and self.clock() - loaded.used_at > TOUCH_AFTER:
            await self.drafts.change(vault, lambda record: record, self.settings.unused_s)
            loaded = await self.drafts.load(vault) or loaded
        return Draft(vault, loaded, look(loaded.record.answers, self.today()))

    async def draft(self, request: web.Request) -> Draft:
        """For pages of the form: a draft that may be changed. Redirects to where one that is sent is shown."""
        found = await self.find_draft(request)
        if found is None:
            raise Gone
        if found.record.stage is Stage.SENDING and not request.path.startswith("/absenden"):
            raise web.HTTPSeeOther("/absenden")
        if found.record.stage is Stage.SENT:
            raise web.HTTPSeeOther("/gesendet")
        return found

    async def case(self, request: web.Request) -> tuple[Vault, Record]:
        """What stays after sending: by its own cookie, or by the draft's."""
        own = vault_of(request, self.cookies.case)
        draft = vault_of(request, self.cookies.draft)
        for vault in [each for each in (own, draft.case() if draft else None) if each is not None]:
            loaded = await self.drafts.load(vault)
            if loaded is not None:
                return vault, loaded.record
        raise Gone

    async def form(self, request: web.Request, vault: Vault) -> Answers:
        """The posted fields, once the form has proved to be ours."""
        fields = await read_form(request)
        check_token(vault, fields.get(TOKEN_FIELD, [""])[0])
        return fields

    async def save(self, draft: Draft, change: Callable[[Record], Record]) -> Record:
        """Writes the draft's next revision, unless it is being sent or is sent meanwhile."""

        def guarded(record: Record) -> Record:
            if record.stage is not Stage.EDITING:
                raise web.HTTPSeeOther("/absenden")
            return change(record)

        return await self.drafts.change(draft.vault, guarded, self.settings.unused_s, found=draft.loaded)

    def today(self) -> date:
        return times.berlin_today(self.clock())

    # -- the way ----------------------------------------------------------------------------------------------------

    def place_missing(self, draft: Draft) -> bool:
        """The place is answered, but not looked up, or no longer what was looked up."""
        answers = draft.view.answers
        return deciding(answers) is not None and not is_current(draft.record.place, answers)

    def referred(self, record: Record) -> bool:
        return record.place is not None and is_joint(record.place)


async def read_form(request: web.Request) -> Answers:
    posted: MultiDictProxy[Any] = await request.post()
    fields: dict[str, list[str]] = {}
    for name, value in posted.items():
        if isinstance(value, str):
            fields.setdefault(name, []).append(value)
    return fields


def _assets() -> Callable[[str], str]:
    """Addresses of static files with a mark of their content, so that browsers may keep them for ever."""
    marks = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:10] for path in STATIC.iterdir() if path.is_file()
    }
    return lambda name: f"/static/{name}?v={marks[name]}"
