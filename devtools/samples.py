"""The demo's sample submissions: invented people, real postcodes, every way a request can end. Deterministic.

Each sample has its own canary, a word that occurs nowhere else. It stands in names, addresses, remarks, file names and
documents, so that a search for it in whatever Kafka, the store and the logs hold shows a leak.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from devtools import households
from devtools.documents import SampleDocument
from devtools.households import Application, Place
from shared.contracts.manifest import Kind
from shared.form import SERVICE
from shared.form.media import JPEG, PDF, PNG

LARGE_BYTES = 40_000_000

ACKNOWLEDGED = "acknowledged"
REFERRED = "referred"
CLEARING = "clearing"
PROBLEM = "problem"

Household = Callable[[Place, str, int], Application]


@dataclass(frozen=True)
class Options:
    """What the sender says at the opening, and does.

    | field | meaning |
    | --- | --- |
    | `unresolved` | cannot say which municipality |
    | `send_anyway` | sends although a joint Jobcenter is responsible |
    | `complete_twice` | repeats the completing PUT: same receipt, one delivery |
    | `kind`, `follows` | a follow-up of the sample of that name |
    | `problem_status` | HTTP status of the refusal, if one is expected |
    """

    unresolved: bool = False
    send_anyway: bool = False
    complete_twice: bool = False
    kind: Kind = Kind.APPLICATION
    follows: str | None = None
    problem_status: int | None = None


@dataclass(frozen=True)
class Sample:
    """One request to the public API and what must come of it."""

    name: str
    postcode: str
    municipality_key: str | None
    expected: str
    options: Options
    application: Application
    documents: tuple[SampleDocument, ...]
    canary: str
    service: str = SERVICE

    def completed_with(self, document_ids: Sequence[UUID | str]) -> Application:
        """The application with its evidence list, for documents uploaded under these ids, in the sample's order."""
        if len(document_ids) != len(self.documents):
            raise ValueError("one id for each document")
        application: dict[str, Any] = deepcopy(self.application)
        uploaded = [
            {
                "evidence_code": document.evidence_code,
                "question_id": document.question_id,
                "person_ref": document.person_ref,
                "document": str(document_id),
            }
            for document, document_id in zip(self.documents, document_ids, strict=True)
        ]
        announced = application.get("evidence", [])
        if uploaded or announced:
            application["evidence"] = [*uploaded, *announced]
        return application


_CANARY_WORDS = (
    "Quarzhofer Zwillbrock Wispelhorn Knurrhagen Ulmenfrost Vogtbrand Jaspisau Nebelkranz Torfwinkel Pfriemgras "
    "Yspernau Grimbach Holzquell Dachsrain Erlenspuk Feldzirbel Mondraute Ostwindl Rabenschlehe Sumpfotter"
)
_CANARIES: tuple[str, ...] = tuple(_CANARY_WORDS.split())

_ID = ("E-ID", "applicant.family_name")
_RENT = ("E-RENT", "housing.cold_rent")
_BANK = ("E-BANK", "income.bank_statements")
_PAY = ("E-PAY", "income.jobs")
_DECISION = ("E-DECISION", "applicant.previous_benefits")

# name, media type, (evidence code, question), exact size or 0 for a small one
_Wanted = tuple[str, str, tuple[str, str], int]
_NOTHING: tuple[_Wanted, ...] = ()
_ONE: tuple[_Wanted, ...] = (("Personalausweis.pdf", PDF, _ID, 0),)
_TWO: tuple[_Wanted, ...] = (("Ausweis vorne.jpg", JPEG, _ID, 0), ("Mietvertrag.pdf", PDF, _RENT, 0))
_SEVERAL: tuple[_Wanted, ...] = (
    ("Ausweis vorne.jpg", JPEG, _ID, 0),
    ("Ausweis hinten.jpg", JPEG, _ID, 0),
    ("Mietvertrag komplett.pdf", PDF, _RENT, 0),
    ("Lohnabrechnung Oktober.pdf", PDF, _PAY, 0),
    ("Kontoauszug September–Oktober.png", PNG, _BANK, 0),
    ("../../Kontoauszug: November?.png", PNG, _BANK, 0),
)
_HUGE: tuple[_Wanted, ...] = (("Kontoauszüge eingescannt.pdf", PDF, _BANK, LARGE_BYTES), *_ONE)


