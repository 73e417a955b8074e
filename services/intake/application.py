"""Whether a completed application may be accepted. Pure. Problems name fields and codes, never an answer."""

from __future__ import annotations

from services.intake.dossier import Order
from services.intake.records import Opening
from shared import form
from shared.contracts.manifest import Kind
from shared.errors import SenderError


def check_application(opening: Opening, order: Order) -> str:
    """The URI of the schema that the application fulfils. Raises the 422 problems.

    1. It fulfils the form's schema for the opening's service and kind.
    2. Its routing answers are the opening's: documents are sealed for that place already.
    3. Documents that its evidence list names are among the completion's.
    """
    application = order.application
    errors = form.validate(application, opening.service, opening.kind)
    if errors:
        raise SenderError(
            "application-invalid",
            "The application does not fulfil the form's schema.",
            errors=[{"field": error.path, "code": error.code, "hint": error.hint} for error in errors],
        )
    if opening.kind is Kind.APPLICATION:
        postcode, municipality_key = form.routing_answers(application)
        if postcode != opening.postcode or municipality_key != opening.municipality_key:
            raise SenderError(
                "routing-differs",
                "Postcode or municipality of the application are not those of the opening. Open a new submission.",
            )
    named = {str(document_id) for document_id in order.documents}
    strangers = [document for document in form.documents_named(application) if document not in named]
    if strangers:
        raise SenderError(
            "documents-differ",
            "The evidence list names documents that are not among the completion's documents.",
            not_named=sorted(strangers),
        )
    version = form.version_of(application, opening.service)
    return form.schema_uri(opening.service, opening.kind, version)
