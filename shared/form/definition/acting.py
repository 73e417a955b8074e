"""Who acts for the applicant, and where the money goes (paper HA 1)."""

from __future__ import annotations

from shared.form.conditions import is_in, no, yes
from shared.form.definition._make import ask, options
from shared.form.model import Answer, Section

_SELF = "representation.acts_for_self"
_KIND = "representation.representative_kind"

REPRESENTATION = Section(
    id="representation",
    title="Vertretung",
    questions=(
        ask(
            "acts_for_self",
            Answer.YES_NO,
            "Füllen Sie den Antrag für sich selbst aus?",
            "„Nein“, wenn Sie jemanden vertreten oder jemand Ihnen nur beim Ausfüllen hilft.",
            required=True,
        ),
        ask(
            "representative_kind",
            Answer.ONE,
            "Wer füllt den Antrag aus?",
            "Davon hängt ab, wer unterschreiben darf und wohin die Post geht.",
            options=options(
                guardian="rechtliche Betreuung",
                proxy="Person mit Vollmacht",
                legal_representative="gesetzliche Vertretung",
                advice_centre="eine Beratungsstelle hilft nur beim Ausfüllen",
            ),
            when=no(_SELF),
            required=True,
            evidence=("E-PROXY",),
            evidence_when=("guardian", "proxy", "legal_representative"),
        ),
        ask(
            "representative_name",
            Answer.TEXT,
            "Name der Vertretung",
            "Vorname und Familienname, oder der Name der Beratungsstelle.",
            when=no(_SELF),
            required=True,
        ),
        ask(
            "representative_address",
            Answer.ADDRESS,
            "Anschrift der Vertretung",
            "Damit das Jobcenter sie erreichen kann.",
            when=is_in(_KIND, "guardian", "proxy", "legal_representative"),
            required=True,
        ),
        ask(
            "mail_to_representative",
            Answer.YES_NO,
            "Soll die Post an die Vertretung gehen?",
            "Sonst geht sie an die Person, für die der Antrag ist.",
            when=is_in(_KIND, "guardian", "proxy"),
            required=True,
        ),
    ),
)

PAYMENT = Section(
    id="payment",
    title="Auszahlung",
    questions=(
        ask(
            "has_account",
            Answer.YES_NO,
            "Haben Sie ein Konto?",
            "Ohne Konto zahlt das Jobcenter auf anderem Weg. Sie haben das Recht auf ein Basiskonto bei jeder Bank.",
            required=True,
        ),
        ask(
            "iban",
            Answer.IBAN,
            "IBAN",
            "Sie steht auf der Bankkarte und auf dem Kontoauszug, zum Beispiel DE02 1203 0000 0000 2020 51.",
            when=yes("payment.has_account"),
            required=True,
        ),
        ask(
            "account_holder",
            Answer.TEXT,
            "Wem gehört das Konto?",
            "Vorname und Familienname. Wenn es nicht Ihr Konto ist, braucht das Jobcenter das Einverständnis der "
            "Person, der es gehört.",
            when=yes("payment.has_account"),
            required=True,
        ),
        ask(
            "direct_to_landlord",
            Answer.YES_NO,
            "Soll das Jobcenter die Miete direkt an die Vermieterin oder den Vermieter zahlen?",
            "Freiwillig (§ 22 SGB II). Dann erfährt die Vermieterin oder der Vermieter, dass Sie Leistungen bekommen.",
            when=is_in("responsibility.residence_situation", "rented_home"),
        ),
    ),
)
