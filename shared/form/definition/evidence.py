"""Kinds of evidence, the paper annexes with their triggers (form.md, section 15), and the flags."""

from __future__ import annotations

from shared.form.conditions import either, every, fact, is_answered, is_in, yes
from shared.form.definition.responsibility import WOMENS_SHELTER
from shared.form.model import Annex, Condition, EvidenceKind, Fact, Flag, Not, Protection

_KINDS: tuple[tuple[str, str, str], ...] = (
    ("E-ID", "Personalausweis, Reisepass oder Geburtsurkunde", "Vorderseite und Rückseite. Ein Foto genügt."),
    ("E-REG", "Meldebescheinigung", "Nur nötig, wenn die Anschrift nicht auf dem Ausweis steht."),
    ("E-RES", "Aufenthaltstitel mit Zusatzblatt oder Fiktionsbescheinigung", "Vorderseite, Rückseite, Zusatzblatt."),
    ("E-PROXY", "Betreuerausweis oder Vollmacht", "Alle Seiten."),
    ("E-MED", "Bescheinigung über die Arbeitsunfähigkeit oder Rentenbescheid", "Ohne Diagnose: die Seite für den "
     "Arbeitgeber genügt."),
    ("E-EDU", "Bescheinigung von Schule, Ausbildungsbetrieb oder Hochschule", "Auch der Bescheid über BAföG oder "
     "Berufsausbildungsbeihilfe."),
    ("E-INST", "Bescheinigung der Einrichtung", "Mit dem Tag der Aufnahme."),
    ("E-CARE", "Bescheid über den Pflegegrad", "Die erste Seite genügt."),
    ("E-PREG", "Mutterpass oder ärztliche Bescheinigung", "Die Seite mit dem Tag der Geburt. Anderes abdecken."),
    ("E-DIET", "Ärztliche Bescheinigung über die Ernährung", "Das Jobcenter schützt sie besonders."),
    ("E-PASS", "Schwerbehindertenausweis", "Vorderseite und Rückseite."),
    ("E-NEED", "Nachweis über den besonderen Bedarf", "Rechnungen oder die Vereinbarung zum Umgang."),
    ("E-HI", "Gesundheitskarte oder Bescheinigung der Krankenkasse", "Bei privater Versicherung der Vertrag und der "
     "letzte Beitrag."),
    ("E-RENT", "Mietvertrag, letzte Mietänderung, Nachweis der Mietzahlung", "Alle Seiten. Als Nachweis der Zahlung "
     "genügt ein Kontoauszug."),
    ("E-HEAT", "Vertrag mit dem Versorger oder Rechnung für Brennstoff", "Die Seite mit dem Abschlag."),
    ("E-WATER", "Bescheinigung über Boiler oder Durchlauferhitzer", "Ein Foto vom Gerät oder ein Satz der Vermietung."),
    ("E-SETTLE", "Abrechnung der Nebenkosten oder Heizkosten", "Die letzte, alle Seiten."),
    ("E-OWN", "Grundbuchauszug, Kaufvertrag, Bescheide zum Eigentum", "Auch die Zinsbescheinigung der Bank."),
    ("E-ARREARS", "Mahnung, Kündigung oder Ankündigung der Sperre", "Das letzte Schreiben."),
    ("E-WORK", "Arbeitsvertrag oder Arbeitsbescheinigung", "Bei beendeter Arbeit auch die Kündigung."),
    ("E-PAY", "Lohnabrechnungen der letzten drei Monate", "Bei schwankendem Lohn sechs Monate."),
    ("E-TRADE", "Gewerbeanmeldung", "Oder die Anmeldung beim Finanzamt."),
    ("E-BWA", "Betriebswirtschaftliche Auswertung oder Steuerbescheid", "Die letzte."),
    ("E-DECISION", "Bescheid oder Antrag über eine Leistung", "Alle Seiten."),
    ("E-CUSTODY", "Vereinbarung oder Beschluss zum Umgang", "Wenn es eine gibt."),
    ("E-TITLE", "Urkunde, Urteil oder Nachweis zum Unterhalt", "Auch der Nachweis der Zahlung."),
    ("E-INSURANCE", "Rechnungen der Versicherungen", "Die letzte Rechnung genügt."),
    ("E-BANK", "Kontoauszüge", "Der letzten drei Monate, von allen Konten. Bei Ausgaben dürfen Sie schwärzen, was "
     "Religion, Partei, Gewerkschaft, Gesundheit oder Sexualleben verrät."),
    ("E-VALUE", "Wertmitteilung oder Depotauszug", "Die letzte Jahresmitteilung genügt."),
    ("E-VEHICLE", "Fahrzeugschein (Zulassungsbescheinigung Teil I)", "Vorderseite und Rückseite."),
    ("E-SCHOOL", "Bescheinigung von Kita, Schule oder Verein", "Auch der Brief zur Klassenfahrt oder Rechnungen."),
    ("E-ACCIDENT", "Unterlagen zum Unfall oder Schaden", "Schreiben von Polizei, Versicherung oder Anwalt."),
    ("E-COST", "Kostenvoranschlag oder Angebot", "Wenn Sie schon eines haben."),
    ("E-OTHER", "Sonstige Unterlage", "Alles, was die Angabe belegt."),
)  # fmt: skip
_HEALTH = ("E-MED", "E-PREG", "E-DIET", "E-PASS", "E-NEED")
_EACH_QUESTION = ("E-DECISION", "E-OTHER", "E-TITLE", "E-RENT")

