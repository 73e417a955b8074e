"""What the isolation bench sends: the same work for every lane."""

from __future__ import annotations

import random

from devtools.chaos.load import Letter
from devtools.documents import SampleDocument
from devtools.households import Place, single
from devtools.samples import ACKNOWLEDGED, Options, Sample
from shared.form.media import PDF


def small_letter(number: int, jobcenter: str, place: Place, _: random.Random) -> Letter:
    """One application with one small document: the same work for every lane."""
    document = SampleDocument(f"Konto {number}.pdf", PDF, number, "Messung", "E-BANK", "income.bank_statements")
    application = single(place, "Messung", number % 10)
    return Letter(
        jobcenter,
        Sample(
            "bench",
            place.postcode,
            place.municipality_key,
            ACKNOWLEDGED,
            Options(),
            application,
            (document,),
            "Messung",
        ),
    )


def bare_letter(number: int, jobcenter: str, place: Place, _: random.Random) -> Letter:
    """One application without documents."""
    application = single(place, "Messung", number % 10)
    sample = Sample("bench", place.postcode, place.municipality_key, ACKNOWLEDGED, Options(), application, (), "")
    return Letter(jobcenter, sample)
