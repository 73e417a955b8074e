"""JSON Schema (2020-12) of applications, supplements and withdrawals, derived from the form definition. Pure.

Structure and completeness are kept apart, because of the early submission (§ 37 SGB II: it works back to the first of
the month): `$defs/<section>` says what answers look like and which must not be there, `$defs/<section>_complete` what
must be there; the latter binds only sections that are not named in `to_follow`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from shared.contracts.manifest import Kind
from shared.form.answers import ADDRESS, PERSON_REF, answer_schema
from shared.form.conditions import Facts, JsonSchema, Relative, View, evaluate, every, join, references, to_schema
from shared.form.limits import MAX_EVIDENCE, MAX_ITEMS, MAX_LONG, MAX_PERSONS, MAX_TEXT
from shared.form.model import (
    AllOf,
    Answer,
    Answered,
    AnswerIn,
    Condition,
    Definition,
    Fact,
    Protection,
    Question,
    Repeat,
    Section,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EARLY = "to_follow"
REQUESTS = "requests"
FLAGS = "flags"


def schema_uri(definition: Definition, kind: Kind) -> str:
    """The schema's `$id`. A URN, because nothing may depend on fetching it."""
    return f"urn:antragsweiche:form:{definition.service}:{kind.value}:{definition.version}"


def build_schema(definition: Definition, kind: Kind) -> JsonSchema:
    """The whole schema for what a submission of this kind carries as data."""
    builders = {Kind.APPLICATION: _application, Kind.SUPPLEMENT: _supplement, Kind.WITHDRAWAL: _withdrawal}
    return {
        "$schema": DIALECT,
        "$id": schema_uri(definition, kind),
        "type": "object",
        **builders[kind](definition),
        "additionalProperties": False,
    }


def _application(definition: Definition) -> JsonSchema:
    deferrable = [section.id for section in definition.sections if section.deferrable]
    properties: JsonSchema = {"form": _form(definition)}
    properties |= {section.id: {"$ref": f"#/$defs/{section.id}"} for section in definition.sections}
    properties |= {
        "evidence": _evidence(definition),
        "annex_codes": {
            "type": "array",
            "uniqueItems": True,
            "items": {"enum": [annex.code for annex in definition.annexes]},
        },
        EARLY: {"type": "array", "uniqueItems": True, "items": {"enum": deferrable}},
    }
    asked_apart = dict(own_requests(definition))
    if asked_apart:
        properties[REQUESTS] = _requests(asked_apart)
    properties |= _flags(definition)
    defs: JsonSchema = {"address": ADDRESS}
    rules: list[JsonSchema] = [_completeness(definition.sections)]
    sets = _sets(definition)
    view = View(partial(_absolute, _once(definition)), sets)
    for section in definition.sections:
        structure, complete = _section(section, sets)
        defs[section.id] = structure
        defs[f"{section.id}_complete"] = complete
        rules.extend(_visible_section(section, view))
    rules.extend(_root_rules(definition, view))
    always = [section.id for section in definition.sections if not section.deferrable or _has_early(section)]
    return {
        "title": definition.title,
        "required": ["form", *always],
        "properties": properties,
        "allOf": rules,
        "$defs": defs,
    }


def _supplement(definition: Definition) -> JsonSchema:
    """Later evidence, and whole sections that an early submission announced. Nothing that would change the route."""
    defs: JsonSchema = {"address": ADDRESS}
    properties: JsonSchema = {
        "form": _form(definition),
        "reference": _line("The earlier submission's id, or the Jobcenter's own reference, as known to the sender"),
        "remarks": _lines("Anything the Jobcenter should know"),
        "evidence": _evidence(definition),
    }
    properties |= _flags(definition)
    sets = _sets(definition)
    for section in definition.sections:
        if section.deferrable:
            defs[section.id] = _section(section, sets)[0]
            properties[section.id] = {"$ref": f"#/$defs/{section.id}"}
    return {
        "title": f"{definition.title}: Nachreichung",
        "required": ["form", "reference"],
        "properties": properties,
        "minProperties": 3,
        "$defs": defs,
    }


def _withdrawal(definition: Definition) -> JsonSchema:
    return {
        "title": f"{definition.title}: Rücknahme",
        "required": ["form", "truth_declaration"],
        "properties": {
            "form": _form(definition),
            "reference": _line("The submission that is taken back"),
            "reason": _lines("Why the application is taken back; voluntary"),
            "truth_declaration": {"const": True, "description": "I want to take my application back"},
        },
    }


