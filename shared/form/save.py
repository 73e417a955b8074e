"""Taking a posted page into the draft, and taking out what is not asked any more. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from shared.form.draft import Draft
from shared.form.look import look
from shared.form.model import Answer
from shared.form.parse import FieldProblem, Form, parse, raw_names
from shared.form.view import Asked, Step, View


@dataclass(frozen=True)
class Lost:
    """An answer that would be lost: `label` as it was asked, `where` the section's title, `person` the name."""

    key: str
    label: str
    where: str


@dataclass(frozen=True)
class Saved:
    """`draft` holds the good answers of the page even if there are `problems`, and still the hidden answers; if `lost`
    is not empty, warn, then `prune` (or go back)."""

    draft: Draft
    problems: tuple[FieldProblem, ...]
    lost: tuple[Lost, ...]
    noticed: tuple[str, ...] = ()
    """Keys of answers of this page about which there is something new to say (`Asked.notices`): show the page again."""


def save(draft: Draft, step: Step, form: Form, today: date) -> Saved:
    """The draft with the posted page's answers. An emptied answer is removed. A required answer left empty is a problem
    ("Bitte …"): the portal may let citizens go on all the same (`missing` will name it)."""
    new = dict(draft)
    problems: list[FieldProblem] = []
    for asked in step.asked:
        if asked.question.type in (Answer.GROUP, Answer.EVIDENCE, Answer.PERSON_ID):
            continue
        answer = parse(asked.question, asked.key, form, today)
        if isinstance(answer, FieldProblem):
            problems.append(answer)
        elif answer is None:
            new.pop(asked.key, None)
        else:
            new[asked.key] = answer
    before, after = look(draft, today), look(new, today)
    # Required may depend on this very page: ask the new state.
    wanted = {asked.key: asked for other in after.steps if other.id == step.id for asked in other.asked}
    problems.extend(_empty(asked) for asked in wanted.values() if asked.required and _is_empty(asked, new, problems))
    order = {asked.key: index for index, asked in enumerate(wanted.values())}
    problems.sort(key=lambda problem: order.get(problem.key, 0))
    return Saved(new, tuple(problems), lost_between(before, after), _noticed(before, wanted))


def prune(draft: Draft, today: date) -> tuple[Draft, tuple[Lost, ...]]:
    """The draft without hidden answers, and what was taken out."""
    view = look(draft, today)
    return view.answers, tuple(Lost(key, _label(view, key), _where(view, key)) for key in view.hidden)


def lost_between(before: View, after: View) -> tuple[Lost, ...]:
    """Answers that were asked for before and are hidden after."""
    labels = {asked.key: asked.label for step in before.steps for asked in step.asked}
    titles = {asked.key: step.title for step in before.steps for asked in step.asked}
    slots = {slot.key: slot.label for slot in before.slots}
    gone = [key for key in after.hidden if key in before.answers]
    return tuple(
        Lost(key, labels.get(key) or slots.get(key, ""), titles.get(key, "Nachweise"))
        for key in gone
        if key in labels | slots
    )


def _noticed(before: View, now: Mapping[str, Asked]) -> tuple[str, ...]:
    """A notice is new once for each answer: who has read it and stays with the answer goes on."""
    read = {
        (asked.key, notice.id, repr(asked.value))
        for step in before.steps
        for asked in step.asked
        for notice in asked.notices
    }
    return tuple(
        asked.key
        for asked in now.values()
        if any((asked.key, notice.id, repr(asked.value)) not in read for notice in asked.notices)
    )


def _is_empty(asked: Asked, draft: Draft, problems: list[FieldProblem]) -> bool:
    if asked.question.type is Answer.GROUP:
        return False
    return draft.get(asked.key) is None and all(problem.key != asked.key for problem in problems)


def _empty(asked: Asked) -> FieldProblem:
    question = asked.question
    message = {
        Answer.ONE: "Bitte wählen Sie eine Antwort aus.",
        Answer.YES_NO: "Bitte wählen Sie Ja oder Nein.",
        Answer.YES_NO_UNKNOWN: "Bitte wählen Sie eine Antwort aus.",
        Answer.MANY: "Bitte wählen Sie mindestens eine Antwort aus.",
        Answer.DATE: "Bitte geben Sie das Datum an.",
        Answer.MONEY: "Bitte geben Sie den Betrag an. Wenn es nichts ist, schreiben Sie 0.",
        Answer.ADDRESS: "Bitte geben Sie die Anschrift an.",
        Answer.COUNTRY: "Bitte wählen Sie ein Land aus.",
        Answer.COUNTRIES: "Bitte wählen Sie mindestens ein Land aus.",
        Answer.MUNICIPALITY: "Bitte wählen Sie Ihre Stadt oder Gemeinde aus.",
        Answer.PERSON: "Bitte wählen Sie eine Person aus.",
    }.get(question.type, f"Bitte füllen Sie „{asked.label}“ aus.")
    if question.must_be is not None:
        message = "Bitte kreuzen Sie das an, wenn es stimmt. Sonst können Sie nicht absenden."
    return FieldProblem(asked.key, raw_names(question, asked.key)[0], message)


def _label(view: View, key: str) -> str:
    """The label of a hidden answer, from the definition; its person is gone perhaps."""
    head, *rest = key.split(".")
    parts = [head, *(part for part in rest if not _is_id(part))]
    section = view.definition.section(parts[0])
    if section is None or len(parts) < 2:
        return "Nachweis"
    questions, label = section.questions, section.title
    for part in parts[1:]:
        question = next((one for one in questions if one.id == part), None)
        if question is None:
            return label
        questions, label = question.fields, question.label
    return label


def _where(view: View, key: str) -> str:
    section = view.definition.section(key.split(".", maxsplit=1)[0])
    return "Nachweise" if section is None else section.title


def _is_id(part: str) -> bool:
    return part == "applicant" or part.startswith("person-") or (part[:1] == "i" and part[1:].isdigit())
