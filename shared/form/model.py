"""The vocabulary of a form definition: sections, questions, conditions, evidence, annexes. Data without behaviour.

A definition is frozen and versioned; pages, JSON Schema, summary, PDF and annex mapping are derived from it and nothing
else (form.md, ground rule 1). Loading checks only the shape; `shared.form.lint.lint` proves the rest.

How answers look in the application (JSON):

    section asked once        {"<section>": {"<question>": answer, …}}
    section for each person   {"<section>": [{"person_ref": "applicant" | "person-N", "<question>": answer, …}, …]}
    group (repeatable)        "<group>": [{"<field>": answer, …}, …]

A *path* names a question: `section.question` or `section.group.field`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,48}$")]
Path = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,2}$")]
EvidenceCode = Annotated[str, StringConstraints(pattern=r"^E-[A-Z]{2,10}$")]
AnnexCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,4}(-[a-z]{2,10})?$")]
"""A paper annex, or its kind where its number differs between Jobcenters (`UH-child`)."""


class Frozen(BaseModel):
    """Strict: a misspelt field of a definition is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(StrEnum):
    """Type of an answer, and its JSON form."""

    TEXT = "text"
    """One line, at most 120 characters."""
    LONG = "long"
    """Free text of several lines, at most 2,000 characters."""
    DATE = "date"
    """`YYYY-MM-DD` (ISO 8601)."""
    YES_NO = "yn"
    """JSON boolean."""
    YES_NO_UNKNOWN = "ynu"
    """`yes`, `no` or `unknown`."""
    ONE = "one"
    """One of the options' values."""
    MANY = "many"
    """A set of the options' values, at least one."""
    MONEY = "money"
    """Whole cents, an integer."""
    INTEGER = "int"
    IBAN = "iban"
    """Without blanks, upper case, ISO 13616 check digits."""
    POSTCODE = "postcode"
    """Five digits."""
    MUNICIPALITY = "municipality"
    """Amtlicher Gemeindeschlüssel, eight digits."""
    COUNTRY = "country"
    """ISO 3166-1 alpha-2; `XX` = stateless or unclear."""
    COUNTRIES = "countries"
    """A set of countries."""
    ADDRESS = "address"
    """An object, see `shared.form.schema.ADDRESS`."""
    PERSON_ID = "person_id"
    """`person-1` … `person-99`, chosen by the sender, unique within the application."""
    PERSON = "person"
    """`applicant`, a person's id, or `outside` for somebody who does not live in the household."""
    GROUP = "group"
    """A list of objects with `fields`."""
    EVIDENCE = "evidence"
    """Asks for documents only: answered in the application's `evidence` list, never in its section."""


class Fact(StrEnum):
    """What is derived about the person a question is asked for. A JSON Schema cannot compute it (it depends on the day
    of application), so conditions with a fact are decided by the flow, and the schema leaves such questions open."""

    AGE_12_OR_OLDER = "age_12_or_older"
    AGE_15_OR_OLDER = "age_15_or_older"
    AGE_15_TO_64 = "age_15_to_64"
    AGE_60_OR_OLDER = "age_60_or_older"
    UNDER_25 = "under_25"
    UNDER_15 = "under_15"
    IN_COMMUNITY = "in_community"
    """Belongs to the Bedarfsgemeinschaft (§ 7 (3) SGB II)."""
    HOUSEHOLD_ONLY = "household_only"
    """Lives in the household without belonging to the community."""
    APPLICANT = "applicant"
    AGE_15_TO_24 = "age_15_to_24"
    UNDER_18 = "under_18"
    HOUSEHOLD_RELATIVE = "household_relative"
    """A relative or in-law in the household, outside the community: is help to be expected (§ 9 (5) SGB II, HG)?"""
    RESPONSIBILITY = "responsibility"
    """An adult who is no relative, with a sign of mutual responsibility (§ 7 (3a) SGB II, annex VE)."""
    MAY_BE_PREGNANT = "may_be_pregnant"
    LONE_PARENT = "lone_parent"
    """Lives with an own child under 18 and without another adult parent (§ 21 (3) SGB II)."""
    LEARNS = "learns"
    """Under 25 and at school or in day care: education and participation (§ 28 SGB II); every person under 18 too."""
    PUPIL = "pupil"
    WORKED_RECENTLY = "worked_recently"
    """Said to have worked, or had a time like it, within five years."""
    CANNOT_WORK = "cannot_work"
    """Said not to be able to work three hours a day."""
    MAINTENANCE_SPOUSE = "maintenance_spouse"
    MAINTENANCE_CARE = "maintenance_care"
    """Cares alone for a child under three, or is pregnant, unmarried (§ 1615l BGB)."""
    MAINTENANCE_CHILD = "maintenance_child"
    """Under 25, one parent outside the household."""
    MAINTENANCE_PARENTS = "maintenance_parents"
    """Under 25 and no parent in the household."""
    PENSION_AGE = "pension_age"
    """Has reached the age limit of § 7a SGB II."""
    MAY_SPEAK_FOR_OTHERS = "may_speak_for_others"
    """The applicant, if somebody else of 15 or more belongs to the community (§ 38 SGB II presumes authority)."""
    SPOKEN_FOR = "spoken_for"
    """Belongs to the community, and the applicant applies for the person."""
    SPEAKS_FOR_SELF = "speaks_for_self"
    """Belongs to the community, and the applicant does not apply for the person."""
    MOVED_RECENTLY = "moved_recently"
    """The applicant's household moved in within six months."""


