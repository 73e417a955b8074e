"""From a draft to an application that the schema accepts, or a named list of what is missing. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.manifest import Kind
from shared.form.annexes import annex_codes, flags_in, requests_in
from shared.form.draft import PERSONS
from shared.form.look import TO_FOLLOW, lacking
from shared.form.model import Answer, Question, Repeat, Section
from shared.form.schema import FLAGS, REQUESTS
from shared.form.validate import validate
from shared.form.view import APPLICANT, State, View

_MISSING = "Diese Angabe fehlt noch."
_MESSAGES = {
    "date-order": "Das Ende liegt vor dem Anfang.",
    "date": "Dieses Datum kann nicht stimmen.",
    "iban": "Diese IBAN stimmt nicht.",
}
NO_REASON = "Keine Angabe"


@dataclass(frozen=True)
class Upload:
    """A document of the submission (intake's document id) that belongs to a slot (`Slot.key`)."""

    slot: str
    document: str


@dataclass(frozen=True)
class Missing:
    """An answer that is not there or cannot stay so (`message`, German), and the page that asks for it."""

    key: str
    label: str
    where: str
    step: str
    message: str = _MISSING


@dataclass(frozen=True)
class NotYet:
    """Cannot be sent yet."""

    missing: tuple[Missing, ...]


@dataclass(frozen=True)
class Built:
    """`application` is valid; `to_follow` names its sections that will be brought later."""

    application: dict[str, Any]
    to_follow: tuple[str, ...]


def missing(view: View, *, early: bool = False) -> tuple[Missing, ...]:
    """What is needed before sending: everything, or only what secures the date. Sections in `to_follow` may wait."""
    later = view.answers.get(TO_FOLLOW, [])
    return tuple(
        Missing(asked.key, asked.label, step.title, step.id)
        for asked, step in lacking(view, early=early)
        if early or asked.early or step.section not in later
        # A person begun and not named is left out of an early submission, so nothing about it is needed.
        if not (early and step.item is not None)
    )


def build_application(view: View, uploads: Sequence[Upload] = (), *, early: bool = False) -> Built | NotYet:
    """The application with evidence list and annex codes.

    `early`: secure the date: only what `Asked.early` marks is needed, incomplete sections are announced in `to_follow`.
    """
    needed = missing(view, early=early)
    if needed:
        return NotYet(needed)
    application = as_application(view, uploads)
    later = _to_follow(view, early=early)
    if later:
        application[TO_FOLLOW] = list(later)
    application["annex_codes"] = list(annex_codes(application, view.definition, view.today))
    if apart := requests_in(application, view.definition):
        application[REQUESTS] = apart
    if raised := flags_in(application, view.definition, view.today):
        application[FLAGS] = raised
    errors = validate(application, view.definition.service)
    if errors:
        return NotYet(tuple(_explained(view, application, error.path, error.code) for error in errors))
    return Built(application, later)


def build_supplement(
    view: View, sections: Collection[str], uploads: Sequence[Upload], reference: str, remarks: str = ""
) -> dict[str, Any]:
    """Later data and evidence for an earlier application (kind `supplement`): the sections named, as far as answered,
    only evidence that is uploaded, and again what the Jobcenter must see first."""
    whole = as_application(view, uploads)
    chosen = {name: whole[name] for name in whole if name in sections}
    supplement = {"form": whole["form"], "reference": reference} | chosen
    if remarks.strip():
        supplement["remarks"] = remarks.strip()
    documents = [entry for entry in whole.get("evidence", []) if "document" in entry]
    if documents:
        supplement["evidence"] = documents
    if raised := flags_in(whole, view.definition, view.today):
        supplement[FLAGS] = raised
    errors = validate(supplement, view.definition.service, Kind.SUPPLEMENT)
    if errors:
        raise ValueError(f"not a supplement: {errors}")
    return supplement


def as_application(view: View, uploads: Sequence[Upload] = ()) -> dict[str, Any]:
    """The draft's visible answers in the application's shape, complete or not, for the summary and for sending.

    Entries of lists that lack what every entry must have (a person without relation) are left out, and everything
    about persons left out with them."""
    definition = view.definition
    application: dict[str, Any] = {"form": {"service": definition.service, "version": definition.version}}
    gone = frozenset(_incomplete_persons(view))
    for section in definition.sections:
        if section.repeat is Repeat.ONCE:
            content = _object(view, section.questions, section.id, gone)
            if content:
                application[section.id] = content
            continue
        entries = []
        for person in view.people:
            content = _object(view, section.questions, f"{section.id}.{person}", gone)
            if content and person not in gone:
                entries.append({"person_ref": person} | content)
        if entries:
            application[section.id] = entries
    evidence = [entry for entry in _evidence(view, uploads) if entry["person_ref"] not in gone]
    if evidence:
        application["evidence"] = evidence
    return application


def _incomplete_persons(view: View) -> Iterator[str]:
    for person in view.answers.get(PERSONS, []):
        if view.answers.get(f"{PERSONS}.{person}.relation") is None:
            yield person


def _object(view: View, questions: Sequence[Question], prefix: str, gone: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for question in questions:
        key = f"{prefix}.{question.id}"
        answer = view.answers.get(key)
        if question.type is Answer.GROUP:
            entries = [(item, _object(view, question.fields, f"{key}.{item}", gone)) for item in answer or []]
            if key == PERSONS:
                items = [{"id": item} | content for item, content in entries if item not in gone]
            else:
                items = [content for _, content in entries if content]
            if items:
                found[question.id] = items
        elif answer is not None and not (question.type is Answer.PERSON and answer in gone):
            found[question.id] = answer
    return found


def _to_follow(view: View, *, early: bool) -> tuple[str, ...]:
    incomplete = {state.section.id for state in view.sections if state.state is not State.COMPLETE}
    allowed = incomplete if early else incomplete & set(view.answers.get(TO_FOLLOW, []))
    return tuple(section.id for section in view.definition.sections if section.deferrable and section.id in allowed)


def _evidence(view: View, uploads: Sequence[Upload]) -> Iterator[dict[str, Any]]:
    """Said nothing about a slot: it will follow, so that the Jobcenter sees what is open."""
    for slot in view.slots:
        about = {
            "evidence_code": slot.evidence_code,
            "question_id": slot.question_id,
            "person_ref": slot.person,
            "class": slot.protection.value,
        }
        documents = [upload.document for upload in uploads if upload.slot == slot.key]
        if documents:
            yield from (about | {"document": document} for document in dict.fromkeys(documents))
            continue
        said = view.answers.get(slot.key, {})
        if said.get("state") == "not_available":
            yield about | {"state": "not_available", "reason": str(said.get("reason", "")).strip() or NO_REASON}
        elif said.get("follows_by"):
            yield about | {"state": "will_follow", "follows_by": said["follows_by"]}
        elif said or not slot.optional:
            yield about | {"state": "will_follow"}


def _explained(view: View, application: dict[str, Any], pointer: str, code: str) -> Missing:
    """A finding of the validation, led back to the page."""
    key = draft_key(view, application, pointer.split("/")[1:])
    message = _MISSING if code == "required" else _MESSAGES.get(code, "Bitte prüfen Sie diese Angabe.")
    for step in view.steps:
        for asked in step.asked:
            if asked.key == key:
                return Missing(key, asked.label, step.title, step.id, message)
    section = key.split(".", maxsplit=1)[0]
    state = next((state for state in view.sections if state.section.id == section), view.sections[-1])
    return Missing(key, state.title, state.title, state.first_step, message)


def draft_key(view: View, application: dict[str, Any], parts: Sequence[str]) -> str:
    """The draft key of a JSON pointer's parts: positions in lists become ids."""
    key: list[str] = []
    node: Any = application
    section = view.definition.section(parts[0]) if parts else None
    for part in parts:
        if isinstance(node, list) and part.isdigit():
            key.append(_entry_id(view, section, node, int(part), ".".join(key)))
            node = node[int(part)]
        else:
            key.append(part)
            node = node.get(part) if isinstance(node, dict) else None
    return ".".join(key)


def _entry_id(view: View, section: Section | None, entries: list[Any], index: int, key: str) -> str:
    entry = entries[index]
    if isinstance(entry, dict):
        for name in ("person_ref", "id"):
            if name in entry and key in (PERSONS, section.id if section else ""):
                return str(entry[name])
    # Entries without any answer were left out: count those with one.
    ids = view.answers.get(key, [])
    filled = [item for item in ids if any(name.startswith(f"{key}.{item}.") for name in view.answers)]
    return str(filled[index]) if index < len(filled) else APPLICANT
