"""Short ways to write questions down."""

from __future__ import annotations

from typing import Any

from shared.form.model import Answer, Condition, Doubt, Notice, Option, Question


def ask(question_id: str, kind: Answer, label: str, help_text: str = "", **more: Any) -> Question:
    """A question; `more` are further fields of `Question` (validated by the model)."""
    return Question(id=question_id, type=kind, label=label, **({"help": help_text} if help_text else {}), **more)


def options(**labels: str) -> tuple[Option, ...]:
    return tuple(Option(value=value, label=label) for value, label in labels.items())


def own_requests(*values: str, among: tuple[Option, ...]) -> tuple[Option, ...]:
    """The options, those of these values marked as applications of their own."""
    return tuple(option.model_copy(update={"own_request": option.value in values}) for option in among)


def notice(notice_id: str, when: Condition | Doubt, title: str, text: str) -> tuple[Notice, ...]:
    """One notice on a question, as its `notices`; several are added up."""
    reason = {"doubt": when} if isinstance(when, Doubt) else {"when": when}
    return (Notice.model_validate({"id": notice_id, "title": title, "text": text, **reason}),)


GENDERS = options(female="weiblich", male="männlich", diverse="divers", none="keine Angabe")
RESIDENCE_TITLES = options(
    eu_free_movement="Freizügigkeit als EU-Bürgerin oder EU-Bürger",
    residence_permit="Aufenthaltserlaubnis",
    settlement_permit="Niederlassungserlaubnis oder Daueraufenthalt-EU",
    temporary_protection="Vorübergehender Schutz (§ 24 AufenthG)",
    fictional_certificate="Fiktionsbescheinigung",
    toleration="Duldung",
    permission_to_stay="Aufenthaltsgestattung",
    applied_for="Aufenthaltstitel ist beantragt",
    other="etwas anderes",
)
HUMANITARIAN_TITLES = ("residence_permit", "temporary_protection", "fictional_certificate", "toleration")
"""With these a place of residence may be ordered (§ 12a, § 61 AufenthG)."""
# fmt: off
EU_COUNTRIES = (
    "AT", "BE", "BG", "CY", "CZ", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO", "CH",
)
# fmt: on
"""EU without Germany, EEA and Switzerland: free movement or a right like it."""