def _documents(wanted: tuple[_Wanted, ...], canary: str, number: int) -> tuple[SampleDocument, ...]:
    return tuple(
        SampleDocument(
            name=f"{canary} {name}" if not name.startswith(".") else name.replace("Konto", f"{canary}-Konto"),
            media_type=media_type,
            seed=number * 100 + index,
            canary=canary,
            evidence_code=evidence_code,
            question_id=question_id,
            target_bytes=size,
        )
        for index, (name, media_type, (evidence_code, question_id), size) in enumerate(wanted)
    )


def _sample(
    number: int,
    name: str,
    place: Place,
    expected: str,
    *,
    household: Household = households.single,
    wanted: tuple[_Wanted, ...] = _NOTHING,
    options: Options | None = None,
) -> Sample:
    canary = _CANARIES[number]
    return Sample(
        name=name,
        postcode=place.postcode,
        municipality_key=place.municipality_key,
        expected=expected,
        options=options or Options(),
        application=household(place, canary, number),
        documents=_documents(wanted, canary, number),
        canary=canary,
    )


def _supplement(number: int, name: str, original: Sample) -> Sample:
    canary = _CANARIES[number]
    return Sample(
        name=name,
        postcode=original.postcode,
        municipality_key=original.municipality_key,
        expected=original.expected,
        options=Options(kind=Kind.SUPPLEMENT, follows=original.name),
        application=households.supplement(canary, f"Mein Antrag {canary}"),
        documents=_documents((("Bescheid.pdf", PDF, _DECISION, 0),), canary, number),
        canary=canary,
    )


def _all() -> tuple[Sample, ...]:
    place, options = Place, Options
    early = _sample(14, "early-husum", place("25813", "Husum", "01054056"), ACKNOWLEDGED, household=households.early)
    homeless = _sample(
        15, "no-fixed-home-biberach", place("88400", "Biberach"), ACKNOWLEDGED, household=households.no_fixed_home
    )
    return (
        _sample(0, "dreieich", place("63303", "Dreieich"), ACKNOWLEDGED, wanted=_TWO),
        _sample(
            1,
            "georgsmarienhuette",
            place("49124", "Georgsmarienhütte"),
            ACKNOWLEDGED,
            household=households.family,
            wanted=_SEVERAL,
        ),
        _sample(2, "verden", place("27283", "Verden (Aller)"), ACKNOWLEDGED),
        _sample(3, "stadthagen-large", place("31655", "Stadthagen"), ACKNOWLEDGED, wanted=_HUGE),
        _sample(4, "bautzen", place("02625", "Bautzen"), ACKNOWLEDGED, household=households.self_employed, wanted=_ONE),
        _sample(5, "hallenberg", place("59969", "Hallenberg", "05958020"), ACKNOWLEDGED, wanted=_ONE),
        _sample(6, "freyburg", place("06632", "Freyburg (Unstrut)", "15084135"), ACKNOWLEDGED),
        _sample(7, "freyburg-ambiguous", place("06632", "Freyburg"), PROBLEM, options=options(problem_status=409)),
        _sample(8, "freyburg-unresolved", place("06632", "Freyburg"), CLEARING, options=options(unresolved=True)),
        _sample(9, "berlin", place("10115", "Berlin"), REFERRED, options=options(problem_status=422)),
        _sample(
            10, "berlin-anyway", place("10115", "Berlin"), CLEARING, wanted=_ONE, options=options(send_anyway=True)
        ),
        _sample(11, "po-box", place("10898", "Dreieich"), PROBLEM, options=options(problem_status=422)),
        _sample(12, "po-box-municipality", place("10898", "Dreieich", "06438002"), ACKNOWLEDGED, wanted=_ONE),
        _sample(13, "hanau", place("63450", "Hanau"), REFERRED, options=options(problem_status=422)),
        early,
        homeless,
        _sample(
            16,
            "heiligenstadt-twice",
            place("37308", "Heiligenstadt"),
            ACKNOWLEDGED,
            wanted=_TWO,
            options=options(complete_twice=True),
        ),
        _supplement(17, "husum-supplement", early),
    )


SAMPLES: tuple[Sample, ...] = _all()
"""In the order of sending: what follows stands after what it follows."""
CANARIES: tuple[str, ...] = tuple(sample.canary for sample in SAMPLES)
"""Search for these, in any encoding that keeps ASCII, ignoring case."""


def sample(name: str) -> Sample:
    """The sample of this name. KeyError if there is none."""
    for candidate in SAMPLES:
        if candidate.name == name:
            return candidate
    raise KeyError(name)