class AnswerIn(Frozen):
    """True if the answer is one of `values`, or, for sets, holds at least one of them. Unanswered is false."""

    op: Literal["in"] = "in"
    question: Path
    values: tuple[bool | str, ...] = Field(min_length=1)


class Answered(Frozen):
    """True if there is any answer."""

    op: Literal["answered"] = "answered"
    question: Path


class Person(Frozen):
    """True if the fact holds for the person the question is asked for."""

    op: Literal["fact"] = "fact"
    fact: Fact


class AllOf(Frozen):
    op: Literal["all"] = "all"
    of: tuple[Condition, ...] = Field(min_length=1)


class AnyOf(Frozen):
    op: Literal["any"] = "any"
    of: tuple[Condition, ...] = Field(min_length=1)


class Not(Frozen):
    op: Literal["not"] = "not"
    of: Condition


Condition = Annotated[Union["AnswerIn", "Answered", "Person", "AllOf", "AnyOf", "Not"], Field(discriminator="op")]


class Option(Frozen):
    value: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,48}$")]
    label: str = Field(min_length=1, max_length=160, description="German, for citizens")
    own_request: bool = Field(
        default=False, description="chosen, it is an application of its own (§ 37 (1) s. 2 SGB II): see `requests`"
    )


class Protection(StrEnum):
    """Access class of an answer or of evidence at the Jobcenter."""

    NORMAL = "normal"
    HEALTH = "health"
    PROTECTED_ADDRESS = "protected_address"


class Doubt(StrEnum):
    """A check that an answer may fail and be right all the same: it warns, and never blocks (`shared.form.doubts`)."""

    PENSION_NUMBER = "pension_number"
    INSURED_NUMBER = "insured_number"
    TAX_ID = "tax_id"


class Notice(Frozen):
    """A word to the citizen about an answer, once it is given: what it means, what to do. Never a blocker, never sent.

    Said if `when` holds, or if the answer fails `doubt`: exactly one of the two is there."""

    id: Identifier
    title: str = Field(min_length=1, max_length=120, description="German, for citizens")
    text: str = Field(min_length=1, max_length=700, description="German, for citizens")
    when: Condition | None = None
    doubt: Doubt | None = None


