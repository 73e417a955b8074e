"""The routing answers of an application: which place decides who is responsible (§ 36 SGB II). Pure."""

from __future__ import annotations

from typing import Any


def routing_answers(application: dict[str, Any]) -> tuple[str, str | None]:
    """Postcode and municipality key (or None) that decide, of a valid application.

    1. A residence obligation (§ 12a AufenthG): the obligated place (§ 36 (2) SGB II).
    2. No fixed home: the place of actual stay (§ 36 (1) s. 4 SGB II).
    3. Else the place of residence, also for a women's shelter.

    Supplements and withdrawals have none: they follow their application.
    """
    answers = application["responsibility"]
    # The obligation is asked where it first can be: with the accommodation, or with the residence title.
    for told in (answers, application.get("applicant", {})):
        if told.get("residence_obligation") == "yes":
            return told["obligation_postcode"], told.get("obligation_municipality")
    place = "actual_stay" if answers["residence_situation"] == "no_fixed_home" else "residence"
    return answers[f"{place}_postcode"], answers.get(f"{place}_municipality")


def documents_named(application: dict[str, Any]) -> list[str]:
    """Ids of all documents that the evidence list names, in its order, each once. For any kind of submission."""
    named = (entry.get("document") for entry in application.get("evidence", []))
    return list(dict.fromkeys(document for document in named if document is not None))
