"""Who belongs to whom: the community of needs, the rest of the household, and what follows for the questions. Pure.

*Community*: Bedarfsgemeinschaft, § 7 (3), (3a) SGB II. *Household community*: relatives and in-laws who live and keep
house together without being one (§ 9 (5) SGB II). The form only collects: where the law leaves a judgement, the rule
here asks rather too little of strangers than too much, and the annex (VE, HG) tells the Jobcenter to look.

    partner     spouse or registered partner, unless permanently separated; a partner where § 7 (3a) presumes mutual
                responsibility: together for a year, or a sign (common child or care, access to money, common budget)
    child       own child or the partner's, under 25, unmarried, without a family of its own
    parents     of an applicant under 25 without partner and child; then also brothers and sisters under 25
    never       children of 25 and more, foster children, other relatives, flatmates

The applicant is presumed to apply for all of the community (§ 38 SGB II). Whoever is 15 may apply alone (§ 36 SGB I),
so the applicant may say: only for myself. Then own children under 15 are still spoken for, everyone else speaks for
themselves: they stay members of the community (§ 9 (2) SGB II), but are not asked about and not presumed to apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from shared.form.ages import age, months_before, pension_from
from shared.form.model import Fact

APPLICANT = "applicant"
CHILDREN = frozenset({"own_child", "partners_child"})
PARTNERS = frozenset({"spouse", "registered_partner", "partner"})
OF_APPLICANT = ("birth_date", "gender", "marital_status")
OF_PERSON = (
    "relation",
    "birth_date",
    "gender",
    "own_family",
    "together_since",
    "joint_household",
    "child_school",
    "other_parent_in_household",
)
"""What of the section `applicant` and of an entry of `household.persons` tells something about the household."""
TOLD = {"conditions": ("education_status", "recent_work", "can_work_3h"), "additional_needs": ("pregnant",)}
"""Sections asked of each person whose answers tell something about the household: section → questions."""
Told = Mapping[str, Mapping[str, object]]
"""Person → those answers."""
RELATIVES = frozenset({"own_child", "partners_child", "parent", "sibling", "other_relative"})


@dataclass(frozen=True)
class Member:
    """One person, as far as answered. `relation` is to the applicant, `self` for the applicant.

    | field | meaning |
    | --- | --- |
    | `own_family` | married or with a child of their own |
    | `signs` | answers of the question about joint housekeeping without `none`; None = not answered |
    | `other_parent_here` | for children: the other parent lives in the household; None = not answered |
    | `learns_at` | `kita`, `school` or None |
    """

    id: str
    relation: str
    born: date | None = None
    gender: str | None = None
    marital_status: str | None = None
    own_family: bool = False
    together_since: date | None = None
    signs: frozenset[str] | None = None
    other_parent_here: bool | None = None
    learns_at: str | None = None
    pregnant: bool = False
    worked_recently: bool = False
    cannot_work: bool = False


@dataclass(frozen=True)
class Household:
    """All persons, the applicant first, on the day `today`. `only_self`: the applicant speaks for nobody else of 15 and
    more; `moved_in`: since when they live there."""

    members: tuple[Member, ...]
    today: date
    only_self: bool = False
    moved_in: date | None = None

    @property
    def applicant(self) -> Member:
        return self.members[0]

    def member(self, person: str) -> Member | None:
        return next((member for member in self.members if member.id == person), None)

    def age(self, member: Member) -> int | None:
        return None if member.born is None else age(member.born, self.today)

    @cached_property
    def community(self) -> frozenset[str]:
        """Ids of those who belong to the Bedarfsgemeinschaft; the applicant always does."""
        return frozenset(member.id for member in self.members if self._belongs(member))

    @cached_property
    def spoken_for(self) -> frozenset[str]:
        """Ids of those in the community for whom the applicant applies."""
        if not self.only_self:
            return self.community
        return frozenset(
            member.id
            for member in self.members
            if member.relation == "self"
            or (member.id in self.community and member.relation == "own_child" and self._under(member, 15))
        )

    @cached_property
    def has_partner(self) -> bool:
        return any(self._is_partner(member) for member in self.members)

    @cached_property
    def joins_parents(self) -> bool:
        """Does the applicant belong to the parents' community (§ 7 (3) no. 2)? Under 25, no partner, no own child."""
        own_family = (
            self.applicant.own_family or self.has_partner or any(m.relation == "own_child" for m in self.members)
        )
        married = self.applicant.marital_status in ("married", "partnership")
        here = any(member.relation == "parent" for member in self.members)
        return here and self._under(self.applicant, 25) and not own_family and not married

    def _under(self, member: Member, years: int) -> bool:
        own = self.age(member)
        return own is not None and own < years

    def _from(self, member: Member, years: int) -> bool:
        """At least so old. An unknown age counts as grown up: then everything is asked that may matter."""
        own = self.age(member)
        return own is None or own >= years

    def _is_partner(self, member: Member) -> bool:
        if member.relation in ("spouse", "registered_partner"):
            return self.applicant.marital_status != "separated"
        return member.relation == "partner" and (member.together_since is None or self._responsible(member))

    def _responsible(self, member: Member) -> bool:
        """A presumption of § 7 (3a): more than a year together, or a sign."""
        year = member.together_since is not None and age(member.together_since, self.today) >= 1
        return year or bool(member.signs)

    def _belongs(self, member: Member) -> bool:
        if member.relation == "self" or self._is_partner(member):
            return True
        if member.relation in CHILDREN:
            allowed = member.relation == "own_child" or self.has_partner
            return allowed and not member.own_family and self._child_age(member)
        if member.relation == "parent":
            return self.joins_parents
        return member.relation == "sibling" and self.joins_parents and self._child_age(member) and not member.own_family

    def _child_age(self, member: Member) -> bool:
        return member.born is None or self._under(member, 25)

    def facts(self, person: str) -> Callable[[Fact], bool]:
        """What holds for the person; nothing holds for one who is not (any more) in the household."""
        member = self.member(person)
        if member is None:
            return lambda _: False
        return lambda fact: _FACTS[fact](self, member)

    def asked_for(self, fact: Fact) -> tuple[str, ...]:
        """Ids of all persons for whom the fact holds."""
        return tuple(member.id for member in self.members if _FACTS[fact](self, member))

    def _household_relative(self, member: Member) -> bool:
        return member.relation in RELATIVES and member.id not in self.community

    def _responsibility(self, member: Member) -> bool:
        return member.relation in ("partner", "flatmate") and self._from(member, 18) and self._responsible(member)

    def _lone_parent(self, member: Member) -> bool:
        own = [m for m in self.members if m.relation == "own_child" and not self._from(m, 18)]
        alone = not self.has_partner and any(child.other_parent_here is not True for child in own)
        return member.relation == "self" and alone

    def _maintenance_care(self, member: Member) -> bool:
        if member.relation != "self" or member.marital_status in ("married", "partnership") or self.has_partner:
            return False
        small = any(
            m.relation == "own_child" and self._under(m, 3) and m.other_parent_here is False for m in self.members
        )
        return small or member.pregnant

    def _maintenance_child(self, member: Member) -> bool:
        return (
            member.id in self.spoken_for
            and member.relation in CHILDREN
            and self._under(member, 25)
            and member.other_parent_here is False
        )

    def _maintenance_parents(self, member: Member) -> bool:
        if not self._under(member, 25) or member.id not in self.spoken_for:
            return False
        if member.relation == "self":
            return not any(m.relation == "parent" for m in self.members)
        return member.relation in PARTNERS

    def _learns(self, member: Member) -> bool:
        if member.id not in self.spoken_for or member.relation not in (
            "self",
            "own_child",
            "partners_child",
            "sibling",
        ):
            return False
        return self._under(member, 18) or (self._under(member, 25) and member.learns_at is not None)

    def _may_be_pregnant(self, member: Member) -> bool:
        return member.gender != "male" and self._from(member, 12) and not self._from_known(member, 60)

    def _from_known(self, member: Member, years: int) -> bool:
        own = self.age(member)
        return own is not None and own >= years

    def _pupil(self, member: Member) -> bool:
        return member.learns_at == "school" and self._under(member, 25)

    def _pension_age(self, member: Member) -> bool:
        return member.born is not None and pension_from(member.born) <= self.today

    def _may_speak_for_others(self, member: Member) -> bool:
        others = (m for m in self.members if m.relation != "self" and m.id in self.community)
        return member.relation == "self" and any(self._from(other, 15) for other in others)

    def _moved_recently(self, member: Member) -> bool:
        return self.moved_in is not None and self.moved_in > months_before(self.today, 6)


