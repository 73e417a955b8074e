"""The application, or what is brought later, as an accessible PDF (PDF/UA-1, tagged) in the paper's order, by annex.

Rendered by Typst from `application.typ`, which gets every word as data. Deterministic: same application and facts, same
bytes. No network, no fonts but those that Typst brings. 20 to 30 ms of a core; call it in a thread from asyncio.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from shared.contracts.manifest import Kind
from shared.form.annexes import flags_in
from shared.form.household import APPLICANT
from shared.form.model import Definition
from shared.form.schema import EARLY, FLAGS, REQUESTS, walk
from shared.form.summary import MAIN, Part, codes_of, evidence_lines, names_in, summarise
from shared.form.validate import definition, version_of
from shared.form.wording import Wording
from shared.form.words import Places, day

FILENAME = "application.pdf"


class CannotRender(Exception):
    """The application could not be rendered. Says nothing of its content."""


@dataclass(frozen=True)
class Facts:
    """What is known beside the answers, shown on the first page where given."""

    jobcenter: str = ""
    submission_id: str = ""
    follows: str = ""
    """Of a supplement: the id of the submission that it belongs to; its own `reference` is the sender's word for it."""
    received_at: str = ""
    """In words, Europe/Berlin, e.g. "22.11.2026, 23:31 Uhr"."""
    wording: Wording = field(default_factory=Wording)
    people: Mapping[str, str] = field(default_factory=dict)
    """Names of persons that a supplement does not name itself: reference → "Ole Kind"."""


def _no_places(_: str) -> str | None:
    return None


def render(
    application: Mapping[str, Any],
    service: str,
    today: date,
    facts: Facts | None = None,
    places: Places = _no_places,
    *,
    kind: Kind = Kind.APPLICATION,
) -> bytes:
    """The PDF of an application or supplement that fulfils the schema of its version. Raises `CannotRender`.

    `today`: the day of application; ages count on it.
    """
    facts = facts or Facts()
    form = definition(service, version_of(application, service))
    paper = _Paper(application, form, today, facts, places)
    data = paper.supplement() if kind is Kind.SUPPLEMENT else paper.application()
    for safe in _SAFER:
        pdf = _compile(json.dumps(_walk(data, safe), ensure_ascii=False))
        if pdf is not None:
            return pdf
    raise CannotRender


@cache
def _fonts_and_source() -> tuple[Any, bytes]:
    """Read once: for a short application that is up to a tenth of the whole."""
    import typst  # an optional part of the receiver: without it everything else works

    return typst.Fonts(include_system_fonts=False), (resources.files("shared.form") / "application.typ").read_bytes()


def _compile(data: str) -> bytes | None:
    """None if a character has no glyph in the fonts: PDF/UA forbids boxes in its place."""
    fonts, source = _fonts_and_source()
    import typst

    try:
        pdf: Any = typst.Compiler(font_paths=fonts, ignore_system_fonts=True).compile(
            source, sys_inputs={"data": data}, format="pdf", pdf_standards=["ua-1"], timestamp=0
        )
    except typst.TypstError as error:
        if "could not be displayed" in str(error):
            return None
        # The message quotes the application: it must not travel.
        raise CannotRender from None
    return bytes(pdf)


def _kept(character: str) -> bool:
    """Scripts that the fonts cover wholly: Latin with DIN 91379, Greek and Cyrillic."""
    code = ord(character)
    return (
        code in (0x0A, 0x20AC, 0x2212)
        or 0x20 <= code <= 0x7E
        or 0xA0 <= code <= 0x17F
        or 0x1E00 <= code <= 0x1EFF
        or 0x391 <= code <= 0x3CE
        or 0x400 <= code <= 0x45F
        or 0x2010 <= code <= 0x2026
    )


def _named(character: str) -> str:
    """Nothing vanishes: what cannot be printed is named by its code point."""
    return f"[U+{ord(character):04X}]"


def _as_is(text: str) -> str:
    return "".join(
        c for c in unicodedata.normalize("NFC", text) if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf")
    )


def _common(text: str) -> str:
    return "".join(c if _kept(c) else _named(c) for c in _as_is(text))


def _latin(text: str) -> str:
    return "".join(
        c if c == "\n" or 0x20 <= ord(c) <= 0x7E or 0xA1 <= ord(c) <= 0xFF else _named(c) for c in _as_is(text)
    )


_SAFER: tuple[Callable[[str], str], ...] = (_as_is, _common, _latin)


def _walk(node: Any, change: Callable[[str], str]) -> Any:
    if isinstance(node, str):
        return change(node)
    if isinstance(node, dict):
        return {key: _walk(value, change) for key, value in node.items()}
    return [_walk(value, change) for value in node]