def _form(definition: Definition) -> JsonSchema:
    return {
        "type": "object",
        "required": ["service", "version"],
        "properties": {"service": {"const": definition.service}, "version": {"const": definition.version}},
        "additionalProperties": False,
    }


def _line(description: str) -> JsonSchema:
    return answer_schema(Question(id="line", type=Answer.TEXT, label=description)) | {"maxLength": MAX_TEXT}


def _lines(description: str) -> JsonSchema:
    return answer_schema(Question(id="lines", type=Answer.LONG, label=description)) | {"maxLength": MAX_LONG}


def _evidence(definition: Definition) -> JsonSchema:
    """One entry for each document or announcement: uploaded (`document`), `will_follow`, or `not_available` and why."""
    asked = [path for path, question in walk(definition) if question.evidence]
    classes: JsonSchema = (
        {"class": {"enum": [each.value for each in Protection]}} if definition.evidence_classes else {}
    )
    return {
        "type": "array",
        "maxItems": MAX_EVIDENCE,
        "items": {
            "type": "object",
            "required": ["evidence_code"],
            "properties": {
                "evidence_code": {"enum": [kind.code for kind in definition.evidence]},
                "person_ref": PERSON_REF,
                "question_id": {"enum": asked},
                "document": {"type": "string", "format": "uuid", "pattern": "^[0-9a-f-]{36}$"},
                "state": {"enum": ["will_follow", "not_available"]},
                "reason": _lines("Why there is no such document"),
                "follows_by": {"type": "string", "format": "date"},
                **classes,
            },
            "additionalProperties": False,
            "if": {"required": ["document"]},
            "then": {"properties": {"state": False, "reason": False, "follows_by": False}},
            "else": {
                "required": ["state"],
                "if": {"required": ["state"], "properties": {"state": {"const": "not_available"}}},
                "then": {"required": ["reason"], "properties": {"follows_by": False}},
            },
        },
    }


def _flags(definition: Definition) -> JsonSchema:
    """What a case worker must see first: derived from the answers."""
    if not definition.flags:
        return {}
    entry = {
        "type": "object",
        "required": ["flag", "person_ref"],
        "properties": {"flag": {"enum": [flag.id for flag in definition.flags]}, "person_ref": PERSON_REF},
        "additionalProperties": False,
    }
    return {FLAGS: {"type": "array", "uniqueItems": True, "minItems": 1, "items": entry}}


def own_requests(definition: Definition) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Questions some of whose options are applications of their own, with these options."""
    for path, question in walk(definition):
        if chosen := tuple(option.value for option in question.options if option.own_request):
            yield path, chosen


def _requests(asked_apart: dict[str, tuple[str, ...]]) -> JsonSchema:
    """What is applied for separately (§ 24 (1), (3), § 28 (5) with § 37 (1) s. 2 SGB II): derived from the answers."""
    return {
        "type": "array",
        "uniqueItems": True,
        "items": {
            "type": "object",
            "required": ["request", "question_id", "person_ref"],
            "properties": {
                "request": {"enum": sorted({value for values in asked_apart.values() for value in values})},
                "question_id": {"enum": list(asked_apart)},
                "person_ref": PERSON_REF,
            },
            "additionalProperties": False,
        },
    }


def walk(definition: Definition) -> Iterator[tuple[str, Question]]:
    """Every question with its path, groups before their fields, in the order of asking."""
    for section in definition.sections:
        for question in section.questions:
            yield f"{section.id}.{question.id}", question
            for field in question.fields:
                yield f"{section.id}.{question.id}.{field.id}", field


def _sets(definition: Definition) -> frozenset[str]:
    """Paths of all questions whose answer is a set of values."""
    return frozenset(path for path, question in walk(definition) if question.type in {Answer.MANY, Answer.COUNTRIES})


def _section(section: Section, sets: frozenset[str]) -> tuple[JsonSchema, JsonSchema]:
    structure, complete = _object(section.questions, (section.id,), sets)
    structure["title"] = section.title
    if section.repeat is Repeat.ONCE:
        return structure, complete
    structure["properties"] = {"person_ref": PERSON_REF} | structure["properties"]
    structure["required"] = ["person_ref", *structure.get("required", [])]
    listed = {"type": "array", "minItems": 1, "maxItems": MAX_PERSONS + 1, "items": structure}
    if not _asked_of_applicant(section):
        return listed, {"items": complete}
    applicant = {"properties": {"person_ref": {"const": "applicant"}}}
    return listed, {"contains": applicant, "items": complete}


def _asked_of_applicant(section: Section) -> bool:
    """Is the section asked of every applicant, whatever else is true of the person?"""
    if section.persons is None:
        return True
    return evaluate(section.persons, lambda _: None, lambda fact: fact is Fact.APPLICANT)


def _object(
    questions: tuple[Question, ...], place: tuple[str, ...], sets: frozenset[str]
) -> tuple[JsonSchema, JsonSchema]:
    """Structure and completeness of a section or a group's item at `place`."""
    properties: JsonSchema = {}
    complete_properties: JsonSchema = {}
    for question in questions:
        if question.type is Answer.EVIDENCE:
            continue
        if question.type is Answer.GROUP:
            items, complete_items = _object(question.fields, (*place, question.id), sets)
            properties[question.id] = answer_schema(question) | {
                "minItems": 1,
                "maxItems": question.maximum or MAX_ITEMS,
                "items": items,
            }
            complete_properties[question.id] = {"items": complete_items}
        else:
            properties[question.id] = answer_schema(question)
    structure: JsonSchema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    early = [question.id for question in questions if question.early and question.when is None]
    if early:
        structure["required"] = early
    required = [question.id for question in questions if question.required is True and question.when is None]
    complete: JsonSchema = {"required": required, "properties": complete_properties}
    structure_rules, complete_rules = _rules_at(questions, View(partial(_local, place), sets))
    return structure | structure_rules, complete | complete_rules


