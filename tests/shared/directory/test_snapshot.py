"""A directory believes its anchor and nobody else; every kind of planted record is refused and counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.contracts.canonical import canonical_json
from shared.contracts.directory import DIRECTORY_TYP, PLATFORM_ID, Destination, JobcenterEntry, Rollout
from shared.directory.snapshot import Applied, Directory
from shared.sealing import jws
from shared.sealing.jwk import load_private, thumbprint
from shared.trust.anchor import sign_entry
from tests import keys


@pytest.fixture
def directory() -> Directory:
    return Directory(keys.anchor())


def entry(version: int = 1, identity: str = "jobcenter-a", **fields: Any) -> JobcenterEntry:
    return keys.jobcenter_entry("a", identity, version=version).model_copy(update=fields)


def raw_signed(
    claims: dict[str, Any], *, key: str = "directory", typ: str = DIRECTORY_TYP, kid: str | None = None
) -> str:
    """Signed without the checks of `sign_entry`, as an attacker or a faulty tool would."""
    private = keys.private_jwk(key)
    payload = canonical_json(claims)
    return jws.sign(payload, key=load_private(private), kid=kid or thumbprint(private), alg="ES256", typ=typ)


def test_a_good_entry_becomes_visible(directory: Directory) -> None:
    assert directory.apply("jobcenter-a", keys.signed(entry()).encode()) is Applied.OK
    assert directory.entry("jobcenter-a") == entry()
    assert directory.destination("jobcenter-a") == (entry(), entry().destinations[0])
    assert directory.destinations() == ("jobcenter-a",)
    assert directory.entries() == (entry(),)
    assert directory.version("jobcenter-a") == 1
    assert not directory.alarms


def test_the_platform_keys(directory: Directory) -> None:
    assert directory.platform is None
    assert directory.apply(PLATFORM_ID, keys.signed(keys.platform_entry())) is Applied.OK
    assert directory.platform is not None
    assert directory.platform.receipt_kid == keys.kid("receipt")
    assert directory.entry(PLATFORM_ID) is None
    assert directory.ids() == (PLATFORM_ID,)


def test_a_higher_version_replaces_and_gaps_do_not_matter(directory: Directory) -> None:
    directory.apply("jobcenter-a", keys.signed(entry(1)))
    newer = entry(7, destinations=(Destination(id="town"),))
    assert directory.apply("jobcenter-a", keys.signed(newer)) is Applied.OK
    assert directory.entry("jobcenter-a") == newer
    assert directory.destinations() == ("town",)
    assert directory.destination("jobcenter-a") is None


def test_signed_anew_is_the_same(directory: Directory) -> None:
    directory.apply("jobcenter-a", keys.signed(entry()))
    assert directory.apply("jobcenter-a", keys.signed(entry())) is Applied.UNCHANGED


def planted() -> dict[str, tuple[str | None, str | bytes | None, Applied]]:
    """Name → key, value and what must become of it, after version 2 of jobcenter-a and version 1 of jobcenter-b."""
    good = keys.signed(entry(3))
    claims = entry(3).model_dump(mode="json")
    head, body, seal = good.split(".")
    foreign = keys.private_jwk("receipt")
    both = (Destination(id="one"), Destination(id="two"))
    return {
        "unsigned json": ("jobcenter-a", canonical_json(claims), Applied.IGNORED_UNSIGNED),
        "no bytes": ("jobcenter-a", b"", Applied.IGNORED_UNSIGNED),
        "not ascii": ("jobcenter-a", "ö.ö.ö".encode(), Applied.IGNORED_UNSIGNED),
        "signature cut off": ("jobcenter-a", f"{head}.{body}.", Applied.IGNORED_UNSIGNED),
        "body of another": (
            "jobcenter-a",
            f"{head}.{keys.signed(entry(4)).split('.')[1]}.{seal}",
            Applied.IGNORED_UNSIGNED,
        ),
        "another type": ("jobcenter-a", raw_signed(claims, typ="antragsweiche-manifest+jwt"), Applied.IGNORED_UNSIGNED),
        "no entry": ("jobcenter-a", raw_signed({"type": "jobcenter", "id": "jobcenter-a"}), Applied.IGNORED_UNSIGNED),
        "unknown kind": ("jobcenter-a", raw_signed({**claims, "type": "mayor"}), Applied.IGNORED_UNSIGNED),
        "foreign key": ("jobcenter-a", sign_entry(entry(3), foreign), Applied.IGNORED_FOREIGN),
        "foreign key, our name": (
            "jobcenter-a",
            raw_signed(claims, key="receipt", kid=keys.kid("directory")),
            Applied.IGNORED_UNSIGNED,
        ),
        "older": ("jobcenter-a", keys.signed(entry(1)), Applied.IGNORED_OLDER),
        "same version, other content": ("jobcenter-a", keys.signed(entry(2, name="Other")), Applied.IGNORED_CONFLICT),
        "somebody else's destination": (
            "jobcenter-a",
            keys.signed(entry(3, destinations=(Destination(id="jobcenter-b"),))),
            Applied.IGNORED_CONFLICT,
        ),
        "under another key": ("jobcenter-b", good, Applied.IGNORED_MISPLACED),
        "without a key": (None, good, Applied.IGNORED_MISPLACED),
        "a Jobcenter as the platform": (PLATFORM_ID, good, Applied.IGNORED_MISPLACED),
        "the platform as a Jobcenter": ("jobcenter-a", keys.signed(keys.platform_entry()), Applied.IGNORED_MISPLACED),
        "two defaults": (
            "jobcenter-a",
            raw_signed(entry(3, destinations=both).model_dump(mode="json")),
            Applied.IGNORED_CONTRADICTORY,
        ),
        "reserved destination": (
            "jobcenter-a",
            raw_signed(entry(3, destinations=(Destination(id="clearing"),)).model_dump(mode="json")),
            Applied.IGNORED_CONTRADICTORY,
        ),
        "deleted": ("jobcenter-a", None, Applied.IGNORED_TOMBSTONE),
        "a platform that never was, deleted": (PLATFORM_ID, None, Applied.IGNORED_TOMBSTONE),
    }


@pytest.mark.parametrize("name", planted())
def test_planted_records_are_refused_and_the_last_good_one_stays(directory: Directory, name: str) -> None:
    directory.apply("jobcenter-a", keys.signed(entry(2)))
    directory.apply("jobcenter-b", keys.signed(keys.jobcenter_entry("b", "jobcenter-b")))
    before = directory.entries()
    key, value, expected = planted()[name]
    assert directory.apply(key, value) is expected
    assert expected.is_alarm
    assert directory.alarms == {expected: 1}
    assert directory.entries() == before
    assert directory.platform is None
    assert directory.destinations() == ("jobcenter-a", "jobcenter-b")
    # and it goes on from there
    assert directory.apply("jobcenter-a", keys.signed(entry(3))) is Applied.OK


def test_a_signed_deletion_takes_effect_and_cannot_be_undone_with_an_old_entry(directory: Directory) -> None:
    directory.apply("jobcenter-a", keys.signed(entry(1)))
    assert directory.apply("jobcenter-a", keys.signed(entry(2, deleted=True))) is Applied.OK
    assert directory.entry("jobcenter-a") is None
    assert directory.destinations() == ()
    assert directory.apply("jobcenter-a", keys.signed(entry(1))) is Applied.IGNORED_OLDER
    assert directory.version("jobcenter-a") == 2
    assert directory.apply("jobcenter-a", keys.signed(entry(3))) is Applied.OK
    assert directory.entry("jobcenter-a") == entry(3)


VERSIONS = st.integers(1, 6)
IDS = st.sampled_from(["jobcenter-a", "jobcenter-b"])
ROLLOUTS = st.sampled_from(list(Rollout))


class Reader(RuleBasedStateMachine):
    """Good, old, contradicting, foreign and deleted records in any order: the highest version, as first seen, shows."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Directory(keys.anchor())
        self.model: dict[str, JobcenterEntry] = {}
        self.alarms = 0

    @rule(identity=IDS, version=VERSIONS, rollout=ROLLOUTS, deleted=st.booleans())
    def signed_entry(self, identity: str, version: int, rollout: Rollout, deleted: bool) -> None:
        new = entry(version, identity, rollout=rollout, deleted=deleted, destinations=(Destination(id=identity),))
        applied = self.directory.apply(identity, keys.signed(new))
        old = self.model.get(identity)
        if old is None or version > old.version:
            assert applied is Applied.OK
            self.model[identity] = new
        elif new == old:
            assert applied is Applied.UNCHANGED
        else:
            assert applied in (Applied.IGNORED_OLDER, Applied.IGNORED_CONFLICT)
            self.alarms += 1

    @rule(identity=IDS, version=VERSIONS)
    def foreign_entry(self, identity: str, version: int) -> None:
        token = sign_entry(entry(version, identity), keys.private_jwk("push"))
        assert self.directory.apply(identity, token) is Applied.IGNORED_FOREIGN
        self.alarms += 1

    @rule(identity=IDS)
    def deleted(self, identity: str) -> None:
        assert self.directory.apply(identity, None) is Applied.IGNORED_TOMBSTONE
        self.alarms += 1

    @rule(identity=IDS, noise=st.binary(max_size=40))
    def noise(self, identity: str, noise: bytes) -> None:
        assert self.directory.apply(identity, noise) is Applied.IGNORED_UNSIGNED
        self.alarms += 1

    @invariant()
    def shows_the_model(self) -> None:
        shown = {name: each for name, each in self.model.items() if not each.deleted}
        assert {each.id: each for each in self.directory.entries()} == shown
        assert self.directory.destinations() == tuple(sorted(shown))
        assert sum(self.directory.alarms.values()) == self.alarms


TestReader = Reader.TestCase
TestReader.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
