"""Look at a draft: walk the definition in its order, keep what is asked, and make pages of it. Pure.

A condition sees only answers that were kept: what is hidden counts as unanswered, so nothing hidden is ever sent, and
what depended on it is hidden too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shared.form.conditions import either, evaluate, fact
from shared.form.definition import DEFINITION
from shared.form.doubts import is_doubtful
from shared.form.draft import NUMBERS, PERSONS, Draft
from shared.form.evidence import slots
from shared.form.household import APPLICANT, OF_APPLICANT, OF_PERSON, TOLD, Household, household
from shared.form.model import Answer, Condition, Definition, Fact, Notice, Protection, Question, Repeat, Section
from shared.form.view import Asked, SectionState, State, Step, View

EVERYONE: Condition = either(fact(Fact.APPLICANT), fact(Fact.SPOKEN_FOR))
"""Of whom sections are asked that repeat for each person, unless they say otherwise."""
TO_FOLLOW = "to_follow"
_SPEAKS_FOR, _MOVED_IN = "household.speaks_for", "housing.move_in_date"
_TELLING = frozenset(
    {
        PERSONS,
        _SPEAKS_FOR,
        _MOVED_IN,
        *(f"applicant.{name}" for name in OF_APPLICANT),
        *(f"{PERSONS}.{name}" for name in OF_PERSON),
        *(f"{section}.{name}" for section, names in TOLD.items() for name in names),
    }
)
"""Paths whose answers tell something about the household: all that `household_of` reads."""


def look(draft: Draft, today: date, definition: Definition = DEFINITION) -> View:
    """Everything that can be said about a draft. Ages count on `today`."""
    walk = _Walk(draft, today, definition)
    return walk.view()


@dataclass
class _Place:
    """Where questions are asked: `prefix` of keys, `path` in the definition, and about whom."""

    section: Section
    prefix: str
    path: str
    owner: str
    """Whose section it is."""
    subject: str
    """Whom facts are about: the owner, or the person whose entry it is."""
    item: str | None = None
    group: Question | None = None


@dataclass
class _Walk:
    draft: Draft
    today: date
    definition: Definition
    kept: Draft = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    sections: list[SectionState] = field(default_factory=list)
    asked: list[tuple[Asked, str]] = field(default_factory=list)
    """Every question asked, in order, with its section; also those that only ask for evidence and stand on no page."""
    _household: Household | None = None

    def view(self) -> View:
        for section in self.definition.sections:
            self._section(section)
        known = {step_key for step_key in self.draft if step_key.startswith("evidence.")}
        names = {member.id: self.name(member.id) for member in self.household.members}
        # Papers are asked for only of those for whom the application is.
        papers = [(asked, section) for asked, section in self.asked if asked.person in self.household.spoken_for]
        asked_slots = slots(self.definition, papers, names, self._protection())
        wanted = {slot.key for slot in asked_slots}
        self.kept |= {key: self.draft[key] for key in known & wanted}
        later = [name for name in self.draft.get(TO_FOLLOW, []) if self._deferrable(name)]
        if later:
            self.kept[TO_FOLLOW] = later
        hidden = tuple(key for key in self.draft if key not in self.kept and key not in (NUMBERS, TO_FOLLOW))
        if NUMBERS in self.draft:
            self.kept[NUMBERS] = self.draft[NUMBERS]
        return View(
            definition=self.definition,
            today=self.today,
            answers=self.kept,
            hidden=hidden,
            steps=tuple(self.steps),
            sections=tuple(self.sections),
            slots=asked_slots,
            people=names,
            community=self.household.community,
        )

    def _protection(self) -> Protection:
        """The class of evidence that has none of its own."""
        place = _Place(self.definition.sections[0], "", "", APPLICANT, APPLICANT)
        protecting = (flag for flag in self.definition.flags if flag.protection is not Protection.NORMAL)
        return next((flag.protection for flag in protecting if self._holds(flag.when, place)), Protection.NORMAL)

    def _deferrable(self, section_id: str) -> bool:
        section = self.definition.section(section_id)
        return section is not None and section.deferrable

    @property
    def household(self) -> Household:
        """From the answers kept so far; made anew when there are more that tell something about it."""
        if self._household is None:
            self._household = household_of(self.kept, self.today)
        return self._household

    def name(self, person: str) -> str:
        key = "applicant" if person == APPLICANT else f"{PERSONS}.{person}"
        parts = [self.kept.get(f"{key}.{part}") for part in ("given_names", "family_name")]
        known = " ".join(part for part in parts if part)
        if known:
            return known
        return "Sie" if person == APPLICANT else "weitere Person"

    def _section(self, section: Section) -> None:
        if section.repeat is Repeat.ONCE:
            place = _Place(section, section.id, section.id, APPLICANT, APPLICANT)
            if self._holds(section.when, place):
                self._instance(place)
            return
        wanted = section.persons or EVERYONE
        for member in self.household.members:
            place = _Place(section, f"{section.id}.{member.id}", section.id, member.id, member.id)
            if self._holds(section.when, place) and self._holds(wanted, place):
                self._instance(place)

    def _instance(self, place: _Place) -> None:
        first = len(self.steps)
        self._pages(place, place.section.questions)
        steps = self.steps[first:]
        if steps:
            self.sections.append(self._state(place, steps))

    def _pages(self, place: _Place, questions: tuple[Question, ...]) -> None:
        """Pages of a section or of an entry: a new one where a question says so, and for each list."""
        title, page_id = self._title(place), ""
        page: list[Asked] = []
        for question in questions:
            fresh = question.page != "" or question.type is Answer.GROUP or not page_id
            if fresh:
                self._flush(place, page_id, title, page)
                page, page_id = [], question.id
                title = self._worded(question.page, place) or self._title(place)
            if question.type is Answer.PERSON_ID or not self._holds(question.when, place):
                continue
            if question.type is Answer.GROUP:
                self._list(place, question, title if question.page else question.label)
                page_id, title = "", self._title(place)
                continue
            asked = self._ask(place, question)
            if question.type is not Answer.EVIDENCE and not question.by_portal:
                page.append(asked)
        self._flush(place, page_id, title, page)

    def _flush(self, place: _Place, page_id: str, title: str, page: list[Asked]) -> None:
        if page:
            self.steps.append(
                Step(
                    id=f"{place.prefix}.{page_id}",
                    kind="questions",
                    section=place.section.id,
                    person=place.owner,
                    item=place.item,
                    title=title,
                    help=place.section.help if page_id == place.section.questions[0].id else "",
                    asked=tuple(page),
                )
            )

    def _list(self, place: _Place, group: Question, title: str) -> None:
        asked = self._ask(place, group)
        items = [item for item in asked.value or [] if isinstance(item, str)]
        index = len(self.steps)
        for item in items:
            key = f"{asked.key}.{item}"
            subject = item if asked.path == PERSONS else place.subject
            self._pages(_Place(place.section, key, asked.path, place.owner, subject, item, group), group.fields)
        step = Step(
            id=asked.key,
            kind="list",
            section=place.section.id,
            person=place.owner,
            item=None,
            title=self._worded(title, place),
            help=group.help,
            asked=(asked,),
            names=tuple(self._item_name(asked, item, number) for number, item in enumerate(items, 1)),
        )
        self.steps.insert(index, step)

    def _item_name(self, asked: Asked, item: str, number: int) -> str:
        if asked.path == PERSONS:
            name = self.name(item)
            return name if name != "weitere Person" else f"Person {number}"
        for part in asked.question.fields:
            value = self.kept.get(f"{asked.key}.{item}.{part.id}")
            if part.type is Answer.TEXT and value:
                return str(value)
            if part.type is Answer.ONE and value:
                return next((option.label for option in part.options if option.value == value), str(number))
        return f"Eintrag {number}"

    def _ask(self, place: _Place, question: Question) -> Asked:
        key, path = f"{place.prefix}.{question.id}", f"{place.path}.{question.id}"
        value = self.draft.get(key)
        if question.type is Answer.PERSON and value not in (*(m.id for m in self.household.members), "outside"):
            value = None
        if value is not None and question.type is not Answer.EVIDENCE:
            self.kept[key] = value
            if path in _TELLING:
                self._household = None
        required = question.required if isinstance(question.required, bool) else self._holds(question.required, place)
        label, help_text = question.label, question.help
        if place.subject != APPLICANT:
            label, help_text = question.label_other or label, question.help_other or help_text
        asked = Asked(
            key=key,
            path=path,
            question=question,
            label=self._worded(label, place),
            help=self._worded(help_text, place),
            person=place.subject,
            required=required and question.type is not Answer.EVIDENCE,
            early=question.early,
            value=value if question.type is not Answer.EVIDENCE else None,
            notices=tuple(notice for notice in question.notices if self._says(notice, value, place)),
        )
        self.asked.append((asked, place.section.id))
        return asked

    def _says(self, notice: Notice, value: Any, place: _Place) -> bool:
        if value is None:
            return False
        return is_doubtful(notice.doubt, value) if notice.doubt is not None else self._holds(notice.when, place)

    def _worded(self, text: str, place: _Place) -> str:
        if "{name}" not in text:
            return text
        key = "applicant" if place.subject == APPLICANT else f"{PERSONS}.{place.subject}"
        return text.replace("{name}", str(self.kept.get(f"{key}.given_names") or "diese Person"))

    def _title(self, place: _Place) -> str:
        if place.item is not None and place.path == PERSONS:
            name = self.name(place.item)
            return "Angaben zur Person" if name == "weitere Person" else f"Angaben zu {name}"
        if place.group is not None:
            return place.group.label
        if place.owner == APPLICANT:
            return place.section.title
        return self._worded(place.section.title_other or f"{place.section.title}: {{name}}", place)

    def _holds(self, condition: Condition | None, place: _Place) -> bool:
        if condition is None:
            return True

        def lookup(path: str) -> Any:
            head, _, name = path.rpartition(".")
            if head == place.path:
                return self.kept.get(f"{place.prefix}.{name}")
            if head == place.section.id and place.section.repeat is Repeat.PERSON:
                return self.kept.get(f"{head}.{place.owner}.{name}")
            return self.kept.get(path)

        return evaluate(condition, lookup, self.household.facts(place.subject))

    def _state(self, place: _Place, steps: list[Step]) -> SectionState:
        lacking = [step.id for step in steps if any(_lacks(asked) for asked in step.asked)]
        begun = any(asked.value is not None for step in steps for asked in step.asked)
        if not lacking:
            state = State.COMPLETE
        elif place.section.id in self.draft.get(TO_FOLLOW, []):
            state = State.TO_FOLLOW
        else:
            state = State.IN_PROGRESS if begun else State.NOT_STARTED
        return SectionState(
            section=place.section,
            person=place.owner,
            title=self._title(_Place(place.section, place.prefix, place.path, place.owner, place.owner)),
            state=state,
            first_step=lacking[0] if lacking else steps[0].id,
            steps=tuple(step.id for step in steps),
        )


def _lacks(asked: Asked) -> bool:
    return asked.required and (asked.value is None or asked.value == [])


def lacking(view: View, *, early: bool = False) -> Iterator[tuple[Asked, Step]]:
    """Required questions without an answer; `early`: only those needed to secure the date."""
    for step in view.steps:
        for asked in step.asked:
            if (asked.early if early else True) and _lacks(asked):
                yield asked, step


def household_of(answers: Draft, today: date) -> Household:
    """The household that a draft's answers describe."""
    applicant = {name: answers.get(f"applicant.{name}") for name in OF_APPLICANT}
    persons = [
        (item, {name: answers.get(f"{PERSONS}.{item}.{name}") for name in OF_PERSON})
        for item in answers.get(PERSONS, [])
    ]
    told = {
        person: {name: answers.get(f"{section}.{person}.{name}") for section, names in TOLD.items() for name in names}
        for person in (APPLICANT, *(item for item, _ in persons))
    }
    return household(
        today,
        applicant,
        persons,
        told,
        speaks_for=answers.get(_SPEAKS_FOR),
        moved_in=answers.get(_MOVED_IN),
    )
