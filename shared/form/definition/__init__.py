"""The main application for Grundsicherungsgeld (SGB II) as data: all sections, evidence and annexes.

Order is the order of asking: conditions look back only.
A change that old applications would not satisfy raises the version, and the old definition stays beside this module as
JSON (`sgb2-hauptantrag-<version>.json`), so that what was sent under it can still be read and checked.
"""

from __future__ import annotations

from shared.form.definition.acting import PAYMENT, REPRESENTATION
from shared.form.definition.applicant import APPLICANT
from shared.form.definition.assets import ASSETS
from shared.form.definition.claims import MAINTENANCE, PRIOR_CLAIMS
from shared.form.definition.close import CLOSE
from shared.form.definition.conditions import CONDITIONS
from shared.form.definition.evidence import ANNEXES, EVIDENCE, FLAGS
from shared.form.definition.household import HOUSEHOLD
from shared.form.definition.housing import HOUSING
from shared.form.definition.income import INCOME
from shared.form.definition.insurance import HEALTH_INSURANCE
from shared.form.definition.needs import ADDITIONAL_NEEDS, EDUCATION_PARTICIPATION, ONE_OFF_NEEDS
from shared.form.definition.responsibility import RESPONSIBILITY
from shared.form.model import Definition

DEFINITION = Definition(
    service="sgb2-hauptantrag",
    version="2.1.0",
    title="Hauptantrag auf Grundsicherungsgeld (früher Bürgergeld, Arbeitslosengeld II)",
    sections=(
        RESPONSIBILITY,
        APPLICANT,
        HOUSEHOLD,
        REPRESENTATION,
        PAYMENT,
        CONDITIONS,
        ADDITIONAL_NEEDS,
        HEALTH_INSURANCE,
        HOUSING,
        INCOME,
        ASSETS,
        PRIOR_CLAIMS,
        MAINTENANCE,
        EDUCATION_PARTICIPATION,
        ONE_OFF_NEEDS,
        CLOSE,
    ),
    evidence=EVIDENCE,
    annexes=ANNEXES,
    flags=FLAGS,
    evidence_classes=True,
)
"""Version 2.1.0: notices, flags, classes of evidence, `household.speaks_for`; rare things are asked for in one question
each (`conditions.special`, `housing.special`, `prior_claims.claims`)."""
