"""Intake and router decide alike; nothing is guessed, and nothing goes to another Jobcenter than the manifest's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.directory import Destination, DestinationKey, JobcenterEntry, KeyState, KeyUse, Rollout
from shared.contracts.manifest import CLEARING, Kind, Manifest, Part, Role
from shared.contracts.reasons import Reason
from shared.directory import resolve as resolving
from shared.directory.base import base_entries
from shared.directory.decide import (
    Decision,
    NeedsClearing,
    Refusal,
    RefusalCode,
    Route,
    check_route,
    decide,
    decide_follow_up,
    responsible,
)
from shared.directory.snapshot import Applied, Directory
from shared.directory.tables import Tables
from tests import keys

TABLES = Tables.load()
HSK, HALLENBERG, OTHER_TOWN = "hochsauerlandkreis", "05958020", "05958004"
KEYS = keys.destination_keys("a")


class Entries:
    """A directory of unsigned entries: what `decide` needs, and no more."""

    def __init__(self, *entries: JobcenterEntry) -> None:
        self._entries = {entry.id: entry for entry in entries}

    def entry(self, jobcenter_id: str) -> JobcenterEntry | None:
        return self._entries.get(jobcenter_id)

    def destination(self, destination_id: str) -> tuple[JobcenterEntry, Destination] | None:
        for entry in self._entries.values():
            for destination in entry.destinations:
                if destination.id == destination_id:
                    return entry, destination
        return None


def with_keys(entry: JobcenterEntry, **fields: Any) -> JobcenterEntry:
    destinations = (entry.destinations[0].model_copy(update={"keys": KEYS}),)
    return entry.model_copy(update={"destinations": destinations, **fields})


BASE = base_entries(keys.ISSUED_AT)
ALL = Entries(*map(with_keys, BASE))
WITHOUT_KEYS = Entries(*BASE)


def only(jobcenter_id: str, **fields: Any) -> Entries:
    return Entries(*(with_keys(entry, **fields) for entry in BASE if entry.id == jobcenter_id))


def delegating() -> Entries:
    """Hochsauerlandkreis with Hallenberg as a destination of its own."""
    (entry,) = (entry for entry in BASE if entry.id == HSK)
    town = Destination(id="stadt-hallenberg", municipality_keys=(HALLENBERG,), keys=KEYS)
    return Entries(with_keys(entry).model_copy(update={"destinations": (with_keys(entry).destinations[0], town)}))


def manifest(decision: Decision, postcode: str, municipality: str | None = None, **fields: Any) -> Manifest:
    part = {"kid": "k" * 43, "size": 1, "sha256": "s" * 43, "tag": "t" * 22}
    return Manifest(
        submission_id=UUID(int=1),
        client_id="portal",
        received_at=keys.ISSUED_AT,
        service="sgb2-hauptantrag",
        postcode=postcode,
        municipality_key=municipality,
        destination=decision.destination,
        jobcenter=decision.jobcenter,
        clearing_reason=decision.reason,
        directory_version=decision.directory_version,
        parts=(
            Part.model_validate({"role": Role.METADATA, "id": UUID(int=2), **part}),
            Part.model_validate({"role": Role.DATA, "id": UUID(int=3), **part}),
        ),
        content="c" * 43,
    ).model_copy(update=fields)


def decided(entries: Entries, postcode: str, municipality: str | None = None, **flags: bool) -> Decision:
    decision = decide(TABLES, entries, postcode, municipality, **flags)
    assert isinstance(decision, Decision)
    return decision


def test_a_municipal_jobcenter_with_keys() -> None:
    decision = decided(ALL, "63303")
    assert (decision.destination, decision.jobcenter, decision.reason) == ("kreis-offenbach", "kreis-offenbach", None)
    assert decision.key is not None
    assert decision.key.kid == keys.kid("a-encrypt")
    assert decision.directory_version == 1


@pytest.mark.parametrize(
    ("postcode", "municipality", "code"),
    [
        ("59969", None, RefusalCode.AMBIGUOUS),
        ("10115", None, RefusalCode.JOINT),
        ("59969", "06635001", RefusalCode.JOINT),
        ("01053", None, RefusalCode.MUNICIPALITY_NEEDED),
        ("00001", None, RefusalCode.MUNICIPALITY_NEEDED),
        ("63303", "11000000", RefusalCode.MUNICIPALITY_MISMATCH),
        ("63303", "99999999", RefusalCode.MUNICIPALITY_MISMATCH),
    ],
)
def test_questions_are_asked_before_anything_is_accepted(
    postcode: str, municipality: str | None, code: RefusalCode
) -> None:
    refusal = decide(TABLES, ALL, postcode, municipality)
    assert isinstance(refusal, Refusal)
    assert refusal.code is code
    assert refusal.resolution == resolving.resolve(TABLES, postcode, municipality)


@pytest.mark.parametrize(
    ("postcode", "municipality", "unresolved", "accepted"),
    [
        ("59969", None, True, True),
        ("00001", None, True, True),
        ("63303", "11000000", True, True),
        ("10115", None, True, False),
        ("59969", None, False, False),
    ],
)
def test_unresolved_is_accepted_for_clearing(
    postcode: str, municipality: str | None, unresolved: bool, accepted: bool
) -> None:
    outcome = decide(TABLES, ALL, postcode, municipality, unresolved=unresolved, send_anyway=not unresolved)
    if accepted:
        assert isinstance(outcome, Decision)
        assert (outcome.destination, outcome.key, outcome.reason) == (CLEARING, None, Reason.UNRESOLVED)
        assert outcome.jobcenter is None
    else:
        assert isinstance(outcome, Refusal)


def test_send_anyway_is_accepted_for_clearing_where_a_joint_jobcenter_is_responsible() -> None:
    decision = decided(ALL, "10115", send_anyway=True)
    assert (decision.destination, decision.reason, decision.jobcenter) == (CLEARING, Reason.JOINT_JOBCENTER, None)


@pytest.mark.parametrize(
    ("rollout", "test_client", "sealed"),
    [
        (Rollout.LIVE, False, True),
        (Rollout.AVAILABLE, False, True),
        (Rollout.PAUSED, False, True),
        (Rollout.IN_PREPARATION, False, True),
        (Rollout.TEST, False, False),
        (Rollout.TEST, True, True),
    ],
)
def test_rollout_states(rollout: Rollout, test_client: bool, sealed: bool) -> None:
    decision = decided(only("kreis-offenbach", rollout=rollout), "63303", test_client=test_client)
    assert decision.jobcenter == "kreis-offenbach"
    assert decision.destination == ("kreis-offenbach" if sealed else CLEARING)
    assert decision.reason is (None if sealed else Reason.NO_DESTINATION_KEY)
    assert (decision.key is not None) is sealed


@pytest.mark.parametrize(
    ("states", "sealed"),
    [
        ((KeyState.ACTIVE, KeyState.ACTIVE), True),
        ((KeyState.ACCEPT, KeyState.ACTIVE), False),
        ((KeyState.REVOKED, KeyState.ACTIVE), False),
        ((KeyState.ACTIVE, KeyState.REVOKED), False),
        ((KeyState.ACTIVE, KeyState.ACCEPT), False),
    ],
)
def test_sealing_needs_an_active_key_and_one_that_can_answer(states: tuple[KeyState, KeyState], sealed: bool) -> None:
    state = dict(zip(KeyUse, states, strict=True))
    changed = tuple(DestinationKey(kid=key.kid, use=key.use, state=state[key.use], jwk=key.jwk) for key in KEYS)
    entries = only("kreis-offenbach", destinations=(Destination(id="kreis-offenbach", keys=changed),))
    assert (decided(entries, "63303").key is not None) is sealed


def test_a_jobcenter_without_keys_or_without_an_entry_waits_in_clearing() -> None:
    for entries, version in ((WITHOUT_KEYS, 1), (Entries(), 0)):
        decision = decided(entries, "63303")
        assert (decision.destination, decision.reason) == (CLEARING, Reason.NO_DESTINATION_KEY)
        assert (decision.jobcenter, decision.directory_version) == ("kreis-offenbach", version)
        route = check_route(manifest(decision, "63303"), TABLES, entries)
        assert route == NeedsClearing(Reason.NO_DESTINATION_KEY, ("kreis-offenbach",))


def test_a_town_with_its_own_destination() -> None:
    entries = delegating()
    assert decided(entries, "59969", HALLENBERG).destination == "stadt-hallenberg"
    assert decided(entries, "00001", OTHER_TOWN).destination == HSK


def test_a_postcode_shared_by_two_destinations_of_one_jobcenter_is_asked_about() -> None:
    postcode, area = next(
        (postcode, area)
        for postcode, area in TABLES.postcodes.items()
        if len(area.offered) > 1 and {candidate.jobcenter_id for candidate in area.offered} == {"burgenlandkreis"}
    )
    (entry,) = (entry for entry in BASE if entry.id == "burgenlandkreis")
    town = Destination(id="town", municipality_keys=(area.offered[0].municipality_key,), keys=KEYS)
    entries = Entries(entry.model_copy(update={"destinations": (*entry.destinations, town)}))
    found = responsible(TABLES, entries, postcode, None)
    assert found.resolution.kind is resolving.Kind.AMBIGUOUS
    assert found.resolution.candidates == area.offered
    refusal = decide(TABLES, entries, postcode, None)
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.AMBIGUOUS
    assert decided(entries, postcode, area.offered[0].municipality_key).destination == "town"


def test_the_route_stands_while_the_directory_agrees() -> None:
    route = check_route(manifest(decided(ALL, "63303"), "63303"), TABLES, ALL)
    assert isinstance(route, Route)
    assert (route.entry.id, route.destination.id) == ("kreis-offenbach", "kreis-offenbach")


@pytest.mark.parametrize("rollout", list(Rollout))
def test_what_was_sealed_for_a_jobcenter_reaches_its_lane_whatever_its_rollout_became(rollout: Rollout) -> None:
    sealed = manifest(decided(ALL, "63303"), "63303")
    assert isinstance(check_route(sealed, TABLES, only("kreis-offenbach", rollout=rollout)), Route)


def test_another_destination_than_todays_goes_to_clearing() -> None:
    sealed = manifest(decided(ALL, "59969", HALLENBERG), "59969", HALLENBERG)
    assert check_route(sealed, TABLES, delegating()) == NeedsClearing(Reason.DIRECTORY_DISAGREES, (HSK,))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"destination": "kreis-nirgendwo"}, Reason.DESTINATION_UNKNOWN),
        ({"destination": "landkreis-verden"}, Reason.DIRECTORY_DISAGREES),
        ({"jobcenter": "landkreis-verden"}, Reason.DIRECTORY_DISAGREES),
        ({"jobcenter": None}, Reason.DIRECTORY_DISAGREES),
        ({"postcode": "27283"}, Reason.DIRECTORY_DISAGREES),
        ({"postcode": "10115"}, Reason.DIRECTORY_DISAGREES),
        ({"municipality_key": "11000000"}, Reason.DIRECTORY_DISAGREES),
        ({"destination": CLEARING, "clearing_reason": None}, Reason.UNRESOLVED),
        ({"destination": CLEARING, "clearing_reason": "joint-jobcenter"}, Reason.JOINT_JOBCENTER),
    ],
)
def test_manifests_that_do_not_fit_go_to_clearing(fields: dict[str, Any], reason: Reason) -> None:
    result = check_route(manifest(decided(ALL, "63303"), "63303").model_copy(update=fields), TABLES, ALL)
    assert isinstance(result, NeedsClearing)
    assert result.reason == reason


def test_clearing_is_told_the_candidates() -> None:
    sealed = manifest(decided(ALL, "06632", unresolved=True), "06632")
    assert check_route(sealed, TABLES, ALL) == NeedsClearing(Reason.UNRESOLVED, ("burgenlandkreis", "saalekreis"))


@pytest.mark.parametrize("kind", [Kind.SUPPLEMENT, Kind.WITHDRAWAL])
def test_a_follow_up_goes_where_its_original_went(kind: Kind) -> None:
    original = manifest(decided(ALL, "59969", HALLENBERG), "59969", HALLENBERG)
    today = delegating()
    decision = decide_follow_up(TABLES, today, original)
    assert (decision.destination, decision.jobcenter) == (HSK, HSK)
    follow_up = manifest(decision, "59969", HALLENBERG, kind=kind, follows=original.submission_id)
    assert isinstance(check_route(follow_up, TABLES, today), Route)


def test_a_follow_up_of_what_clearing_has_goes_to_clearing() -> None:
    original = manifest(decided(ALL, "06632", unresolved=True), "06632")
    decision = decide_follow_up(TABLES, ALL, original)
    assert (decision.destination, decision.reason) == (CLEARING, Reason.UNRESOLVED)
    gone = manifest(decided(ALL, "63303"), "63303")
    assert decide_follow_up(TABLES, Entries(), gone).reason is Reason.DESTINATION_UNKNOWN


def test_a_later_generation_goes_where_clearing_sent_it() -> None:
    chosen = manifest(decided(ALL, "27283"), "63303", generation=1)
    assert isinstance(check_route(chosen, TABLES, ALL), Route)


def test_a_real_directory_serves_as_well() -> None:
    directory = Directory(keys.anchor())
    entry = with_keys(next(entry for entry in BASE if entry.id == "kreis-offenbach"))
    assert directory.apply(entry.id, keys.signed(entry)) is Applied.OK
    decision = decide(TABLES, directory, "63303", None)
    assert isinstance(decision, Decision)
    assert isinstance(check_route(manifest(decision, "63303"), TABLES, directory), Route)


_CODES = st.one_of(st.sampled_from(sorted(TABLES.postcodes)), st.sampled_from(sorted(TABLES.po_boxes)))
_TOWNS = st.one_of(st.none(), st.sampled_from(sorted(TABLES.municipalities)))


@given(_CODES, _TOWNS, st.booleans(), st.booleans(), st.sampled_from([ALL, WITHOUT_KEYS, delegating(), Entries()]))
def test_what_intake_accepts_the_router_never_sends_elsewhere(
    postcode: str, town: str | None, unresolved: bool, send_anyway: bool, entries: Entries
) -> None:
    decision = decide(TABLES, entries, postcode, town, unresolved=unresolved, send_anyway=send_anyway)
    if isinstance(decision, Refusal):
        assert not (unresolved and send_anyway)
        return
    assert (decision.key is None) == (decision.destination == CLEARING) == (decision.reason is not None)
    result = check_route(manifest(decision, postcode, town), TABLES, entries)
    if decision.destination == CLEARING:
        assert isinstance(result, NeedsClearing)
        assert result.reason == decision.reason
    else:
        assert isinstance(result, Route)
        assert result.destination.id == decision.destination
        assert result.entry.id == decision.jobcenter == resolving.resolve(TABLES, postcode, town).jobcenter_id
