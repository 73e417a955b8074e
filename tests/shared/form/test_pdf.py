"""The PDF, read by another program (pypdf): tagged, in the paper's order, with every answer, the same each time."""

from __future__ import annotations

import io
import re
from datetime import date
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject

from devtools.samples import sample
from shared.contracts.manifest import Kind
from shared.form import DEFINITION, SERVICE, validate
from shared.form.annexes import annex_codes
from shared.form.pdf import CannotRender, Facts, render
from shared.form.summary import summarise
from shared.form.wording import load, wording_for

TODAY = date(2026, 11, 22)
DOCUMENT = "11111111-1111-4111-8111-111111111111"


def family() -> dict[str, Any]:
    one = sample("georgsmarienhuette")
    application = one.completed_with([DOCUMENT[:-1] + str(n) for n in range(len(one.documents))])
    application["annex_codes"] = list(annex_codes(application, DEFINITION, TODAY))
    assert validate(application) == []
    return application


def read(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def text_of(pdf: bytes) -> str:
    """The text without blanks and hyphens at line ends: where lines break is no matter."""
    return squeezed("".join(page.extract_text() for page in read(pdf).pages))


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u00ad\-‐]", "", text)


def tags(pdf: bytes) -> list[str]:
    found: list[str] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, ArrayObject):
            for child in node:
                walk(child)
        elif isinstance(node, DictionaryObject):
            if "/S" in node:
                found.append(str(node["/S"]))
            if "/K" in node:
                walk(node["/K"])

    root: Any = read(pdf).trailer["/Root"]
    walk(root["/StructTreeRoot"]["/K"])
    return found


def test_it_is_tagged_and_says_that_it_is_pdf_ua() -> None:
    pdf = render(family(), SERVICE, TODAY)
    root: Any = read(pdf).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "de"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"pdfuaid:part" in root["/Metadata"].get_object().get_data()
    assert str(read(pdf).metadata.title) == "Antrag auf Grundsicherungsgeld"  # type: ignore[union-attr]
    structure = tags(pdf)
    assert {"/H1", "/H2", "/H3", "/L", "/LI", "/Lbl", "/LBody"} <= set(structure)
    pairs = [each for each in structure if each in ("/Lbl", "/LBody")]
    assert pairs == ["/Lbl", "/LBody"] * (len(pairs) // 2), "a question without its answer beside it"


def test_every_answer_stands_in_it_with_its_question() -> None:
    application = family()
    pdf = render(application, SERVICE, TODAY)
    shown = text_of(pdf)
    rows = [row for part in summarise(application, DEFINITION, TODAY, lambda _: None) for row in part.rows]
    assert len(rows) > 100
    for row in rows:
        assert squeezed(row.label) in shown, row.label
        assert squeezed(row.text) in shown, row.text


def test_the_papers_order_with_annex_codes() -> None:
    application = family()
    assert application["annex_codes"] == ["HA", "WEP", "KI", "KDU", "EK", "VM", "BuT"]
    shown = text_of(render(application, SERVICE, TODAY))
    places = [shown.index(f"Anlage{code}:") for code in application["annex_codes"][1:]]
    assert shown.index("Hauptantrag(HA)") < places[0]
    assert places == sorted(places)


def test_it_is_the_same_each_time_and_shows_what_is_known() -> None:
    facts = Facts(jobcenter="Maßarbeit", submission_id="0f5c", received_at="22.11.2026, 23:31 Uhr")
    first, second = render(family(), SERVICE, TODAY, facts), render(family(), SERVICE, TODAY, facts)
    assert first == second
    for word in ("Maßarbeit", "0f5c", "23:31Uhr", "liegtbei"):
        assert word in text_of(first)


def test_an_early_submission_says_what_follows() -> None:
    shown = text_of(render(sample("early-husum").application, SERVICE, TODAY))
    assert "Wirdnachgereicht" in shown
    assert "Krankenversicherung" in shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Łukasz Žydrė Ğül ẞ Đặng", "ŁukaszŽydrėĞülẞĐặng"),
        ("Олена Ψ", "ОленаΨ"),
        ("李 雷", "[U+674E][U+96F7]"),
        ("😀 Ida", "[U+1F600]Ida"),
        ("#strong[x] $x$ \\u{41} <b>", "#strong[x]$x$\\u{41}<b>"),
    ],
)
def test_any_name_is_printed_or_named_by_its_code(name: str, shown: str) -> None:
    application = sample("verden").application | {}
    application["applicant"] = application["applicant"] | {"given_names": name}
    assert shown in text_of(render(application, SERVICE, TODAY))


