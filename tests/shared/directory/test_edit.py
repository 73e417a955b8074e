"""Changes raise the version by one and leave an entry that readers accept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.directory import (
    Contact,
    Destination,
    JobcenterEntry,
    KeyState,
    KeyUse,
    PlatformKey,
    PlatformKeyUse,
    Rollout,
)
from shared.directory import edit
from shared.directory.base import base_entries
from shared.directory.entry import InvalidEntry, check_entry
from shared.directory.snapshot import Applied, Directory
from shared.directory.tables import Tables
from tests import keys

TABLES = Tables.load()
NOW = keys.ISSUED_AT + timedelta(days=1)
HSK = next(entry for entry in base_entries(keys.ISSUED_AT) if entry.id == "hochsauerlandkreis")
OLD, NEW = keys.destination_keys("a"), keys.destination_keys("b")


def states(entry: JobcenterEntry) -> dict[str, KeyState]:
    return {key.kid: key.state for destination in entry.destinations for key in destination.keys}


def test_fields_change_and_the_version_rises() -> None:
    changed = edit.change(HSK, NOW, rollout=Rollout.LIVE)
    assert (changed.version, changed.issued_at, changed.rollout) == (2, NOW, Rollout.LIVE)
    assert changed.destinations == HSK.destinations


@pytest.mark.parametrize("fields", [{"id": "other"}, {"version": 9}, {"colour": "red"}])
def test_only_what_may_change_changes(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidEntry, match="field-unknown"):
        edit.change(HSK, NOW, **fields)


def test_contact_details_are_set_and_emptied() -> None:
    changed = edit.change_contact(HSK, NOW, email="post@example.org", source="their website")
    assert changed.contact == Contact(email="post@example.org", source="their website")
    assert edit.change_contact(changed, NOW, email="").contact == Contact(source="their website")


def test_endpoints() -> None:
    changed = edit.set_endpoint(HSK, NOW, HSK.id, "https://jobcenter.example.org/push/")
    adapter = changed.destinations[0].adapter
    assert adapter is not None
    assert adapter.url == "https://jobcenter.example.org/push"
    assert edit.set_endpoint(changed, NOW, HSK.id, None).destinations[0].adapter is None
    with pytest.raises(InvalidEntry, match="endpoint-url"):
        edit.set_endpoint(HSK, NOW, HSK.id, "ftp://example.org")
    with pytest.raises(InvalidEntry, match="destination-unknown"):
        edit.set_endpoint(HSK, NOW, "elsewhere", None)


def test_new_keys_retire_the_old_ones() -> None:
    first = edit.add_keys(HSK, NOW, HSK.id, OLD)
    assert set(states(first).values()) == {KeyState.ACTIVE}
    second = edit.add_keys(first, NOW, HSK.id, NEW)
    assert states(second) == {key.kid: KeyState.ACTIVE for key in NEW} | {key.kid: KeyState.ACCEPT for key in OLD}
    with pytest.raises(InvalidEntry, match="key-twice"):
        edit.add_keys(second, NOW, HSK.id, OLD)


def test_key_states() -> None:
    entry = edit.add_keys(edit.add_keys(HSK, NOW, HSK.id, OLD), NOW, HSK.id, NEW)
    kid = {(letter, key.use): key.kid for letter, each in (("old", OLD), ("new", NEW)) for key in each}
    back = edit.set_key_state(entry, NOW, kid["old", KeyUse.ENCRYPT], KeyState.ACTIVE)
    assert states(back)[kid["new", KeyUse.ENCRYPT]] is KeyState.ACCEPT
    assert states(back)[kid["new", KeyUse.VERIFY]] is KeyState.ACTIVE
    revoked = edit.set_key_state(entry, NOW, kid["old", KeyUse.VERIFY], KeyState.REVOKED)
    assert states(revoked)[kid["old", KeyUse.VERIFY]] is KeyState.REVOKED
    with pytest.raises(InvalidEntry, match="key-revoked"):
        edit.set_key_state(revoked, NOW, kid["old", KeyUse.VERIFY], KeyState.ACCEPT)
    with pytest.raises(InvalidEntry, match="key-unknown"):
        edit.set_key_state(entry, NOW, "x" * 43, KeyState.ACCEPT)


def test_a_town_gets_its_own_destination() -> None:
    entry = edit.add_destination(HSK, NOW, "stadt-hallenberg", ["05958020"], TABLES)
    assert entry.destinations[1] == Destination(id="stadt-hallenberg", municipality_keys=("05958020",))


@pytest.mark.parametrize(
    ("identity", "municipalities", "code"),
    [
        ("town", ["06635001"], "municipality-elsewhere"),
        ("town", ["00000000"], "municipality-elsewhere"),
        ("town", [], "two-default-destinations"),
        ("hochsauerlandkreis", ["05958020"], "destination-id"),
        ("clearing", ["05958020"], "destination-id"),
        ("Töwn", ["05958020"], "destination-id"),
    ],
)
def test_destinations_that_cannot_be(identity: str, municipalities: list[str], code: str) -> None:
    with pytest.raises(InvalidEntry, match=code):
        edit.add_destination(HSK, NOW, identity, municipalities, TABLES)


def test_a_municipality_has_one_destination() -> None:
    entry = edit.add_destination(HSK, NOW, "one", ["05958020"], TABLES)
    with pytest.raises(InvalidEntry, match="municipality-twice"):
        edit.add_destination(entry, NOW, "two", ["05958020"], TABLES)


def test_two_keys_cannot_both_seal() -> None:
    both = (OLD[0], NEW[0])
    with pytest.raises(InvalidEntry, match="two-active-keys"):
        check_entry(HSK.model_copy(update={"destinations": (Destination(id=HSK.id, keys=both),)}))


def test_platform_keys_rotate() -> None:
    entry = keys.platform_entry()
    old = next(key for key in entry.keys if key.use is PlatformKeyUse.TRANSIT)
    new = PlatformKey(
        kid=keys.kid("a-encrypt"), use=PlatformKeyUse.TRANSIT, state=KeyState.ACTIVE, jwk=keys.public("a-encrypt")
    )
    rotated = edit.add_platform_key(entry, NOW, new)
    assert rotated.version == 2
    assert {key.kid: key.state for key in rotated.keys if key.use is PlatformKeyUse.TRANSIT} == {
        new.kid: KeyState.ACTIVE,
        old.kid: KeyState.ACCEPT,
    }
    gone = edit.set_platform_key_state(rotated, NOW, old.kid, KeyState.REVOKED)
    assert next(key for key in gone.keys if key.kid == old.kid).state is KeyState.REVOKED
    with pytest.raises(InvalidEntry, match="not-one-active-key"):
        edit.set_platform_key_state(rotated, NOW, new.kid, KeyState.REVOKED)
    with pytest.raises(InvalidEntry, match="key-twice"):
        edit.add_platform_key(rotated, NOW, new)
    with pytest.raises(InvalidEntry, match="key-unknown"):
        edit.set_platform_key_state(entry, NOW, "x" * 43, KeyState.ACCEPT)


Step = Callable[[JobcenterEntry], JobcenterEntry]
STEPS: list[Step] = [
    lambda entry: edit.add_keys(entry, NOW, HSK.id, OLD),
    lambda entry: edit.add_keys(entry, NOW, HSK.id, NEW),
    lambda entry: edit.set_key_state(entry, NOW, OLD[0].kid, KeyState.ACTIVE),
    lambda entry: edit.set_key_state(entry, NOW, NEW[0].kid, KeyState.REVOKED),
    lambda entry: edit.set_key_state(entry, NOW, NEW[1].kid, KeyState.ACCEPT),
    lambda entry: edit.add_destination(entry, NOW, "stadt-hallenberg", ["05958020"], TABLES),
    lambda entry: edit.add_keys(entry, NOW, "stadt-hallenberg", NEW),
    lambda entry: edit.set_endpoint(entry, NOW, HSK.id, "http://127.0.0.1:1"),
    lambda entry: edit.change(entry, NOW, rollout=Rollout.PAUSED),
    lambda entry: edit.change(entry, NOW, deleted=True),
]


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_whatever_is_done_in_whatever_order_readers_follow(steps: list[Step]) -> None:
    directory, entry = Directory(keys.anchor()), HSK
    assert directory.apply(HSK.id, keys.signed(entry)) is Applied.OK
    for step in steps:
        try:
            changed = step(entry)
        except InvalidEntry:
            continue
        assert changed.version == entry.version + 1
        assert directory.apply(HSK.id, keys.signed(changed)) is Applied.OK
        entry = changed
    assert not directory.alarms