def _rules_at(questions: tuple[Question, ...], view: View) -> tuple[JsonSchema, JsonSchema]:
    """Rules of conditions, as far as they look at answers of the same section instance or group item."""
    structure, complete = _Rules(), _Rules()
    for question in questions:
        if question.type is Answer.EVIDENCE:
            continue
        if question.when is not None and _reaches(question.when, view.relative):
            hidden = {"properties": {question.id: False}}
            for rule in _unless(to_schema(question.when, view, Facts.POSSIBLE), hidden):
                structure.add(question.id, rule)
        demanded = _demanded(question)
        if demanded is not None and _reaches(demanded, view.relative):
            rules = structure if question.early else complete
            rules.demand(question.id, demanded, view)
    return structure.written(), complete.written()


class _Rules:
    """The rules of one place, each standing where most applications need not look at it.

    Of hundreds of questions a household answers dozens. A rule that says nothing while a certain answer is missing
    (an answer that is not there cannot be one that must not be there) stands in `dependentSchemas` under that answer.
    """

    def __init__(self) -> None:
        self._with: dict[str, list[JsonSchema]] = {}
        self._always: list[JsonSchema] = []

    def add(self, answered: str | None, rule: JsonSchema) -> None:
        """`answered`: the answer without which the rule says nothing; None if there is no such one."""
        (self._always if answered is None else self._with.setdefault(answered, [])).append(rule)

    def demand(self, name: str, condition: Condition, view: View) -> None:
        """`name` must be answered where the condition is certain; what hangs on the same condition is one rule."""
        certain = to_schema(condition, view, Facts.CERTAIN)
        answered = _needed(condition, view)
        for rule in self._always if answered is None else self._with.get(answered, []):
            if rule["if"] == certain and "then" in rule:
                rule["then"]["required"].append(name)
                return
        for rule in _where(certain, {"required": [name]}):
            self.add(answered, rule)

    def written(self) -> JsonSchema:
        found: JsonSchema = {}
        if self._with:
            found["dependentSchemas"] = {
                name: rules[0] if len(rules) == 1 else {"allOf": rules} for name, rules in self._with.items()
            }
        if self._always:
            found["allOf"] = self._always
        return found


def _needed(condition: Condition, view: View) -> str | None:
    """An answer of the same place without which the condition cannot hold for certain."""
    match condition:
        case AnswerIn() | Answered():
            path = view.relative(condition.question)
            return path[0] if path is not None and len(path) == 1 else None
        case AllOf():
            return next((found for part in condition.of if (found := _needed(part, view)) is not None), None)
        case _:
            return None


def _where(certain: JsonSchema | bool, then: JsonSchema) -> Iterator[JsonSchema]:
    """The rule that `then` must hold where the condition does; none for a condition that never holds."""
    if certain is not False:
        yield {"if": certain, "then": then}


