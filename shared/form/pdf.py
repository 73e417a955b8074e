"""The application as an accessible PDF (PDF/UA-1, tagged) in the paper's order, by annex.

Rendered by Typst from `application.typ`, which gets every word as data. Deterministic: same application and facts, same
bytes. No network, no fonts but those that Typst brings. About 0.1 s; CPU-bound, so call it in a thread from asyncio.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from shared.form.model import Definition
from shared.form.schema import REQUESTS, walk
from shared.form.summary import Part, evidence_lines, names_in, summarise
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
    received_at: str = ""
    """In words, Europe/Berlin, e.g. "22.11.2026, 23:31 Uhr"."""
    wording: Wording = field(default_factory=Wording)


def _no_places(_: str) -> str | None:
    return None


def render(
    application: Mapping[str, Any], service: str, today: date, facts: Facts | None = None, places: Places = _no_places
) -> bytes:
    """The PDF of an application that fulfils the schema of its version. Raises `CannotRender`.

    `today`: the day of application; ages count on it.
    """
    facts = facts or Facts()
    form = definition(service, version_of(application, service))
    data = _data(application, form, today, facts, places)
    for safe in _SAFER:
        pdf = _compile(json.dumps(_walk(data, safe), ensure_ascii=False))
        if pdf is not None:
            return pdf
    raise CannotRender


@cache
def _fonts_and_source() -> tuple[Any, bytes]:
    """Read once: for a short application that is a tenth of the whole."""
    import typst  # an optional part of the receiver: without it everything else works

    return typst.Fonts(include_system_fonts=False), (resources.files("shared.form") / "application.typ").read_bytes()


def _compile(data: str) -> bytes | None:
    """None if a character has no glyph in the fonts: PDF/UA forbids boxes in its place."""
    fonts, source = _fonts_and_source()
    import typst

    try:
        pdf = typst.Compiler(font_paths=fonts, ignore_system_fonts=True).compile(
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


def _data(
    application: Mapping[str, Any], form: Definition, today: date, facts: Facts, places: Places
) -> dict[str, Any]:
    name = names_in(application)["applicant"]
    parts = summarise(application, form, today, places)
    codes = [code for code in application.get("annex_codes", ()) if code != "HA"]
    benefit = facts.wording.benefit
    shown = [
        ("Jobcenter", facts.jobcenter),
        ("Eingangsnummer", facts.submission_id),
        ("Eingegangen am", facts.received_at),
        ("Antragstellende Person", name),
        ("Geburtsdatum", _born(application)),
        ("Anlagen", ", ".join(facts.wording.annex(code) for code in codes) or "keine"),
        ("Eigene Anträge", _requests(application, form)),
        ("Fassung des Formulars", form.version),
    ]
    later = [section.title for section in form.sections if section.id in application.get("to_follow", ())]
    return {
        "title": f"Antrag auf {benefit}",
        "author": name,
        "description": "Diese Angaben wurden online gemacht. Eine Unterschrift ist nicht nötig (§ 36a SGB I).",
        "running": f"Antrag auf {benefit}: {name}",
        "facts": [[label, text] for label, text in shown if text],
        "annexes": _annexes(parts, form, facts.wording),
        "evidence": [
            [f"{kind} ({person})" if person else kind, state]
            for kind, person, state in evidence_lines(application, form)
        ],
        "to_follow": later,
    }


def _requests(application: Mapping[str, Any], form: Definition) -> str:
    """What counts as an application of its own (§ 37 (1) s. 2 SGB II)."""
    labels = {
        option.value: option.label for _, question in walk(form) for option in question.options if option.own_request
    }
    people = names_in(application)
    return "\n".join(
        f"{labels[entry['request']]} ({people.get(entry['person_ref'], '')})" for entry in application.get(REQUESTS, ())
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