_Rule = Callable[[Household, Member], bool]
# The rules are methods of the household, named here once: each fact has exactly one.
_FACTS: dict[Fact, _Rule] = {
    Fact.AGE_12_OR_OLDER: lambda h, m: h._from(m, 12),
    Fact.AGE_15_OR_OLDER: lambda h, m: h._from(m, 15),
    Fact.AGE_15_TO_64: lambda h, m: h._from(m, 15) and not h._from_known(m, 65),
    Fact.AGE_15_TO_24: lambda h, m: h._under(m, 25) and h._from(m, 15),
    Fact.AGE_60_OR_OLDER: lambda h, m: h._from_known(m, 60),
    Fact.UNDER_25: lambda h, m: h._under(m, 25),
    Fact.UNDER_18: lambda h, m: h._under(m, 18),
    Fact.UNDER_15: lambda h, m: h._under(m, 15),
    Fact.IN_COMMUNITY: lambda h, m: m.id in h.community,
    Fact.HOUSEHOLD_ONLY: lambda h, m: m.id not in h.community,
    Fact.APPLICANT: lambda h, m: m.relation == "self",
    Fact.HOUSEHOLD_RELATIVE: Household._household_relative,
    Fact.RESPONSIBILITY: Household._responsibility,
    Fact.MAY_BE_PREGNANT: Household._may_be_pregnant,
    Fact.LONE_PARENT: Household._lone_parent,
    Fact.LEARNS: Household._learns,
    Fact.PUPIL: Household._pupil,
    Fact.WORKED_RECENTLY: lambda h, m: m.worked_recently,
    Fact.CANNOT_WORK: lambda h, m: m.cannot_work,
    Fact.MAINTENANCE_SPOUSE: lambda h, m: m.relation == "self" and m.marital_status in ("separated", "divorced"),
    Fact.MAINTENANCE_CARE: Household._maintenance_care,
    Fact.MAINTENANCE_CHILD: Household._maintenance_child,
    Fact.MAINTENANCE_PARENTS: Household._maintenance_parents,
    Fact.PENSION_AGE: Household._pension_age,
    Fact.MAY_SPEAK_FOR_OTHERS: Household._may_speak_for_others,
    Fact.SPOKEN_FOR: lambda h, m: m.id in h.spoken_for,
    Fact.SPEAKS_FOR_SELF: lambda h, m: m.id in h.community - h.spoken_for,
    Fact.MOVED_RECENTLY: Household._moved_recently,
}
ONLY_SELF = "only_self"
"""The answer of `household.speaks_for` that ends the presumption of § 38 SGB II."""