def _unless(possible: JsonSchema | bool, hidden: JsonSchema) -> Iterator[JsonSchema]:
    """The rule that `hidden` must hold where the condition does not; none for a condition that always holds."""
    if possible is not True:
        yield {"if": possible, "else": hidden}


def _root_rules(definition: Definition, view: View) -> Iterator[JsonSchema]:
    """Rules of conditions, as far as they look at sections that are asked once."""
    for section in definition.sections:
        for group, question in _placed(section):
            inside = partial(_inside, section, group)
            # Conditions that look at their own object only have their rules there.
            place = (section.id, group.id) if group else (section.id,)
            demanded = _demanded(question)
            if question.when is not None and _reaches_beyond(question.when, place, view):
                hidden = inside({"properties": {question.id: False}})
                yield from _unless(to_schema(question.when, view, Facts.POSSIBLE), hidden)
            if demanded is not None and _reaches_beyond(demanded, place, view):
                certain = to_schema(demanded, view, Facts.CERTAIN)
                if not question.early:
                    certain = join("allOf", [certain, {"not": _deferred(section)}])
                yield from _where(certain, inside({"required": [question.id]}))


def _once(definition: Definition) -> frozenset[str]:
    return frozenset(section.id for section in definition.sections if section.repeat is Repeat.ONCE)


def _placed(section: Section) -> Iterator[tuple[Question | None, Question]]:
    for question in section.questions:
        if question.type is not Answer.EVIDENCE:
            yield None, question
        for field in question.fields:
            yield question, field


def _inside(section: Section, group: Question | None, schema: JsonSchema) -> JsonSchema:
    if group is not None:
        schema = {"properties": {group.id: {"items": schema}}}
    if section.repeat is Repeat.PERSON:
        schema = {"items": schema}
    return {"properties": {section.id: schema}}


def _demanded(question: Question) -> Condition | None:
    """The condition under which an answer must be there; None if never, or if always (a plain `required`)."""
    if question.type is Answer.EVIDENCE or not (question.required or question.early):
        return None
    if isinstance(question.required, bool):
        return question.when
    if question.when is None:
        return question.required
    return every(question.when, question.required)


def _reaches(condition: Condition, relative: Relative) -> bool:
    """Is any of the condition's answers to be seen from there? Else a rule would say nothing."""
    return any(relative(path) is not None for path in references(condition))


def _reaches_beyond(condition: Condition, place: tuple[str, ...], root: View) -> bool:
    """Does it look at an answer that only the root sees?"""
    beyond = (path for path in references(condition) if _local(place, path) is None)
    return any(root.relative(path) is not None for path in beyond)


def _local(place: tuple[str, ...], path: str) -> tuple[str, ...] | None:
    *container, name = path.split(".")
    return (name,) if tuple(container) == place else None


def _absolute(sections: frozenset[str], path: str) -> tuple[str, ...] | None:
    parts = tuple(path.split("."))
    return parts if len(parts) == 2 and parts[0] in sections else None


def _deferred(section: Section) -> JsonSchema:
    return {"required": [EARLY], "properties": {EARLY: {"contains": {"const": section.id}}}}


def _completeness(sections: tuple[Section, ...]) -> JsonSchema:
    """Every section is complete but those that an early submission names; most applications name none."""

    def complete(*sections: Section) -> JsonSchema:
        always = [each.id for each in sections if each.when is None and _asked_of_applicant(each)]
        properties = {each.id: {"$ref": f"#/$defs/{each.id}_complete"} for each in sections}
        return {"required": always, "properties": properties}

    one_by_one = [
        {"if": {"not": _deferred(each)}, "then": complete(each)} if each.deferrable else complete(each)
        for each in sections
    ]
    return {"if": {"required": [EARLY]}, "then": {"allOf": one_by_one}, "else": complete(*sections)}


def _visible_section(section: Section, view: View) -> Iterator[JsonSchema]:
    if section.when is None:
        return
    yield from _unless(to_schema(section.when, view, Facts.POSSIBLE), {"properties": {section.id: False}})
    certain = join("allOf", [to_schema(section.when, view, Facts.CERTAIN), {"not": _deferred(section)}])
    yield from _where(certain, {"required": [section.id]})


def _has_early(section: Section) -> bool:
    return any(question.early for question in section.questions)
