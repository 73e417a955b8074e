"""Which evidence the answers call for: one slot for each kind and person, or for each question where that differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from shared.form.model import Answer, Definition, Protection
from shared.form.view import Asked, Slot


def slots(
    definition: Definition,
    asked_for: Iterable[tuple[Asked, str]],
    names: Mapping[str, str],
    protection: Protection = Protection.NORMAL,
) -> tuple[Slot, ...]:
    """Slots in the order of the questions (with their section) that call for them: those answered, and those that only
    ask for evidence. `protection`: the class of evidence that has none of its own."""
    kinds = {kind.code: kind for kind in definition.evidence}
    found: dict[str, Slot] = {}
    for asked, section in asked_for:
        for code in asked.question.evidence if _calls(asked) else ():
            kind = kinds[code]
            key = f"evidence.{code}.{asked.person}"
            if kind.each_question:
                key = f"{key}.{asked.path}"
            known = found.get(key)
            if known is not None:
                if asked.label not in known.reasons:
                    found[key] = replace(known, reasons=(*known.reasons, asked.label))
                continue
            found[key] = Slot(
                key=key,
                evidence_code=code,
                label=kind.label,
                help=kind.help,
                person=asked.person,
                person_name=names.get(asked.person, ""),
                question_id=asked.path,
                reasons=(asked.label,),
                section=section,
                protection=protection if kind.protection is Protection.NORMAL else kind.protection,
                optional=kind.optional,
            )
    return tuple(found.values())


def _calls(asked: Asked) -> bool:
    """Is there something to prove? "No", "none" and nothing need no paper."""
    question = asked.question
    if question.evidence_when:
        given = asked.value if isinstance(asked.value, list) else [asked.value]
        return any(value in question.evidence_when for value in given)
    if question.type is Answer.EVIDENCE:
        return True
    return asked.value not in (None, False, "none", "no", [], ["none"], 0)
