"""What one sending consists of: how it is opened, and what is completed once intake has named its documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, cast

from services.portal.places import opening
from services.portal.records import OpenEvidence, Record, StoredFile
from shared import form
from shared.errors import AntragsweicheError
from shared.form.build import as_application, build_supplement
from shared.form.flow import Built, Missing, SlotAnswer, Upload, View, build_application, look
from shared.form.model import Protection
from shared.form.schema import FLAGS


class SendKind(StrEnum):
    APPLICATION = "application"
    EARLY = "early"
    """A secured date: the rest is brought later (§ 37 SGB II)."""
    SUPPLEMENT = "supplement"
    """Sections and evidence that were announced."""
    WITHDRAWAL = "withdrawal"


class Incomplete(AntragsweicheError):
    """Cannot be sent yet; `missing` are the questions to answer first."""

    def __init__(self, missing: Sequence[Missing] = (), *, place: bool = False) -> None:
        super().__init__("incomplete")
        self.missing = tuple(missing)
        self.place = place


@dataclass(frozen=True)
class Ready:
    """What to complete the submission with."""

    application: dict[str, Any]
    to_follow: tuple[str, ...] = ()


def check(record: Record, kind: SendKind, today: date) -> None:
    """Raises `Incomplete` if this cannot be sent."""
    if record.case:
        return
    if kind is not SendKind.SUPPLEMENT and record.place is None:
        raise Incomplete(place=True)
    # What is brought after a secured date makes the application whole: held to the same before anything is sent.
    _application(look(record.answers, today), (), early=kind is SendKind.EARLY)


def open_request(record: Record, kind: SendKind) -> dict[str, Any]:
    """The body of `POST /v1/submissions`."""
    if kind in (SendKind.APPLICATION, SendKind.EARLY):
        assert record.place is not None, "checked before"
        return {"service": form.SERVICE, **opening(record.place)}
    first = record.first
    assert first is not None, "only what was sent has follow-ups"
    word = "withdrawal" if kind is SendKind.WITHDRAWAL else "supplement"
    return {"service": form.SERVICE, "follows": first.submission_id, "kind": word}


def build(record: Record, kind: SendKind, uploaded: Sequence[tuple[StoredFile, str]], today: date) -> Ready:
    """`uploaded` pairs each file with its document id at intake. Raises `Incomplete`."""
    if kind in (SendKind.APPLICATION, SendKind.EARLY):
        uploads = [Upload(file.slot, document) for file, document in uploaded]
        return _application(look(record.answers, today), uploads, early=kind is SendKind.EARLY)
    first = record.first
    assert first is not None, "only what was sent has follow-ups"
    if kind is SendKind.WITHDRAWAL:
        return Ready({"form": _form(), "reference": first.submission_id, "truth_declaration": True})
    return Ready(_supplement(record, first.submission_id, uploaded, today))


def _application(view: View, uploads: Sequence[Upload], *, early: bool) -> Ready:
    built = build_application(view, uploads, early=early)
    if not isinstance(built, Built):
        raise Incomplete(built.missing)
    return Ready(built.application, built.to_follow)


def _supplement(
    record: Record, reference: str, uploaded: Sequence[tuple[StoredFile, str]], today: date
) -> dict[str, Any]:
    if not record.case:
        uploads = [Upload(file.slot, document) for file, document in uploaded]
        view = look(record.answers, today)
        built = build_supplement(view, _to_bring(record, view), uploads, reference)
        if len(built) < 3:
            raise Incomplete
        return built
    known = {evidence.key: evidence for evidence in record.open_evidence}
    unknown = Protection.PROTECTED_ADDRESS if record.flags else Protection.NORMAL
    entries = [_entry(known.get(file.slot), document, unknown) for file, document in uploaded]
    if not entries:
        raise Incomplete
    supplement = {"form": _form(), "reference": reference, "evidence": entries}
    return supplement | {FLAGS: list(record.flags)} if record.flags else supplement


def protecting_flags(application: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """What must be said again with whatever is brought later: that an address is secret."""
    protect = {flag.id for flag in form.DEFINITION.flags if flag.protection is not Protection.NORMAL}
    return tuple(entry for entry in application.get(FLAGS, ()) if entry["flag"] in protect)


def names_in(record: Record, today: date) -> dict[str, str]:
    """Names of persons, as far as they are known here: a case knows those it announced evidence for."""
    if record.case:
        return {each.person: each.person_name for each in record.open_evidence if each.person_name}
    return look(record.answers, today).people


def _to_bring(record: Record, view: View) -> tuple[str, ...]:
    """Sections that were announced, and those that were changed since the date was secured."""
    now = as_application(view)
    return tuple(
        section.id
        for section in view.definition.sections
        if section.deferrable
        and (section.id in record.announced or now.get(section.id) != record.early.get(section.id))
    )


def _entry(evidence: OpenEvidence | None, document: str, unknown: Protection) -> dict[str, Any]:
    if evidence is None:
        return {"evidence_code": "E-OTHER", "document": document, "class": unknown.value}
    return {
        "class": evidence.protection,
        "evidence_code": evidence.evidence_code,
        "person_ref": evidence.person,
        "question_id": evidence.question_id,
        "document": document,
    }


def _form() -> dict[str, str]:
    return {"service": form.SERVICE, "version": form.FORM_VERSION}


def slots_of(view: View) -> tuple[OpenEvidence, ...]:
    return tuple(
        OpenEvidence(
            key=slot.key,
            evidence_code=slot.evidence_code,
            label=slot.label,
            person=slot.person,
            person_name=slot.person_name if len(view.people) > 1 else "",
            question_id=slot.question_id,
            protection=slot.protection.value,
        )
        for slot in view.slots
    )


def slot_answer(view: View, key: str) -> SlotAnswer:
    answer = view.answers.get(key)
    return cast(SlotAnswer, answer) if isinstance(answer, dict) else SlotAnswer()


def open_evidence(record: Record, today: date) -> tuple[OpenEvidence, ...]:
    """Evidence asked for and not uploaded, unless there is none of the kind."""
    view = look(record.answers, today)
    return tuple(
        evidence
        for evidence in slots_of(view)
        if not record.files_of(evidence.key) and slot_answer(view, evidence.key).get("state") != "not_available"
    )
