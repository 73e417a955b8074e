"""The citizen's way through the form: what to ask next, given what was answered. Pure; the API for the portal.

A *draft* is a flat JSON dict of answers (`Draft`). Its keys name one answer each:

    applicant.family_name                  section asked once
    household.persons                      a list: the ids of its entries, in order, e.g. ["person-1", "person-2"]
    household.persons.person-1.relation    a field of one entry
    income.applicant.kinds                 section asked for each person: the person stands second
    income.person-1.jobs.i1.employer       a field of an entry of a list of a person
    evidence.E-ID.person-1                 what was said about evidence that is not uploaded (`SlotAnswer`)

Values have the application's JSON types (see `shared.form.model.Answer`). Ids of entries are stable: never reused.
Keys, step ids and ids of entries are made of `[A-Za-z0-9_.-]` and hold nothing personal: they may stand in URLs.

    view = look(draft, today)              everything that can be said about a draft, computed once
    view.steps                             pages in order; `view.next_step(step_id)`
    saved = save(draft, step, form, today) a posted page: new draft, problems, and what would be lost
    build_application(view, uploads)       an application that the schema accepts, or what is missing
"""

from __future__ import annotations

from shared.form.build import (
    Built,
    Missing,
    NotYet,
    Upload,
    as_application,
    build_application,
    build_supplement,
    missing,
)
from shared.form.draft import Draft, add_item, remove_item
from shared.form.look import look
from shared.form.parse import FieldProblem, Form, parse, raw_names, raw_values
from shared.form.save import Lost, Saved, prune, save
from shared.form.view import Asked, SectionState, Slot, SlotAnswer, State, Step, View

__all__ = [
    "Asked",
    "Built",
    "Draft",
    "FieldProblem",
    "Form",
    "Lost",
    "Missing",
    "NotYet",
    "Saved",
    "SectionState",
    "Slot",
    "SlotAnswer",
    "State",
    "Step",
    "Upload",
    "View",
    "add_item",
    "as_application",
    "build_application",
    "build_supplement",
    "look",
    "missing",
    "parse",
    "prune",
    "raw_names",
    "raw_values",
    "remove_item",
    "save",
]
