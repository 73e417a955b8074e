"""What can be said about a draft: the pages to show, their questions, the state of the sections, evidence asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Literal, TypedDict

from shared.form.draft import Draft
from shared.form.model import Definition, Notice, Protection, Question, Section

APPLICANT = "applicant"


class State(StrEnum):
    """State of a section in the task list."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    COMPLETE = "complete"
    TO_FOLLOW = "to_follow"
    """Announced to be brought later (draft key `to_follow`: list of section ids) and not complete."""


@dataclass(frozen=True)
class Asked:
    """One question as it is asked now.

    | field | meaning |
    | --- | --- |
    | `key` | draft key, also the name of its input (parts: `raw_names`) |
    | `path` | the question's path in the definition |
    | `label`, `help` | German, already about the right person |
    | `person` | `applicant` or a person's id |
    | `required` | needed for a complete application; an empty optional answer is fine |
    | `early` | needed even to secure the date |
    | `value` | the draft's answer, or None |
    | `notices` | what is to be said about the answer; never a reason to stop |
    """

    key: str
    path: str
    question: Question
    label: str
    help: str
    person: str
    required: bool
    early: bool
    value: Any
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Step:
    """One page. `kind` list: shows the entries of the one group in `asked`, to add, change and remove them
    (`add_item`, `remove_item`); the entries' own pages follow as steps with `item`.

    `names` are what to call the entries of a list (the key's order), e.g. "Ole Kind" or "Eintrag 1".
    """

    id: str
    kind: Literal["questions", "list"]
    section: str
    person: str
    """Whose section it is (`applicant` for sections asked once)."""
    item: str | None
    title: str
    help: str
    asked: tuple[Asked, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class SectionState:
    """A line of the task list: a section, and for sections asked of each person, whose."""

    section: Section
    person: str
    title: str
    state: State
    first_step: str
    """The first page that lacks a required answer, else the first page."""
    steps: tuple[str, ...]


class SlotAnswer(TypedDict, total=False):
    """Draft value under a slot's key, for evidence that is not uploaded. `reason` goes with `not_available`."""

    state: Literal["will_follow", "not_available"]
    reason: str
    follows_by: str


@dataclass(frozen=True)
class Slot:
    """Evidence that the answers call for: one place for one or several files. Never a blocker.

    `reasons` are the labels of the questions that ask for it; `question_id` is the first one's path.
    """

    key: str
    evidence_code: str
    label: str
    help: str
    person: str
    person_name: str
    question_id: str
    reasons: tuple[str, ...]
    section: str
    protection: Protection
    optional: bool
    """Only if there is one: said nothing, the application says nothing. Else it says that the evidence will follow."""


@dataclass(frozen=True)
class View:
    """A draft, looked at."""

    definition: Definition
    today: date
    answers: Draft
    """The draft without hidden answers: what may be sent."""
    hidden: tuple[str, ...]
    """Keys of answers that the draft holds and that are not asked (any more)."""
    steps: tuple[Step, ...]
    sections: tuple[SectionState, ...]
    slots: tuple[Slot, ...]
    people: dict[str, str]
    """Names of all persons of the household, the applicant first: id → "Ole Kind"."""
    community: frozenset[str]
    """Ids of those who belong to the Bedarfsgemeinschaft (§ 7 (3) SGB II)."""

    def step(self, step_id: str) -> Step:
        """KeyError if there is no such page now."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def next_step(self, step_id: str) -> Step | None:
        """The page after this one; None after the last, or if the page is gone."""
        return self._neighbour(step_id, 1)

    def previous_step(self, step_id: str) -> Step | None:
        return self._neighbour(step_id, -1)

    def _neighbour(self, step_id: str, distance: int) -> Step | None:
        ids = [step.id for step in self.steps]
        if step_id not in ids:
            return None
        index = ids.index(step_id) + distance
        return self.steps[index] if 0 <= index < len(ids) else None