def test_a_form_that_nobody_knows_is_not_rendered() -> None:
    with pytest.raises((KeyError, CannotRender)):
        render(family(), "other-service", TODAY)


def test_an_earlier_version_is_rendered_from_its_own_definition() -> None:
    application = sample("early-husum").application | {}
    application["form"] = application["form"] | {"version": "1.0.0"}
    application["to_follow"] = ["income", "housing"]
    assert "1.0.0" in text_of(render(application, SERVICE, TODAY))


def test_words_are_each_jobcenters_own() -> None:
    assert wording_for("nobody").annex("UH-child") == "UH3"
    assert wording_for(None).annex("KDU") == "KDU"
    own = load('[default]\nbenefit = "A"\n[default.annexes]\nHG = "HG1"\n[x]\nbenefit = "B"\n[x.annexes]\nVE = "V"\n')
    assert own["x"].benefit == "B"
    assert own["x"].annexes == {"HG": "HG1", "VE": "V"}


def brought() -> dict[str, Any]:
    """What a household brings after its date was secured: evidence, one section, a word."""
    application = family()
    return {
        "form": application["form"],
        "reference": "0f5c6d1e",
        "remarks": "Der Bescheid kam erst heute.\nDanke!",
        "payment": application["payment"],
        "income": application["income"],
        "evidence": [
            {"evidence_code": "E-ID", "document": DOCUMENT},
            {"evidence_code": "E-PAY", "person_ref": "person-1", "document": DOCUMENT[:-1] + "2"},
            {"evidence_code": "E-PAY", "person_ref": "person-1", "document": DOCUMENT[:-1] + "3"},
        ],
    }


def test_a_supplement_says_what_it_belongs_to_and_what_is_brought() -> None:
    supplement = brought()
    assert validate(supplement, SERVICE, Kind.SUPPLEMENT) == []
    people = {"person-1": "Hinnerk Muster"}
    facts = Facts(jobcenter="Maßarbeit", received_at="1.12.2026, 8:00 Uhr", follows="0f5c6d1e", people=people)
    pdf = render(supplement, SERVICE, TODAY, facts, kind=Kind.SUPPLEMENT)
    assert str(read(pdf).metadata.title) == "Nachreichung zum Antrag auf Grundsicherungsgeld"  # type: ignore[union-attr]
    assert {"/H1", "/H2", "/H3", "/L", "/LI", "/Lbl", "/LBody"} <= set(tags(pdf))
    assert b"pdfuaid:part" in read(pdf).trailer["/Root"]["/Metadata"].get_object().get_data()  # type: ignore[index]
    shown = text_of(pdf)
    for words in (
        "0f5c6d1e",
        "Maßarbeit",
        "3 Dateien",
        "Angaben: Auszahlung, Einnahmen",
        "Der Bescheid kam erst heute.",
    ):
        assert squeezed(words) in shown, words
    assert squeezed("Lohnabrechnungen der letzten drei Monate (Hinnerk Muster)") in shown
    assert squeezed("liegt bei: 2 Dateien") in shown
    assert shown.count("0f5c6d1e") == 1
    rows = [row for part in summarise(supplement, DEFINITION, TODAY, lambda _: None) for row in part.rows]
    assert {str(row.pointer[0]) for row in rows} == {"payment", "income"}
    for row in rows:
        assert squeezed(row.text) in shown, row.text
    assert render(supplement, SERVICE, TODAY, facts, kind=Kind.SUPPLEMENT) == pdf


def test_evidence_alone_makes_a_short_paper_and_unknown_persons_are_called_by_their_reference() -> None:
    supplement = {name: value for name, value in brought().items() if name in ("form", "reference", "evidence")}
    pdf = render(supplement, SERVICE, TODAY, kind=Kind.SUPPLEMENT)
    assert len(read(pdf).pages) == 1
    assert "weiterePerson(person1)" in text_of(pdf)
    assert "Frage" not in text_of(pdf)


def test_annexes_follow_from_the_answers_where_the_sender_named_none() -> None:
    application = family()
    codes = application.pop("annex_codes")
    shown = text_of(render(application, SERVICE, TODAY))
    assert [code for code in codes[1:] if f"Anlage{code}:" not in shown] == []