_OPTIONAL = ("E-REG", "E-CUSTODY", "E-CARE", "E-WATER", "E-SETTLE", "E-COST", "E-SCHOOL", "E-INSURANCE")
EVIDENCE = tuple(
    EvidenceKind(
        code=code,
        label=label,
        help=help_text,
        protection=Protection.HEALTH if code in _HEALTH else Protection.NORMAL,
        optional=code in _OPTIONAL,
        each_question=code in _EACH_QUESTION,
    )
    for code, label, help_text in _KINDS
)

_OTHERS = every(fact(Fact.SPOKEN_FOR), Not(of=fact(Fact.APPLICANT)))


def _annex(code: str, label: str, *, when: Condition | None = None, each: Condition | None = None) -> Annex:
    return Annex(code=code, label=label, when=when, each=each)


ANNEXES = (
    _annex("HA", "Hauptantrag"),
    _annex("WEP", "Weitere Person ab 15 Jahren", each=every(_OTHERS, fact(Fact.AGE_15_OR_OLDER))),
    _annex("KI", "Kind unter 15 Jahren", each=every(_OTHERS, fact(Fact.UNDER_15))),
    _annex("KDU", "Kosten der Unterkunft und Heizung", when=is_answered("housing.housing_kind")),
    _annex("EK", "Einkommen", each=either(fact(Fact.APPLICANT), every(_OTHERS, fact(Fact.AGE_15_OR_OLDER)))),
    _annex("EKS", "Einkommen aus Selbstständigkeit", each=is_in("income.kinds", "self_employment")),
    _annex("VM", "Vermögen"),
    _annex("HG", "Haushaltsgemeinschaft", each=fact(Fact.HOUSEHOLD_RELATIVE)),
    _annex("VE", "Verantwortungsgemeinschaft und Einstehensgemeinschaft", each=fact(Fact.RESPONSIBILITY)),
    _annex("SV", "Sozialversicherung", each=is_in("health_insurance.kind", "private", "none", "voluntary", "abroad")),
    _annex("UH-spouse", "Unterhalt: Trennung und Scheidung", each=fact(Fact.MAINTENANCE_SPOUSE)),
    _annex("UH-care", "Unterhalt: Betreuung eines Kindes", each=fact(Fact.MAINTENANCE_CARE)),
    _annex("UH-child", "Unterhalt: Kind", each=fact(Fact.MAINTENANCE_CHILD)),
    _annex("UH-parents", "Unterhalt: Eltern", each=fact(Fact.MAINTENANCE_PARENTS)),
    _annex("UF", "Unfall oder Schaden durch Dritte", when=is_in("prior_claims.claims", "third_party_damage")),
    _annex("MEB", "Mehrbedarf für Ernährung", each=yes("additional_needs.costly_diet")),
    _annex("BB", "Besonderer Bedarf", each=yes("additional_needs.special_need_ongoing")),
    _annex("BuT", "Bildung und Teilhabe", each=is_in(
        "education_participation.but_needs",
        "trips", "supplies", "transport", "learning_support", "lunch", "activities",
    )),
)  # fmt: skip

FLAGS = (
    Flag(
        id="confidential_address",
        label="Anschrift geheim halten",
        text="Die antragstellende Person lebt in einem Frauenhaus. Anschrift und Ort niemandem mitteilen, auch "
        "nicht der Familie oder Unterhaltspflichtigen. Zugriff auf die Akte beschränken (§ 35 SGB I).",
        when=WOMENS_SHELTER,
        protection=Protection.PROTECTED_ADDRESS,
    ),
    Flag(
        id="urgent",
        label="Eilt",
        text="Die Person gibt eine Notlage an. Bitte sofort prüfen, ob ein Vorschuss zu zahlen ist (§ 42 SGB I).",
        when=is_answered("applicant.urgent_need"),
    ),
    Flag(
        id="do_not_contact",
        label="Die andere Seite nicht anschreiben",
        text="Es gibt Gründe, wegen des Unterhalts niemanden anzuschreiben. Bitte zuerst mit der Person sprechen.",
        each=yes("maintenance.hardship"),
    ),
    Flag(
        id="speaks_for_self",
        label="Wird nicht vertreten",
        text="Die antragstellende Person spricht nicht für diese Person (§ 38 SGB II). Bitte bei ihr selbst "
        "nachfragen.",
        each=fact(Fact.SPEAKS_FOR_SELF),
    ),
)
"""What a case worker must see first."""