def household(
    today: date,
    applicant: Mapping[str, object],
    persons: Iterable[tuple[str, Mapping[str, object]]],
    told: Told,
    *,
    speaks_for: object = None,
    moved_in: object = None,
) -> Household:
    """From answers: see `people`; `speaks_for` is `household.speaks_for`, `moved_in` is `housing.move_in_date`."""
    members = people(applicant, persons, told)
    return Household(members, today, only_self=speaks_for == ONLY_SELF, moved_in=_date(moved_in))


def people(
    applicant: Mapping[str, object], persons: Iterable[tuple[str, Mapping[str, object]]], told: Told
) -> tuple[Member, ...]:
    """Members from answers: the section `applicant`, the entries of `household.persons` with their ids, and what other
    sections tell about a person (`Told`)."""
    first = Member(
        id=APPLICANT,
        relation="self",
        born=_date(applicant.get("birth_date")),
        gender=_text(applicant.get("gender")),
        marital_status=_text(applicant.get("marital_status")),
        **_told(told.get(APPLICANT, {})),
    )
    return (first, *(_member(person, answers, told.get(person, {})) for person, answers in persons))


def _member(person: str, answers: Mapping[str, object], told: Mapping[str, object]) -> Member:
    signs = answers.get("joint_household")
    school = _text(answers.get("child_school"))
    other = answers.get("other_parent_in_household")
    member = Member(
        id=person,
        relation=_text(answers.get("relation")) or "unknown",
        born=_date(answers.get("birth_date")),
        gender=_text(answers.get("gender")),
        own_family=answers.get("own_family") is True,
        together_since=_date(answers.get("together_since")),
        signs=frozenset(str(sign) for sign in signs) - {"none"} if isinstance(signs, list) else None,
        other_parent_here=other if isinstance(other, bool) else None,
        **_told(told),
    )
    return replace(member, learns_at=school) if school in ("kita", "school") else member


def _told(answers: Mapping[str, object]) -> dict[str, Any]:
    return {
        "learns_at": "school" if answers.get("education_status") == "school" else None,
        "pregnant": answers.get("pregnant") is True,
        "worked_recently": answers.get("recent_work") is True,
        "cannot_work": answers.get("can_work_3h") == "no",
    }


def _date(value: object) -> date | None:
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