class Question(Frozen):
    """One question.

    | field | meaning |
    | --- | --- |
    | `when` | asked only if true; otherwise an answer is refused. None = always |
    | `required` | True, False, or required only under a condition; counts for complete applications |
    | `early` | needed even for an early submission ("secure my date", § 37 SGB II) |
    | `evidence` | codes of what may prove the answer; never a blocker |
    | `evidence_when` | options that call for the evidence; empty = any but no, none and zero |
    | `annex` | the paper annex whose page shows the answer; None = the section's |
    | `label_other`, `help_other` | for another person than the applicant; `{name}` is the given name |
    | `by_portal` | set by the portal, never asked of citizens |
    | `page` | a page of this title begins here; else the question stands on the page before |
    | `earliest_days`, `latest_days` | bounds of a date, counted from the day of answering; never checked later |
    | `notices` | said beside the answer where it calls for them |
    """

    id: Identifier
    type: Answer
    label: str = Field(min_length=1, max_length=200, description="German, for citizens")
    help: str = Field(default="", max_length=600, description="German, for citizens: why, where to find it")
    options: tuple[Option, ...] = ()
    when: Condition | None = None
    required: bool | Condition = False
    early: bool = False
    evidence: tuple[EvidenceCode, ...] = ()
    evidence_when: tuple[str, ...] = ()
    annex: AnnexCode | None = None
    protection: Protection = Protection.NORMAL
    fields: tuple[Question, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    max_length: int | None = Field(default=None, ge=1, le=2000)
    pattern: str | None = None
    must_be: bool | None = Field(default=None, description="the only acceptable answer, for declarations")
    label_other: str = Field(default="", max_length=200)
    help_other: str = Field(default="", max_length=600)
    page: str = Field(default="", max_length=120)
    by_portal: bool = False
    earliest_days: int | None = None
    latest_days: int | None = None
    notices: tuple[Notice, ...] = ()


class Repeat(StrEnum):
    ONCE = "once"
    PERSON = "person"


class Section(Frozen):
    """A task of the task list. `deferrable` sections may be brought later (`to_follow`).

    `persons`: of whom a section that repeats is asked; None = of everyone in the community. `title_other` names another
    person's section (`{name}`).
    """

    id: Identifier
    title: str = Field(min_length=1, max_length=120)
    help: str = Field(default="", max_length=600)
    annex: AnnexCode = "HA"
    repeat: Repeat = Repeat.ONCE
    when: Condition | None = None
    persons: Condition | None = None
    title_other: str = Field(default="", max_length=120)
    deferrable: bool = True
    questions: tuple[Question, ...] = Field(min_length=1)


class EvidenceKind(Frozen):
    code: EvidenceCode
    label: str = Field(min_length=1, max_length=200)
    protection: Protection = Protection.NORMAL
    help: str = Field(default="", max_length=600, description="German, for citizens: what to photograph, where it is")
    optional: bool = Field(default=False, description="only if there is one: nothing is announced unasked")
    each_question: bool = Field(default=False, description="asked anew for each question, not once for each person")


class Annex(Frozen):
    """A paper annex that staff think in.

    Needed if `when` holds (None = always), and, where `each` stands, if that holds for at least one person."""

    code: AnnexCode
    label: str = Field(min_length=1, max_length=120)
    when: Condition | None = None
    each: Condition | None = None


class Flag(Frozen):
    """What a case worker must see before anything else: derived from the answers, sent as `flags`, on top of the PDF.

    Raised for the applicant if `when` holds; where `each` stands, for every person for whom that holds. While a flag
    with `protection` is raised, evidence that is not protected otherwise is of this class."""

    id: Identifier
    label: str = Field(min_length=1, max_length=120, description="German, for case workers")
    text: str = Field(min_length=1, max_length=600, description="German, for case workers: what to do")
    when: Condition | None = None
    each: Condition | None = None
    protection: Protection = Protection.NORMAL


class Definition(Frozen):
    """A whole form. `evidence_classes`: entries of the evidence list name their access class."""

    service: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,98}[a-z0-9]$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    title: str
    sections: tuple[Section, ...] = Field(min_length=1)
    evidence: tuple[EvidenceKind, ...] = ()
    annexes: tuple[Annex, ...] = ()
    flags: tuple[Flag, ...] = ()
    evidence_classes: bool = False

    def section(self, section_id: str) -> Section | None:
        return next((section for section in self.sections if section.id == section_id), None)


for _model in (AllOf, AnyOf, Not, Notice, Question, Section, Annex, Flag, Definition):
    _model.model_rebuild()
