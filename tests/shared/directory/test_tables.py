"""What the committed tables say about places that the project promises something for."""

from __future__ import annotations

import pytest

from shared.contracts.directory import Contact, Rollout
from shared.directory.base import LIVE, base_entries
from shared.directory.resolve import Kind, resolve
from shared.directory.tables import REFERRAL_URL, Tables
from tests.keys import ISSUED_AT

TABLES = Tables.load()


def test_the_whole_country() -> None:
    assert len(TABLES.jobcenters) == 104
    assert len(TABLES.districts) == 401
    assert len(TABLES.municipalities) == 10_753
    assert len(TABLES.postcodes) == 8_171
    assert sum(resolve(TABLES, postcode).kind is Kind.AMBIGUOUS for postcode in TABLES.postcodes) == 69
    assert sum(resolve(TABLES, postcode).kind is Kind.MUNICIPAL for postcode in TABLES.postcodes) == 2_106
    assert len(TABLES.po_boxes) == 2_657


def test_loading_again_gives_the_same_object() -> None:
    assert Tables.load() is TABLES


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("06438", "Kreis Offenbach"),
        ("03361", "Landkreis Verden"),
        ("05974", "Kreis Soest"),
        ("05958", "Hochsauerlandkreis"),
        ("06415", "Hanau"),
        ("03241", "Region Hannover"),
    ],
)
def test_districts_are_called_as_citizens_know_them(key: str, label: str) -> None:
    assert TABLES.districts[key].label == label


def test_a_joint_jobcenter_is_referred_to_by_name_address_and_a_sentence() -> None:
    (candidate,) = resolve(TABLES, "63450").candidates
    referral = candidate.referral
    assert referral is not None
    assert referral.area == "Hanau"
    assert referral.url == REFERRAL_URL == "https://www.jobcenter.digital"
    assert "heute" in referral.text
    assert "Monat ist gesichert" in referral.text


def test_a_municipal_jobcenter_has_no_referral() -> None:
    assert all(candidate.referral is None for candidate in resolve(TABLES, "63303").candidates)


def test_the_first_entries_are_live_or_available_and_invent_nothing() -> None:
    entries = {entry.id: entry for entry in base_entries(ISSUED_AT)}
    assert len(entries) == 104
    assert {entry_id for entry_id, entry in entries.items() if entry.rollout is Rollout.LIVE} == LIVE
    assert {entry.rollout for entry in entries.values()} == {Rollout.LIVE, Rollout.AVAILABLE}
    assert all(
        [destination.id for destination in entry.destinations] == [entry_id] for entry_id, entry in entries.items()
    )
    contact = entries.pop("landkreis-osnabrueck").contact
    assert (contact.telephone, contact.website, contact.email) == ("+49 541 501-2099", "www.massarbeit.de", None)
    assert all(entry.contact == Contact() for entry in entries.values())
