"""The main application for Grundsicherungsgeld (SGB II) as data: core sections of the form.

Order is the order of asking: conditions look back only.
A change that old applications would not satisfy raises the version.
"""

from __future__ import annotations

from shared.form.definition.applicant import APPLICANT, PAYMENT, REPRESENTATION
from shared.form.definition.close import CLOSE
from shared.form.definition.housing import HOUSING
from shared.form.definition.money import ASSETS, INCOME
from shared.form.definition.people import CONDITIONS, HEALTH_INSURANCE, HOUSEHOLD
from shared.form.definition.responsibility import RESPONSIBILITY
from shared.form.model import Annex, Definition, EvidenceKind, Protection

_EVIDENCE = {
    "E-ID": "Personalausweis, Reisepass oder Geburtsurkunde",
    "E-REG": "Meldebescheinigung",
    "E-RES": "Aufenthaltstitel mit Zusatzblatt oder Fiktionsbescheinigung",
    "E-PROXY": "Betreuerausweis oder Vollmacht",
    "E-MED": "Bescheinigung über die Arbeitsunfähigkeit oder Rentenbescheid",
    "E-EDU": "Bescheinigung von Schule, Ausbildungsbetrieb oder Hochschule",
    "E-INST": "Bescheinigung der Einrichtung",
    "E-HI": "Gesundheitskarte oder Bescheinigung der Krankenkasse",
    "E-RENT": "Mietvertrag, letzte Mietänderung, Nachweis der Mietzahlung",
    "E-SETTLE": "Abrechnung der Nebenkosten oder Heizkosten",
    "E-OWN": "Grundbuchauszug, Kaufvertrag, Bescheide zum Eigentum",
    "E-ARREARS": "Mahnung, Kündigung oder Ankündigung der Sperre",
    "E-WORK": "Arbeitsvertrag oder Arbeitsbescheinigung",
    "E-PAY": "Lohnabrechnungen der letzten drei Monate",
    "E-TRADE": "Gewerbeanmeldung",
    "E-BWA": "Betriebswirtschaftliche Auswertung oder Steuerbescheid",
    "E-DECISION": "Bescheid oder Antrag über eine Leistung",
    "E-CUSTODY": "Vereinbarung oder Beschluss zum Umgang",
    "E-BANK": "Kontoauszüge",
    "E-VALUE": "Wertmitteilung oder Depotauszug",
    "E-VEHICLE": "Fahrzeugschein (Zulassungsbescheinigung Teil I)",
    "E-OTHER": "Sonstige Unterlage",
}
_PROTECTED = {"E-MED": Protection.HEALTH}
_ANNEXES = {
    "HA": "Hauptantrag",
    "WEP": "Weitere Person ab 15 Jahren",
    "KI": "Kind unter 15 Jahren",
    "KDU": "Kosten der Unterkunft und Heizung",
    "EK": "Einkommen",
    "EKS": "Einkommen aus Selbstständigkeit",
    "VM": "Vermögen",
    "HG": "Haushaltsgemeinschaft",
    "VE": "Verantwortungsgemeinschaft und Einstehensgemeinschaft",
    "SV": "Sozialversicherung",
    "UH": "Unterhalt",
    "UF": "Unfall oder Schaden durch Dritte",
    "MEB": "Mehrbedarf für Ernährung",
    "BB": "Besonderer Bedarf",
    "BuT": "Bildung und Teilhabe",
}

DEFINITION = Definition(
    service="sgb2-hauptantrag",
    version="1.0.0",
    title="Hauptantrag auf Grundsicherungsgeld (früher Bürgergeld, Arbeitslosengeld II)",
    sections=(
        RESPONSIBILITY,
        APPLICANT,
        REPRESENTATION,
        PAYMENT,
        CONDITIONS,
        HOUSEHOLD,
        HOUSING,
        INCOME,
        ASSETS,
        HEALTH_INSURANCE,
        CLOSE,
    ),
    evidence=tuple(
        EvidenceKind(code=code, label=label, protection=_PROTECTED.get(code, Protection.NORMAL))
        for code, label in _EVIDENCE.items()
    ),
    annexes=tuple(Annex(code=code, label=label) for code, label in _ANNEXES.items()),
)
"""Version 1.0.0."""
