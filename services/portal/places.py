"""Which place decides, and what intake says about it. Pure.

The order is the law's and `shared.form.routing`'s: an obliged residence, the place of actual stay, the home.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.portal.records import Place, Target
from shared import form

SECTION = "responsibility"
TITLE_SECTION = "applicant"
"""Where a residence obligation is asked that comes with the residence title."""


def deciding(answers: Mapping[str, Any]) -> tuple[str, str, str | None] | None:
    """Draft key of the deciding municipality question, postcode, municipality key; None while it is not known."""
    told = {section: _told(answers, section) for section in (SECTION, TITLE_SECTION)}
    try:
        postcode, municipality = form.routing_answers(told)
    except KeyError:
        return None
    if not postcode:
        return None
    return f"{_deciding_question(told)}_municipality", postcode, municipality


def _told(answers: Mapping[str, Any], section: str) -> dict[str, Any]:
    return {key.removeprefix(f"{section}."): value for key, value in answers.items() if key.startswith(f"{section}.")}


def _deciding_question(told: Mapping[str, Mapping[str, Any]]) -> str:
    for section, facts in told.items():
        if facts.get("residence_obligation") == "yes":
            return f"{section}.obligation"
    homeless = told[SECTION]["residence_situation"] == "no_fixed_home"
    return f"{SECTION}.actual_stay" if homeless else f"{SECTION}.residence"


def is_current(place: Place | None, answers: Mapping[str, Any]) -> bool:
    """Does the place that was found still belong to the answers?"""
    found = deciding(answers)
    return place is not None and found is not None and found[1:] == (place.postcode, place.municipality_key)


def place_of(postcode: str, municipality_key: str | None, found: Mapping[str, Any]) -> Place | None:
    """From intake's answer about a place; None where it needs a choice first (ambiguous or unknown)."""
    candidates = found.get("candidates") or []
    chosen = next((each for each in candidates if each["municipality_key"] == municipality_key), None)
    if chosen is None and len(candidates) == 1:
        chosen = candidates[0]
    name = chosen["municipality"] if chosen else None
    if found["kind"] == "municipal":
        return Place(
            postcode=postcode,
            municipality_key=municipality_key,
            municipality=name,
            target=target_of(found.get("jobcenter") or {}),
        )
    if found["kind"] == "joint":
        referral = found.get("referral") or (chosen or {}).get("referral") or {}
        return Place(
            postcode=postcode,
            municipality_key=municipality_key,
            municipality=name,
            referral_area=referral.get("area", ""),
            referral_url=referral.get("url"),
            referral_text=referral.get("text"),
        )
    return None


def target_of(jobcenter: Mapping[str, Any]) -> Target:
    contact = jobcenter.get("contact") or {}
    return Target(
        id=jobcenter.get("id"),
        name=jobcenter.get("name"),
        rollout=jobcenter.get("rollout"),
        email=contact.get("email"),
        telephone=contact.get("telephone"),
        website=contact.get("website"),
        address=contact.get("address"),
    )


def is_joint(place: Place) -> bool:
    return place.referral_area is not None and not place.send_anyway


def opening(place: Place) -> dict[str, Any]:
    """The place's part of the body that opens a submission."""
    body: dict[str, Any] = {"postcode": place.postcode}
    if place.municipality_key is not None:
        body["municipality_key"] = place.municipality_key
    if place.unresolved:
        body["unresolved"] = True
    if place.send_anyway:
        body["send_anyway"] = True
    return body
