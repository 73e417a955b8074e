"""Pages and turns that no whole household takes, on one device with JavaScript.

Entry by a Jobcenter's link, errors, the word of warning, two tabs, files that are not accepted or replaced, ambiguous,
unknown and joint places, the date secured and taken back, coming back with the code, erasing, and time running out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from playwright.sync_api import Browser, Error, Page

from devtools.documents import pdf
from devtools.portal_browser import Citizen, Device, open_context
from devtools.portal_hands import Stuck
from devtools.portal_households import File, Household
from devtools.portal_watch import Findings
from shared.form.media import PDF

INFORMATION = (
    "/datenschutz",
    "/barrierefreiheit",
    "/rueckmeldung",
    "/impressum",
    "/zugang",
    "/status",
    "/gibt-es-nicht",
)
FORM = ("/pruefen", "/datum", "/absenden", "/loeschen", "/nachweise")
OWN, AMBIGUOUS, JOINT, PO_BOX = "63303", "59969", "10115", "01053"
HEIC = File("Foto.heic", "image/heic", b"\x00\x00\x00\x18ftypheic" + bytes(64))
FIRST = File("erste Seite.pdf", PDF, pdf("Seite", 11))
SECOND = File("bessere Seite.pdf", PDF, pdf("Seite", 12))
ACCOUNT = "/frage/payment.has_account"
NAMES = "/frage/applicant.family_name"
UNUSED_DAYS = 30
_LISTEN = """() => {
  window.heard = [];
  const status = document.querySelector('[data-progress-text]');
  new MutationObserver(() => window.heard.push(status.textContent)).observe(status, { childList: true });
}"""
_FOCUSED = "() => document.activeElement.id || document.activeElement.className"


@dataclass(frozen=True)
class Corners:
    """`household`: somebody without specialities."""

    browser: Browser
    url: str
    household: Household
    findings: Findings
    device: Device
    today: date

    def faults(self, *turns: Callable[[], None]) -> list[str]:
        """What goes wrong in these turns, each for itself; without any: in all of them."""
        found = []
        for turn in turns or (
            self.by_link,
            self.places,
            self.answers_lost_and_overtaken,
            self.back_and_reload,
            self.evidence,
            self.taken_back,
            self.time_runs_out,
        ):
            try:
                turn()
            except (Stuck, Error) as error:
                found.append(f"{turn.__name__}, {self.device}: {str(error)[:800]}")
        return found

    # -- turns ------------------------------------------------------------------------------------------------------

    def by_link(self) -> None:
        """A Jobcenter's poster leads to its postcode; errors are announced and lead to their fields."""
        with self._citizen() as citizen:
            for path in INFORMATION:
                citizen.open(path)
            citizen.open(f"/?plz={JOINT}")
            self._expects(citizen, "Stellen Sie den Antrag noch heute dort")
            self._look(citizen.page, "/ by a link to a joint Jobcenter")
            citizen.open(f"/?plz={OWN}")
            self._expects(citizen, "Dieses Jobcenter ist für die Postleitzahl 63303 zuständig")
            self._look(citizen.page, "/ by a link")
            citizen.press("Antrag beginnen")
            citizen.press("Speichern und weiter")
            self._summary_leads_to(citizen, "responsibility.residence_situation")
            citizen.page.get_by_label("zur Miete oder Untermiete").check()
            citizen.press("Speichern und weiter")
            field = citizen.page.get_by_label("Postleitzahl Ihrer Wohnung")
            _must(field.input_value() == OWN, "the link's postcode does not stand in the field")
            citizen.press("Speichern und weiter")
            citizen.press("Weiter zum Antrag")
            for path in FORM:
                citizen.open(path)
            citizen.open("/loeschen")
            citizen.press("Endgültig löschen")
            self._expects(citizen, "Ihr Entwurf ist gelöscht")
            self._look(citizen.page, "/loeschen erased")

    def places(self) -> None:
        """Several places under one postcode, a post office box, a search, a joint Jobcenter."""
        with self._citizen() as citizen:
            citizen.open("/")
            citizen.press("Antrag beginnen")
            citizen.page.get_by_label("zur Miete oder Untermiete").check()
            citizen.press("Speichern und weiter")
            self._postcode(citizen, PO_BOX)
            self._look(citizen.page, "/ort of a post office box")
            citizen.open("/frage/responsibility.residence_postcode")
            self._postcode(citizen, AMBIGUOUS)
            citizen.press("Weiter")
            self._summary_leads_to(citizen, "municipality")
            citizen.page.get_by_label("Stadt, Gemeinde oder Ortsteil suchen").fill("Allendorf")
            citizen.press("Suchen")
            self._look(citizen.page, "/ort found")
            citizen.page.get_by_label("Allendorf (Eder)").first.check()
            citizen.press("Weiter")
            self._expects(citizen, "Ein anderes Jobcenter ist zuständig")
            self._look(citizen.page, "/zustaendig joint")
            citizen.press("Trotzdem hier abgeben")
            self._look(citizen.page, "/aufgaben of a joint place")

    def answers_lost_and_overtaken(self) -> None:
        """A change that makes answers fall away, and the same page saved in two tabs."""
        with self._begun() as citizen:
            citizen.open(ACCOUNT)
            citizen.page.get_by_role("group", name="Haben Sie ein Konto?").get_by_label("Ja").check()
            citizen.press("Speichern und weiter")
            citizen.open(ACCOUNT)
            citizen.page.get_by_label("IBAN").fill(str(citizen.wanted["payment.iban"]))
            citizen.press("Speichern und weiter")
            citizen.open(ACCOUNT)
            citizen.page.get_by_role("group", name="Haben Sie ein Konto?").get_by_label("Nein").check()
            citizen.press("Speichern und weiter")
            self._expects(citizen, "Dann fallen Angaben weg")
            citizen.press("Nein, alles lassen, wie es war")
            self._overtaken(citizen)

    def _overtaken(self, citizen: Citizen) -> None:
        citizen.open(NAMES)
        other = citizen.context.new_page()
        other.goto(self.url + NAMES)
        for page, name in ((other, "Zuerst"), (citizen.page, "Danach")):
            page.get_by_label("Familienname", exact=True).fill(name)
            with page.expect_navigation():
                page.get_by_role("button", name="Speichern und weiter").click()
        self._look(citizen.page, f"{NAMES} overtaken")
        _must(citizen.page.evaluate(_FOCUSED) == "summary-of-errors", "what was overtaken is not announced")
        said = citizen.page.get_by_role("alert").inner_text()
        _must("Zuerst" in said, f"what is stored is not shown: {said}")
        typed = citizen.page.get_by_label("Familienname", exact=True).input_value()
        _must(typed == "Danach", "what was typed is lost")

    def back_and_reload(self) -> None:
        """Neither the back button nor a reload loses what was saved."""
        with self._begun() as citizen:
            citizen.open(NAMES)
            page = citizen.page
            field = page.get_by_label("Familienname", exact=True)
            field.fill("Bleibt")
            page.get_by_label("Vornamen", exact=True).fill("Auch")
            for part, text in (("Tag", "3"), ("Monat", "7"), ("Jahr", "1984")):
                page.get_by_label(part, exact=True).fill(text)
            citizen.press("Speichern und weiter")
            _must(citizen.path != NAMES, f"not saved: {citizen.said()}")
            for how, step in (("back", page.go_back), ("reload", page.reload)):
                step()
                _must(citizen.path == NAMES, f"{how} leads to {citizen.path}")
                _must(field.input_value() == "Bleibt", f"what was saved is not there after {how}")

    def evidence(self) -> None:
        """A broken connection, a file that is not accepted, one that is, and another in its place."""
        with self._begun() as citizen:
            citizen.open("/nachweise")
            with citizen.page.expect_navigation():
                citizen.page.get_by_role("listitem").get_by_role("link", name="Kontoauszüge").first.click()
            citizen.hands.give(citizen.page.get_by_label("Dateien hochladen"), (HEIC,))
            button = citizen.page.get_by_role("button", name="Hochladen", exact=True)
            citizen.context.set_offline(True)
            button.click()
            citizen.page.get_by_text("Die Verbindung ist abgebrochen").wait_for()
            citizen.context.set_offline(False)
            citizen.page.evaluate(_LISTEN)
            button.click()
            citizen.page.get_by_role("alert").wait_for()
            said = citizen.page.evaluate("() => window.heard")
            _must("100 % hochgeladen" in said, f"progress is not said: {said}")
            self._look(citizen.page, "/nachweis refused")
            self._summary_leads_to(citizen, "file")
            citizen.hands.give(citizen.page.get_by_label("Dateien hochladen"), (FIRST,))
            citizen.press("Hochladen")
            self._look(citizen.page, "/nachweis uploaded")
            self._replaced(citizen, "/nachweis")

    def _replaced(self, citizen: Citizen, where: str) -> None:
        with citizen.page.expect_navigation():
            citizen.page.get_by_role("link", name=f"Ersetzen {FIRST.name}").click()
        self._look(citizen.page, f"{where} replacing")
        citizen.hands.give(citizen.page.get_by_label("Neue Datei"), (SECOND,))
        citizen.press("Ersetzen")
        files = citizen.page.get_by_role("listitem").filter(has_text="Entfernen").all_inner_texts()
        _must(len(files) == 1 and SECOND.name in files[0], f"not replaced: {files}")

    def taken_back(self) -> None:
        """The date is secured, looked at with the code from elsewhere, and taken back."""
        with self._begun() as citizen:
            citizen.fill(only="applicant")
            citizen.open("/datum")
            citizen.press("Jetzt absenden und Datum sichern")
            self._summary_leads_to(citizen, "close.truth_declaration")
            citizen.page.get_by_label("Ich erkläre, dass alle meine Angaben wahr sind.").check()
            citizen.press("Jetzt absenden und Datum sichern")
            self._expects(citizen, "Ihr Antragsdatum ist gesichert")
            code = citizen.page.locator("p.code").inner_text()
            citizen.open("/aufgaben")
            self._look(citizen.page, "/aufgaben after the date was secured")
        with self._citizen() as citizen:
            citizen.open("/zugang")
            citizen.page.get_by_label("Zugangscode").fill("FALSCH")
            citizen.press("Stand ansehen")
            self._summary_leads_to(citizen, "code")
            citizen.page.get_by_label("Zugangscode").fill(code.lower())
            citizen.press("Stand ansehen")
            citizen.open("/nachreichen")
            citizen.press("Hochladen")
            self._summary_leads_to(citizen, "file")
            citizen.hands.give(citizen.page.get_by_label("Dateien", exact=True), (FIRST,))
            citizen.press("Hochladen")
            self._replaced(citizen, "/nachreichen")
            self._look(citizen.page, "/nachreichen with a file")
            citizen.open("/zuruecknehmen")
            citizen.press("Antrag zurücknehmen")
            self._summary_leads_to(citizen, "sure")
            citizen.page.get_by_label("Ich möchte meinen Antrag zurücknehmen.").check()
            citizen.press("Antrag zurücknehmen")
            _must(citizen.path == "/status", f"not taken back: {citizen.said()}")
            self._look(citizen.page, "/status taken back")

    def time_runs_out(self) -> None:
        """Twenty minutes before a draft goes there is a warning; one press keeps it, with what is typed."""
        with self._begun() as citizen:
            citizen.page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=UNUSED_DAYS, minutes=-10))
            citizen.page.goto(self.url + NAMES)
            dialog = citizen.page.get_by_role("dialog", name="Ihr Entwurf wird bald gelöscht")
            dialog.wait_for()
            self._look(citizen.page, f"{NAMES} time running out")
            citizen.page.get_by_label("Familienname", exact=True).evaluate("each => { each.value = 'Getippt'; }")
            dialog.get_by_role("button", name="Behalten").click()
            dialog.wait_for(state="hidden")
            typed = citizen.page.get_by_label("Familienname", exact=True).input_value()
            _must(typed == "Getippt", "what was typed is lost by keeping the draft")

    # -- steps ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _citizen(self) -> Iterator[Citizen]:
        with open_context(self.browser, self.device) as context:
            citizen = Citizen(context, self.url, self.household, self.today, self.findings.examine, self.device)
            self.findings.listen(citizen.page, self.url)
            yield citizen

    @contextmanager
    def _begun(self) -> Iterator[Citizen]:
        """At the task list, the place settled."""
        with self._citizen() as citizen:
            citizen.begin()
            yield citizen

    def _look(self, page: Page, shape: str) -> None:
        self.findings.look_at(page, self.device, shape)

    @staticmethod
    def _expects(citizen: Citizen, text: str) -> None:
        _must(text in citizen.said(), f"{text!r} is not on {citizen.path}: {citizen.said()}")

    @staticmethod
    def _summary_leads_to(citizen: Citizen, field: str) -> None:
        """The summary of errors has the focus, the title says "Fehler", and its first link leads to the field."""
        page = citizen.page
        _must(page.evaluate(_FOCUSED) == "summary-of-errors", f"errors on {citizen.path} are not announced")
        _must(page.title().startswith("Fehler:"), f"the title of {citizen.path} hides the errors")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        _must(page.evaluate(_FOCUSED) == field, f"the summary on {citizen.path} leads to {page.evaluate(_FOCUSED)}")

    @staticmethod
    def _postcode(citizen: Citizen, postcode: str) -> None:
        citizen.page.get_by_label("Postleitzahl Ihrer Wohnung").fill(postcode)
        citizen.press("Speichern und weiter")


def _must(good: bool, said: str) -> None:
    if not good:
        raise Stuck(said)
