"""Self-employment (annex EKS): the trade and the forecast of six months."""

from __future__ import annotations

from shared.form.conditions import is_in, yes
from shared.form.definition._make import ask, options
from shared.form.model import Answer, Question

_SELF = is_in("income.kinds", "self_employment")


def _eks(
    question_id: str, kind: Answer, label: str, help_text: str, *, required: bool = True, **more: object
) -> Question:
    return ask(question_id, kind, label, help_text, required=required, annex="EKS", **({"when": _SELF} | more))


SELF_EMPLOYMENT = (
    _eks(
        "trade",
        Answer.TEXT,
        "Womit sind Sie selbstständig?",
        "Zum Beispiel „Fliesenlegen“ oder „Übersetzungen“.",
        label_other="Womit ist {name} selbstständig?",
        page="Selbstständigkeit",
        evidence=("E-TRADE", "E-BWA"),
    ),
    _eks(
        "trade_since",
        Answer.DATE,
        "Seit wann sind Sie selbstständig?",
        "Das Datum steht in der Gewerbeanmeldung.",
        label_other="Seit wann ist {name} selbstständig?",
        latest_days=31,
    ),
    _eks(
        "trade_main",
        Answer.ONE,
        "Haupt- oder Nebenberuf?",
        "Nebenberuf ist, was weniger Zeit braucht als eine andere Arbeit.",
        required=False,
        options=options(main="Hauptberuf", side="Nebenberuf"),
    ),
    _eks(
        "trade_vat",
        Answer.YES_NO,
        "Zahlen Sie Umsatzsteuer?",
        "„Nein“, wenn Sie Kleinunternehmerin oder Kleinunternehmer sind (§ 19 UStG).",
        label_other="Zahlt {name} Umsatzsteuer?",
        required=False,
    ),
    _eks(
        "trade_staff",
        Answer.INTEGER,
        "Wie viele Menschen beschäftigen Sie?",
        "Wenn niemanden, schreiben Sie 0.",
        label_other="Wie viele Menschen beschäftigt {name}?",
        required=False,
        maximum=1000,
    ),
    _eks(
        "forecast_receipts",
        Answer.MONEY,
        "Einnahmen des Betriebs in den nächsten sechs Monaten",
        "Schätzen Sie, zum Beispiel aus den letzten sechs Monaten. Später zeigen Sie die wirklichen Zahlen.",
        page="Schätzung für sechs Monate",
        required=False,
    ),
    _eks(
        "forecast_goods",
        Answer.MONEY,
        "Ausgaben für Waren und Material",
        "Ausgaben mindern den Gewinn. Für sechs Monate zusammen, zum Beispiel Fliesen und Kleber.",
        required=False,
    ),
    _eks(
        "forecast_staff",
        Answer.MONEY,
        "Ausgaben für Personal",
        "Löhne und Beiträge für sechs Monate.",
        required=False,
    ),
    _eks(
        "forecast_premises",
        Answer.MONEY,
        "Ausgaben für Räume",
        "Miete, Strom und Heizung des Betriebs für sechs Monate.",
        required=False,
    ),
    _eks(
        "forecast_vehicle",
        Answer.MONEY,
        "Ausgaben für das Fahrzeug des Betriebs",
        "Benzin, Versicherung, Reparaturen für sechs Monate.",
        required=False,
    ),
    _eks(
        "forecast_other",
        Answer.MONEY,
        "Andere Ausgaben des Betriebs",
        "Zum Beispiel Werbung, Telefon, Versicherungen, Steuerberatung.",
        required=False,
    ),
    _eks(
        "trade_profit_6_months",
        Answer.MONEY,
        "Gewinn in den nächsten sechs Monaten, geschätzt",
        "Einnahmen minus Ausgaben. Ein Verlust ist ein Minusbetrag, zum Beispiel -300.",
        minimum=-100_000_000,
    ),
    _eks(
        "trade_loans",
        Answer.YES_NO,
        "Gibt es Kredite des Betriebs?",
        "Zinsen mindern den Gewinn. Zum Beispiel für eine Maschine oder das Fahrzeug.",
        required=False,
    ),
    _eks(
        "trade_loan_monthly",
        Answer.MONEY,
        "Rate der Kredite im Monat",
        "Zinsen mindern den Gewinn, die Tilgung meist nicht. Beides zusammen, wie im Kreditvertrag.",
        when=yes("income.trade_loans"),
    ),
    _eks(
        "trade_withdrawals_monthly",
        Answer.MONEY,
        "Wie viel entnehmen Sie im Monat für sich?",
        "Geld vom Betriebskonto für Ihr Leben.",
        label_other="Wie viel entnimmt {name} im Monat für sich?",
        required=False,
    ),
)
