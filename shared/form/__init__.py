"""The form: one declarative, versioned definition, and all that is derived from it. No I/O.

    from shared import form

    form.schema("sgb2-hauptantrag")                       JSON Schema (2020-12)
    form.validate(application, service, kind)             list of FieldError, empty if it may be sent
    form.routing_answers(application)                     (postcode, municipality key or None)
    form.documents_named(application)                     document ids in the evidence list
    form.version_of(application, service)                 the version it is read by; earlier ones stay readable

The way through the form, for portals: `shared.form.flow`. Who belongs to the community: `shared.form.household`.
In words: `shared.form.summary`; on paper: `shared.form.pdf`; paper annexes: `shared.form.annexes`.
Document types and safe names: `shared.form.media`, `shared.form.filenames`; metadata part: `shared.form.metadata`.
"""

from __future__ import annotations

from shared.form.definition import DEFINITION
from shared.form.errors import FieldError
from shared.form.limits import MAX_APPLICATION_BYTES
from shared.form.routing import documents_named, routing_answers
from shared.form.validate import schema, schema_uri, services, validate, version_of

FORM_VERSION = DEFINITION.version
SERVICE = DEFINITION.service

__all__ = [
    "DEFINITION",
    "FORM_VERSION",
    "MAX_APPLICATION_BYTES",
    "SERVICE",
    "FieldError",
    "documents_named",
    "routing_answers",
    "schema",
    "schema_uri",
    "services",
    "validate",
    "version_of",
]
