"""A citizen at a browser: reads labels, types, clicks, with and without JavaScript, by mouse or keyboard alone.

    with browsing() as browser:
        citizen = Citizen(browser, url, household, today, watch)
        citizen.apply()

Nothing is found by id or class: a field is what its label says, a choice what its legend says, a way on what its button
or link says. Labels come from the same definition as the portal's; what is on the page beyond them is not trusted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, sync_playwright

from devtools.portal_hands import Hands, Stuck
from devtools.portal_households import Household
from shared.form.countries import COUNTRIES
from shared.form.flow import Draft, add_item, look
from shared.form.model import Answer
from shared.form.view import Asked, Slot, State, Step, View

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 30_000
MAX_PAGES = 300
ARRIVAL_S = 60.0
NOT_SHOWN = (Answer.MUNICIPALITY, Answer.EVIDENCE, Answer.PERSON_ID)
Device = Literal["desktop", "phone"]
VIEWPORTS: dict[Device, tuple[int, int]] = {"desktop": (1280, 900), "phone": (390, 844)}
_ADDRESS_LABELS = {
    "street": "Straße",
    "house_number": "Hausnummer",
    "addition": "Zusatz (freiwillig)",
    "care_of": "wohnhaft bei (freiwillig)",
    "postcode": "Postleitzahl",
    "city": "Ort",
}


Watch = Callable[["Citizen"], None]
"""Called on every page, before anything is done there."""


@contextmanager
def browsing() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=120_000)
        try:
            yield browser
        finally:
            browser.close()


def open_context(browser: Browser, device: Device, *, javascript: bool = True) -> BrowserContext:
    width, height = VIEWPORTS[device]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        has_touch=device == "phone",
        is_mobile=device == "phone",
        java_script_enabled=javascript,
        locale="de-DE",
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT_MS)
    return context


@dataclass
class Citizen:
    """One household at one browser. `typed` is what has been typed so far; `asked` the questions seen, by key."""

    context: BrowserContext
    url: str
    household: Household
    today: date
    watch: Watch
    device: Device = "desktop"
    keyboard: bool = False
    typed: Draft = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    receipts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wanted = self.household.draft(self.today)
        self.page = self.context.new_page()
        self.hands = Hands(self.page, self.keyboard)

    # -- the way ----------------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """From the first page to the confirmation, and for `early` households twice."""
        self.begin()
        if self.household.early:
            self.fill(only="applicant")
            self.secure()
        self.fill()
        self.bring_evidence()
        self.declare()
        self.send("Weitere Angaben absenden" if self.household.early else "Antrag absenden")

    def begin(self) -> None:
        """To the task list: with the place settled."""
        self.open("/")
        self.press("Antrag beginnen")
        self._until("/aufgaben")

    def fill(self, *, only: str = "") -> None:
        """Each part of the task list that is not finished, by its name there."""
        for _ in range(MAX_PAGES):
            if self.path != "/aufgaben":
                self.open("/aufgaben")
            state = next((each for each in self.view.sections if self._open(each.section.id, each.state, only)), None)
            if state is None:
                return
            same = [each for each in self.view.sections if each.title == state.title]
            links = self.page.get_by_role("link", name=state.title, exact=True)
            self._go(links.nth(same.index(state)))
            self._until("/aufgaben")
            after = next((each for each in self.view.sections if each.title == state.title), state)
            if after.state is not State.COMPLETE and after.first_step == state.first_step:
                raise Stuck(f"{state.title} is not complete after its pages: {self.said()}")
        raise Stuck("the task list never ends")

    def _open(self, section: str, state: State, only: str) -> bool:
        untouched = section not in self._seen
        return (
            section not in ("responsibility", "close")
            and only in ("", section)
            and (state is not State.COMPLETE or untouched)
        )

    @property
    def _seen(self) -> set[str]:
        return {key.split(".", maxsplit=1)[0] for key in self.asked}

    def secure(self) -> None:
        """Secures the date: sends what there is."""
        self._go(self.page.get_by_role("link", name="Antragsdatum sichern"))
        self.hands.tick(self.page.get_by_label("Ich erkläre, dass alle meine Angaben wahr sind."))
        self.press("Jetzt absenden und Datum sichern")
        self._confirmed()
        self._go(self.page.get_by_role("link", name="Weiter ausfüllen"))

    def bring_evidence(self) -> None:
        """Uploads what the household has; says of the rest that it follows, of one that it cannot be had."""
        if self.path != "/aufgaben":
            self.open("/aufgaben")
        self._go(self.page.get_by_role("link", name="Nachweise hochladen oder später bringen"))
        for number, slot in enumerate(self.view.slots):
            if self.path != "/nachweise":
                self.open("/nachweise")
            several = len(self.view.people) > 1
            name = f"{slot.label} – {slot.person_name}" if several else slot.label
            same = [each for each in self.view.slots if (each.label, each.person) == (slot.label, slot.person)]
            self._go(self.page.get_by_role("link", name=name, exact=True).nth(same.index(slot)))
            self._evidence(slot, unavailable=number == len(self.view.slots) - 1)

    def _evidence(self, slot: Slot, *, unavailable: bool) -> None:
        files = self.household.files.get(slot.evidence_code, ())
        if files:
            self.hands.give(self.page.get_by_label("Dateien hochladen"), files)
            self.press("Hochladen")
            for file in files:
                self.page.get_by_text(file.name).first.wait_for()
        elif unavailable:
            self.hands.tick(self.page.get_by_label("Ich habe ihn nicht und kann ihn nicht bekommen"))
            self.hands.type(self.page.get_by_label("Warum haben Sie ihn nicht?"), "Das gibt es bei uns nicht.")
        else:
            self.hands.tick(self.page.get_by_label("Ich bringe ihn später"))
        self.press("Speichern und weiter")

    def declare(self) -> None:
        """Reads everything again, then declares."""
        self.open("/pruefen")
        self._go(self.page.get_by_role("link", name="Weiter zur Erklärung"))
        self._until("/absenden")

    def send(self, button: str) -> None:
        self.press(button)
        self._confirmed()

    def _confirmed(self) -> None:
        if self.path != "/gesendet":
            raise Stuck(f"not confirmed: {self.path}: {self.said()}")
        self.receipts.append(self.page.get_by_text("Eingangsnummer:").locator("strong").first.inner_text().strip())

    def bring_later(self) -> None:
        """Later evidence, from the status page."""
        self.open("/status")
        self._go(self.page.get_by_role("link", name="Nachweise nachreichen"))
        self.hands.give(self.page.get_by_label("Dateien", exact=True), self.household.late)
        self.press("Hochladen")
        self.press("Nachweise absenden")
        if self.path != "/status":
            raise Stuck(f"later evidence was not sent: {self.path}: {self.said()}")

    def receipt_numbers(self) -> list[str]:
        """Of everything that this citizen has sent, in order, from the signed receipt to download."""
        answer = self.context.request.get(self.url + "/quittung.json")
        return [receipt["submission_id"] for receipt in answer.json()["receipts"]]

    def wait_until_arrived(self) -> None:
        """Looks at the status page until the Jobcenter has confirmed everything that was sent."""
        deadline = time.monotonic() + ARRIVAL_S
        self.open("/status")
        while True:
            sent = self.page.get_by_text("Eingegangen am").count()
            confirmed = self.page.get_by_text("Im Jobcenter angekommen", exact=True).count()
            if sent and sent == confirmed:
                return
            if time.monotonic() > deadline:
                raise Stuck(f"{confirmed} of {sent} confirmed: {self.said()}")
            self.page.wait_for_timeout(500)
            self.page.reload()

    # -- pages ------------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.page.url).path)

    @property
    def view(self) -> View:
        return look(self.typed, self.today)

    def said(self) -> str:
        return " ".join(self.page.locator("main").inner_text().split())[:900]

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)
        self.watch(self)

    def press(self, button: str) -> None:
        self._go(self.page.get_by_role("button", name=button, exact=True))

    def _go(self, target: Locator) -> None:
        self.hands.press(target)
        self.watch(self)

    def _until(self, goal: str) -> None:
        for _ in range(MAX_PAGES):
            path = self.path
            if path == goal:
                return
            if path == "/ort":
                self.hands.tick(self.page.get_by_label(self.household.municipality or "Ich weiß es nicht"))
                self.press("Weiter")
            elif path == "/zustaendig":
                self.press("Weiter zum Antrag")
            elif path.startswith("/frage/"):
                self._answer(path.removeprefix("/frage/"))
            else:
                raise Stuck(f"unexpected page {path}: {self.said()}")
        raise Stuck(f"never reached {goal}, now at {self.path}")

    def _answer(self, step_id: str) -> None:
        try:
            step = self.view.step(step_id)
        except KeyError:
            raise Stuck(f"{step_id} should not be asked now") from None
        if step.kind == "list":
            self._list(step)
            return
        before = self.typed
        self.page.get_by_role("heading", name=step.title, exact=True, level=1).wait_for()
        shown = [asked for asked in step.asked if asked.question.type not in NOT_SHOWN]
        for asked in shown:
            self.asked[asked.key] = asked.path
            if asked.key in self.wanted and self.typed.get(asked.key) != self.wanted[asked.key]:
                same = [each for each in shown if each.label == asked.label]
                self._fill(asked, same.index(asked))
                self.typed = self.typed | {asked.key: self.wanted[asked.key]}
        back = self.page.get_by_role("button", name="Speichern und weiter", exact=True)
        self._go(back)
        stays = self.path == f"/frage/{step_id}"
        if stays and (self.typed == before or self.page.get_by_role("alert").count()):
            raise Stuck(f"not accepted on {step_id}: {self.said()}")

    def _list(self, step: Step) -> None:
        key = step.asked[0].key
        self.asked[key] = step.asked[0].path
        there, wanted = self.typed.get(key, []), self.wanted.get(key, [])
        if len(there) >= len(wanted):
            self.press("Weiter")
            return
        self.typed, item = add_item(self.typed, key)
        if item != wanted[len(there)]:
            raise Stuck(f"the household calls {item} {wanted[len(there)]}")
        self.press("Weitere hinzufügen" if there else "Hinzufügen")

    # -- fields -----------------------------------------------------------------------------------------------------

    def _fill(self, asked: Asked, number: int) -> None:  # noqa: PLR0912 one for each type
        question, value = asked.question, self.wanted[asked.key]
        optional = not asked.required and question.must_be is None
        label = asked.label + (" (freiwillig)" if optional else "")
        field = self.page.get_by_label(label, exact=True).nth(number)
        group = self.page.get_by_role("group", name=label, exact=True).nth(number)
        options = {option.value: option.label for option in question.options}
        match question.type:
            case Answer.YES_NO if question.must_be is not None:
                self.hands.tick(field)
            case Answer.YES_NO:
                self._tick(group, "Ja" if value else "Nein")
            case Answer.YES_NO_UNKNOWN:
                self._tick(group, {"yes": "Ja", "no": "Nein", "unknown": "Ich weiß es nicht"}[value])
            case Answer.ONE:
                self._tick(group, options[value])
            case Answer.MANY:
                for each in [option for option in options if option in value]:
                    self._tick(group, options[each])
            case Answer.PERSON:
                self._tick(group, self._person(value))
            case Answer.DATE:
                day = date.fromisoformat(value)
                for part, text in (("Tag", day.day), ("Monat", day.month), ("Jahr", day.year)):
                    self.hands.type(group.get_by_label(part, exact=True), str(text))
            case Answer.ADDRESS:
                for part, text in value.items():
                    self.hands.type(group.get_by_label(_ADDRESS_LABELS[part], exact=True), text)
            case Answer.COUNTRY:
                self.hands.choose(field, COUNTRIES[value])
            case Answer.COUNTRIES:
                for place, code in zip(("Staat", "Weiterer Staat (wenn vorhanden)"), value, strict=False):
                    self.hands.choose(group.get_by_label(place, exact=True).first, COUNTRIES[code])
            case Answer.MONEY:
                self.hands.type(field, euros(value))
            case Answer.IBAN:
                self.hands.type(field, " ".join(value[start : start + 4] for start in range(0, len(value), 4)))
            case _:
                self.hands.type(field, str(value))

    def _tick(self, group: Locator, label: str) -> None:
        self.hands.tick(group.get_by_label(label, exact=True))

    def _person(self, person: str) -> str:
        return self.view.people.get(person, "")


def euros(cents: int) -> str:
    """As Germans write it."""
    sign, rest = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{rest // 100:,}".replace(",", ".") + f",{rest % 100:02d}"
