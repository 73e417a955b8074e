"""Proves what the shape of a definition cannot: a definition with findings is not shipped (a test lints it). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from shared.form.conditions import references
from shared.form.model import Answer, AnswerIn, Condition, Definition, Protection, Question, Repeat, Section
from shared.form.reach import unreachable

_WITH_OPTIONS = (Answer.ONE, Answer.MANY)
SHORT = 20
"""Characters of a label that may stand in several sections."""
_COMPARABLE = (Answer.ONE, Answer.MANY, Answer.YES_NO, Answer.YES_NO_UNKNOWN, Answer.COUNTRY, Answer.COUNTRIES)


def lint(definition: Definition) -> list[str]:
    """Findings in plain words, empty if the definition is sound.

    - Ids are unique, and no label is asked twice in one section (or group).
    - Every condition looks at questions asked earlier, with values these can have, at a place where exactly one answer
      stands: never from outside into a group or into a section that repeats for each person.
    - Every question can be reached, and none is asked twice: not in another section either.
    - Evidence and annex codes are declared and used; questions with options have them, others do not.
    - Notices have one reason, look back only and can be said; flags look at what is asked, and a protecting flag is
      raised by answers about all.
    """
    findings = [*_duplicates(definition), *_asked_twice(definition), *_codes(definition), *_flags(definition)]
    asked: dict[str, Question] = {}
    sections = {section.id: section for section in definition.sections}
    for section in definition.sections:
        findings.extend(_conditions(section.id, (section.id,), [section.when], asked, sections))
        for question in section.questions:
            path = f"{section.id}.{question.id}"
            findings.extend(_question(path, question, asked, sections))
            asked[path] = question
            findings.extend(_notices(path, question, asked, sections))
            for field in question.fields:
                field_path = f"{path}.{field.id}"
                findings.extend(_question(field_path, field, asked, sections))
                asked[field_path] = field
                findings.extend(_notices(field_path, field, asked, sections))
    if not findings:
        # Only where all conditions look back does it make sense to try answers.
        findings.extend(f"{path}: no answers lead to it" for path in unreachable(definition))
    return findings


def _duplicates(definition: Definition) -> Iterator[str]:
    yield from _repeated("section id", "form", [section.id for section in definition.sections])
    yield from _repeated("evidence code", "form", [kind.code for kind in definition.evidence])
    yield from _repeated("annex code", "form", [annex.code for annex in definition.annexes])
    yield from _repeated("flag", "form", [flag.id for flag in definition.flags])
    for section in definition.sections:
        for place, questions in _levels(section):
            yield from _repeated("id", place, [question.id for question in questions])
            yield from _repeated("option", place, _options(questions))
            # The same follow-up ("Seit wann?") may belong to several questions: what counts is label and condition.
            yield from _repeated("question", place, [f"{question.label} {question.when!r}" for question in questions])


def _asked_twice(definition: Definition) -> Iterator[str]:
    """The same words in two sections. Short follow-ups ("Bis wann?") mean something else in each place."""
    places: dict[str, set[str]] = {}
    for section in definition.sections:
        for _, questions in _levels(section):
            for question in questions:
                places.setdefault(question.label, set()).add(section.id)
    for label, sections in places.items():
        if len(sections) > 1 and len(label) > SHORT:
            yield f"{', '.join(sorted(sections))}: question {label!r} is asked twice"


def _options(questions: tuple[Question, ...]) -> list[str]:
    return [f"{question.id}={option.value}" for question in questions for option in question.options]


def _levels(section: Section) -> Iterator[tuple[str, tuple[Question, ...]]]:
    yield section.id, section.questions
    for question in section.questions:
        if question.fields:
            yield f"{section.id}.{question.id}", question.fields


def _repeated(what: str, place: str, values: list[str]) -> Iterator[str]:
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{place}: {what} {value!r} stands {count} times"


def _codes(definition: Definition) -> Iterator[str]:
    evidence = {kind.code for kind in definition.evidence}
    annexes = {annex.code for annex in definition.annexes}
    for section in definition.sections:
        if section.annex not in annexes:
            yield f"{section.id}: annex {section.annex} is not declared"
        for place, questions in _levels(section):
            for question in questions:
                for code in question.evidence:
                    if code not in evidence:
                        yield f"{place}.{question.id}: evidence {code} is not declared"
                if question.annex is not None and question.annex not in annexes:
                    yield f"{place}.{question.id}: annex {question.annex} is not declared"
    for annex in definition.annexes:
        yield from _unknown(definition, f"annex {annex.code}", annex.when, annex.each)


def _flags(definition: Definition) -> Iterator[str]:
    for flag in definition.flags:
        yield from _unknown(definition, f"flag {flag.id}", flag.when, flag.each)
        if flag.when is None and flag.each is None:
            yield f"flag {flag.id}: no answers raise it"
        if flag.protection is not Protection.NORMAL and (flag.when is None or flag.each is not None):
            yield f"flag {flag.id}: protects for single persons"


def _unknown(definition: Definition, what: str, *conditions: Condition | None) -> Iterator[str]:
    known = {path for section in definition.sections for path in (f"{section.id}.{q.id}" for q in section.questions)}
    for condition in conditions:
        for reference in references(condition) if condition is not None else ():
            if reference not in known:
                yield f"{what}: {reference} is not asked"


def _notices(path: str, question: Question, asked: dict[str, Question], sections: dict[str, Section]) -> Iterator[str]:
    """A notice may look at its own question too: that is answered when it is said."""
    yield from _repeated("notice", path, [notice.id for notice in question.notices])
    place = tuple(path.split("."))[:-1]
    for notice in question.notices:
        if (notice.when is None) is (notice.doubt is None):
            yield f"{path}: notice {notice.id} needs one reason"
        if notice.doubt is not None and question.type is not Answer.TEXT:
            yield f"{path}: notice {notice.id} doubts what is no text"
        yield from _conditions(f"{path}, notice {notice.id}", place, [notice.when], asked, sections)


def _question(path: str, question: Question, asked: dict[str, Question], sections: dict[str, Section]) -> Iterator[str]:
    if bool(question.options) is not (question.type in _WITH_OPTIONS):
        yield f"{path}: options and type {question.type.value} do not go together"
    if bool(question.fields) is not (question.type is Answer.GROUP):
        yield f"{path}: fields and type {question.type.value} do not go together"
    if question.type is Answer.EVIDENCE and not question.evidence:
        yield f"{path}: asks for evidence and names none"
    if any(field.type in (Answer.GROUP, Answer.EVIDENCE) for field in question.fields):
        yield f"{path}: groups hold plain questions only"
    if question.must_be is not None and question.type is not Answer.YES_NO:
        yield f"{path}: only a declaration can have one acceptable answer"
    required = None if isinstance(question.required, bool) else question.required
    place = tuple(path.split("."))[:-1]
    yield from _conditions(path, place, [question.when, required], asked, sections)


def _conditions(
    path: str,
    place: tuple[str, ...],
    conditions: list[Condition | None],
    asked: dict[str, Question],
    sections: dict[str, Section],
) -> Iterator[str]:
    for condition in conditions:
        if condition is None:
            continue
        for reference in references(condition):
            if reference not in asked:
                yield f"{path}: {reference} is not asked before"
            elif not _single(reference, place, sections):
                yield f"{path}: {reference} may have several answers here"
        for part in _comparisons(condition):
            question = asked.get(part.question)
            if question is not None and not _comparable(question, part):
                yield f"{path}: {part.question} never has one of these values"


def _single(reference: str, place: tuple[str, ...], sections: dict[str, Section]) -> bool:
    """Does the reference, seen from `place`, mean one answer?"""
    target = tuple(reference.split("."))[:-1]
    if target == place[: len(target)]:
        return True
    return len(target) == 1 and sections[target[0]].repeat is Repeat.ONCE


def _comparisons(condition: Condition) -> Iterator[AnswerIn]:
    if isinstance(condition, AnswerIn):
        yield condition
    elif condition.op in ("all", "any"):
        for part in condition.of:
            yield from _comparisons(part)
    elif condition.op == "not":
        yield from _comparisons(condition.of)


def _comparable(question: Question, condition: AnswerIn) -> bool:
    if question.type not in _COMPARABLE:
        return False
    if question.type is Answer.YES_NO:
        return all(isinstance(value, bool) for value in condition.values)
    if question.type is Answer.YES_NO_UNKNOWN:
        return set(condition.values) <= {"yes", "no", "unknown"}
    if question.type in _WITH_OPTIONS:
        return set(condition.values) <= {option.value for option in question.options}
    return all(isinstance(value, str) and len(value) == 2 and value.isupper() for value in condition.values)