@dataclass(frozen=True)
class _Paper:
    """Everything that the template shows, as data."""

    content: Mapping[str, Any]
    form: Definition
    today: date
    facts: Facts
    places: Places

    def application(self) -> dict[str, Any]:
        facts, wording = self.facts, self.facts.wording
        name = names_in(self.content)[APPLICANT]
        codes = [code for code in codes_of(self.content, self.form, self.today) if code != MAIN]
        return self._page(
            title=f"Antrag auf {wording.benefit}",
            author=name,
            description="Diese Angaben wurden online gemacht. Eine Unterschrift ist nicht nötig (§ 36a SGB I).",
            shown=[
                ("Jobcenter", facts.jobcenter),
                ("Eingangsnummer", facts.submission_id),
                ("Eingegangen am", facts.received_at),
                ("Antragstellende Person", name),
                ("Geburtsdatum", _born(self.content)),
                ("Anlagen", ", ".join(wording.annex(code) for code in codes) or "keine"),
                ("Eigene Anträge", _requests(self.content, self.form)),
                ("Fassung des Formulars", self.form.version),
            ],
        )

    def supplement(self) -> dict[str, Any]:
        """To which submission it belongs and what is brought; then all answers that came with it."""
        facts = self.facts
        name = names_in(self.content, facts.people).get(APPLICANT, "")
        reference = str(self.content["reference"])
        documents = sum("document" in entry for entry in self.content.get("evidence", ()))
        changed = [section.title for section in self.form.sections if section.id in self.content]
        brought = [f"{documents} {'Datei' if documents == 1 else 'Dateien'}"] if documents else []
        brought += [f"Angaben: {', '.join(changed)}"] if changed else []
        brought += ["eine Mitteilung"] if "remarks" in self.content else []
        return self._page(
            title=f"Nachreichung zum Antrag auf {facts.wording.benefit}",
            author=name,
            description="Das gehört zu einem früheren Antrag und wurde online gesendet. Eine Unterschrift ist nicht "
            "nötig (§ 36a SGB I).",
            shown=[
                ("Jobcenter", facts.jobcenter),
                ("Gehört zum Antrag mit der Eingangsnummer", facts.follows),
                ("Gehört zum Antrag", "" if facts.follows == reference else reference),
                ("Eingangsnummer der Nachreichung", facts.submission_id),
                ("Eingegangen am", facts.received_at),
                ("Antragstellende Person", name),
                ("Inhalt", "\n".join(brought)),
                ("Fassung des Formulars", self.form.version),
            ],
        )

    def _page(self, *, title: str, author: str, description: str, shown: list[tuple[str, str]]) -> dict[str, Any]:
        people = self.facts.people
        parts = summarise(self.content, self.form, self.today, self.places, people)
        return {
            "title": title,
            "author": author,
            "description": description,
            "running": f"{title}: {author}" if author else title,
            "facts": [[label, text] for label, text in shown if text],
            "flags": [[label, text] for label, text in _flags(self.content, self.form, self.today, people)],
            "annexes": _annexes(parts, self.form, self.facts.wording),
            "remarks": self.content.get("remarks", ""),
            "evidence": [
                [f"{kind} ({person})" if person else kind, state]
                for kind, person, state in evidence_lines(self.content, self.form, people)
            ],
            "to_follow": [s.title for s in self.form.sections if s.id in self.content.get(EARLY, ())],
        }


def _flags(
    content: Mapping[str, Any], form: Definition, today: date, known: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What stands above all else: what the sender raised, and what the answers call for whoever made them."""
    raised = [*content.get(FLAGS, ()), *flags_in(dict(content), form, today)]
    people = names_in(content, known)
    for flag in form.flags:
        persons = dict.fromkeys(entry["person_ref"] for entry in raised if entry["flag"] == flag.id)
        if persons:
            names = "" if flag.each is None else f" ({', '.join(people[person] for person in persons)})"
            yield f"{flag.label}{names}", flag.text


def _requests(application: Mapping[str, Any], form: Definition) -> str:
    """What counts as an application of its own (§ 37 (1) s. 2 SGB II)."""
    labels = {
        option.value: option.label for _, question in walk(form) for option in question.options if option.own_request
    }
    people = names_in(application)
    return "\n".join(
        f"{labels[entry['request']]} ({people[entry['person_ref']]})" for entry in application.get(REQUESTS, ())
    )


def _born(application: Mapping[str, Any]) -> str:
    born = application.get("applicant", {}).get("birth_date")
    return day(born) if born else ""


def _annexes(parts: Sequence[Part], form: Definition, wording: Wording) -> list[dict[str, Any]]:
    """The paper's order: the main application, then each annex; rows of a part stay together within an annex."""
    papers = []
    for annex in form.annexes:
        own = []
        for part in parts:
            rows = [[row.label, row.text] for row in part.rows if row.annex == annex.code]
            if rows:
                own.append({"title": part.title, "rows": rows})
        if own:
            code = wording.annex(annex.code)
            title = annex.label if annex.code == "HA" else f"Anlage {code}: {annex.label}"
            papers.append({"title": f"{title} (HA)" if annex.code == "HA" else title, "parts": own})
    return papers
