"""The applicant (paper HA 1)."""

from __future__ import annotations

from shared.form.conditions import every, is_answered, is_in, yes
from shared.form.definition._make import (
    EU_COUNTRIES,
    GENDERS,
    HUMANITARIAN_TITLES,
    RESIDENCE_TITLES,
    ask,
    notice,
    options,
)
from shared.form.definition.notices import AGES
from shared.form.definition.responsibility import NO_FIXED_HOME, OBLIGATION_HELP, REFUGEE_ACCOMMODATION
from shared.form.model import Answer, Condition, Doubt, Not, Protection, Section

_NATIONALITY = "applicant.nationality"
_STATUS = "applicant.marital_status"
FOREIGN: Condition = every(is_answered(_NATIONALITY), Not(of=is_in(_NATIONALITY, "DE")))
_EU: Condition = every(FOREIGN, is_in(_NATIONALITY, *EU_COUNTRIES))
_THIRD_COUNTRY: Condition = every(FOREIGN, Not(of=is_in(_NATIONALITY, *EU_COUNTRIES)))
_OBLIGED = is_in("applicant.residence_obligation", "yes")

_PERSON = (
    ask(
        "family_name",
        Answer.TEXT,
        "Familienname",
        "So wie er im Ausweis oder Reisepass steht.",
        required=True,
        early=True,
        evidence=("E-ID",),
    ),
    ask(
        "given_names",
        Answer.TEXT,
        "Vornamen",
        "Alle Vornamen, wie im Ausweis oder Reisepass.",
        required=True,
        early=True,
    ),
    ask(
        "birth_date",
        Answer.DATE,
        "Geburtsdatum",
        "Zum Beispiel 3.7.1984. Vom Alter hängt ab, was wir Sie fragen. Ab 15 Jahren dürfen Sie selbst einen "
        "Antrag stellen.",
        required=True,
        early=True,
        latest_days=0,
        notices=AGES,
    ),
    ask(
        "birth_name",
        Answer.TEXT,
        "Geburtsname",
        "Nur wenn er anders ist als der Familienname, zum Beispiel nach einer Heirat.",
        page="Geburt und Staatsangehörigkeit",
    ),
    ask("birth_place", Answer.TEXT, "Geburtsort", "Er steht im Ausweis oder Reisepass.", required=True),
    ask("birth_country", Answer.COUNTRY, "Geburtsland", "Das Land, zu dem der Ort heute gehört.", required=True),
    ask("gender", Answer.ONE, "Geschlecht", "Freiwillig. Das Jobcenter schreibt Sie dann richtig an.", options=GENDERS),
    ask(
        "nationality",
        Answer.COUNTRIES,
        "Staatsangehörigkeit",
        "Wenn Sie mehrere haben, geben Sie alle an. Sie stehen im Ausweis oder Reisepass.",
        required=True,
    ),
)

_RESIDENCE = (
    ask(
        "entry_date",
        Answer.DATE,
        "Seit wann leben Sie in Deutschland?",
        "Der Tag Ihrer letzten Einreise, um hier zu leben. Wenn Sie ihn nicht genau wissen, nehmen Sie den "
        "Ersten des Monats.",
        page="Ihr Aufenthalt in Deutschland",
        when=FOREIGN,
        required=True,
        evidence=("E-RES",),
        latest_days=0,
    ),
    ask(
        "residence_title",
        Answer.ONE,
        "Ihr Aufenthaltsrecht",
        "Davon hängt ab, ob Sie Leistungen vom Jobcenter bekommen können. Es steht auf der Karte oder im Pass.",
        options=RESIDENCE_TITLES,
        when=FOREIGN,
        required=True,
        evidence=("E-RES",),
    ),
    ask(
        "title_valid_until",
        Answer.DATE,
        "Der Aufenthaltstitel gilt bis",
        "Das Datum steht auf der Vorderseite der Karte.",
        when=is_in("applicant.residence_title", "residence_permit", "temporary_protection", "fictional_certificate"),
    ),
    ask(
        "residence_obligation",
        Answer.YES_NO_UNKNOWN,
        "Hat die Ausländerbehörde festgelegt, an welchem Ort Sie wohnen müssen?",
        OBLIGATION_HELP,
        when=every(is_in("applicant.residence_title", *HUMANITARIAN_TITLES), Not(of=REFUGEE_ACCOMMODATION)),
        required=True,
    ),
    ask(
        "obligation_postcode",
        Answer.POSTCODE,
        "Postleitzahl des festgelegten Ortes",
        "Der Ort steht im Bescheid der Ausländerbehörde. Dann bekommt das Jobcenter an diesem Ort den Antrag.",
        when=_OBLIGED,
        required=True,
        early=True,
    ),
    ask(
        "obligation_municipality",
        Answer.MUNICIPALITY,
        "Stadt oder Gemeinde des festgelegten Ortes",
        "Sie steht im Bescheid der Ausländerbehörde.",
        when=_OBLIGED,
    ),
    ask(
        "azr_number",
        Answer.TEXT,
        "AZR-Nummer",
        "Freiwillig. Die Nummer im Ausländerzentralregister hat zwölf Ziffern und steht auf der Rückseite des "
        "Aufenthaltstitels.",
        when=_THIRD_COUNTRY,
        max_length=20,
    ),
    ask(
        "pkz_number",
        Answer.TEXT,
        "Persönliche Kennnummer (Rumänien oder Bulgarien)",
        "Freiwillig. Sie steht in Ihrem Ausweis (CNP oder EGN).",
        when=every(FOREIGN, is_in(_NATIONALITY, "RO", "BG")),
        max_length=20,
    ),
    ask(
        "eu_reason",
        Answer.ONE,
        "Warum sind Sie in Deutschland?",
        "Bei Bürgerinnen und Bürgern der EU hängt davon ab, ob sie Leistungen bekommen können.",
        options=options(
            work="Ich arbeite hier",
            job_search="Ich suche Arbeit",
            family="wegen der Familie",
            self_employment="Ich bin selbstständig",
            permanent_right="Ich habe ein Daueraufenthaltsrecht",
        ),
        when=_EU,
        required=True,
        evidence=("E-WORK", "E-REG"),
    ),
    ask(
        "commitment_declaration",
        Answer.YES_NO_UNKNOWN,
        "Hat jemand eine Verpflichtungserklärung für Sie abgegeben?",
        "Damit verspricht jemand der Ausländerbehörde, für Ihren Lebensunterhalt zu zahlen, zum Beispiel für ein "
        "Visum (§ 68 AufenthG).",
        when=_THIRD_COUNTRY,
        required=True,
        evidence=("E-RES",),
        evidence_when=("yes",),
    ),
    ask(
        "asylblg_current",
        Answer.YES_NO,
        "Bekommen Sie Leistungen nach dem Asylbewerberleistungsgesetz?",
        "Meistens vom Sozialamt. Es steht auf dem Bescheid. Beides zugleich gibt es nicht.",
        when=FOREIGN,
        required=True,
        evidence=("E-DECISION",),
    ),
)

_CONTACT = (
    ask(
        "address",
        Answer.ADDRESS,
        "Ihre Anschrift",
        "Dorthin schickt das Jobcenter die Post. Wenn Ihr Name nicht am Briefkasten steht, füllen Sie „bei“ aus.",
        page="Anschrift und Erreichbarkeit",
        when=Not(of=NO_FIXED_HOME),
        required=True,
        early=True,
        evidence=("E-REG",),
        protection=Protection.PROTECTED_ADDRESS,
    ),
    ask(
        "reachable_at",
        Answer.LONG,
        "Wie kann das Jobcenter Sie erreichen?",
        "Zum Beispiel über eine Beratungsstelle oder einen Tagestreff. Freiwillig, aber ohne Angabe kann die "
        "Antwort länger dauern.",
        when=NO_FIXED_HOME,
        max_length=500,
    ),
    ask(
        "phone",
        Answer.TEXT,
        "Telefon",
        "Freiwillig, nur für Rückfragen, zum Beispiel 06103 123456. Ohne Telefon haben Sie keinen Nachteil.",
        pattern=r"^[0-9+()/ -]{4,40}$",
    ),
    ask(
        "email",
        Answer.TEXT,
        "E-Mail",
        "Freiwillig, nur für Rückfragen, zum Beispiel name@beispiel.de. Ohne E-Mail haben Sie keinen Nachteil.",
        pattern=r"^[^@\s\u0000-\u001F]{1,64}@[^@\s\u0000-\u001F]{1,120}$",
        max_length=185,
    ),
    ask(
        "contact_language",
        Answer.TEXT,
        "In welcher Sprache möchten Sie sprechen?",
        "Freiwillig. Nur wenn es nicht Deutsch ist, zum Beispiel Ukrainisch oder Gebärdensprache.",
        max_length=60,
    ),
    ask(
        "interpreter",
        Answer.YES_NO,
        "Brauchen Sie eine Dolmetscherin oder einen Dolmetscher?",
        "Auch für Gebärdensprache. Das Jobcenter bereitet sich dann auf das Gespräch vor.",
        when=is_answered("applicant.contact_language"),
    ),
)

_MORE = (
    ask(
        "marital_status",
        Answer.ONE,
        "Familienstand",
        "Davon hängt ab, ob andere Menschen für Sie sorgen müssen.",
        page="Familienstand und Versicherungsnummern",
        options=options(
            single="ledig",
            married="verheiratet",
            partnership="eingetragene Lebenspartnerschaft",
            separated="dauernd getrennt lebend",
            divorced="geschieden",
            widowed="verwitwet",
        ),
        required=True,
    ),
    ask(
        "marital_status_since",
        Answer.DATE,
        "Seit wann?",
        "Zum Beispiel der Tag der Heirat, der Trennung oder der Scheidung. Ungefähr genügt.",
        when=every(is_answered(_STATUS), Not(of=is_in(_STATUS, "single"))),
        required=True,
        latest_days=0,
    ),
    ask(
        "pension_insurance",
        Answer.ONE,
        "Haben Sie eine Rentenversicherungsnummer?",
        "Das Jobcenter meldet Sie damit bei der Kranken- und Rentenversicherung. Auf einer Lohnabrechnung steht sie "
        "auch als SV-Nummer.",
        options=options(known="Ja", applied_for="Sie ist beantragt", unknown="Ich weiß sie nicht"),
        required=True,
    ),
    ask(
        "pension_insurance_number",
        Answer.TEXT,
        "Rentenversicherungsnummer",
        "Sie steht auf dem Sozialversicherungsausweis und auf Briefen der Rentenversicherung, zum Beispiel "
        "65170839J003.",
        pattern=r"^[0-9]{8}[A-Z][0-9]{3}$",
        when=is_in("applicant.pension_insurance", "known"),
        required=True,
        notices=notice(
            "check_digit",
            Doubt.PENSION_NUMBER,
            "Bitte vergleichen Sie die Rentenversicherungsnummer",
            "Die letzte Ziffer passt nicht zu den anderen. Meist ist das ein Tippfehler. Wenn die Nummer genau so auf "
            "Ihrem Ausweis oder Brief steht, lassen Sie sie so.",
        ),
    ),
    ask(
        "tax_id",
        Answer.TEXT,
        "Steuer-ID",
        "Freiwillig. 11 Ziffern, auf dem Steuerbescheid und der Lohnsteuerbescheinigung.",
        pattern="^[0-9]{11}$",
        notices=notice(
            "check_digit",
            Doubt.TAX_ID,
            "Bitte vergleichen Sie die Steuer-ID",
            "Die Ziffern passen nicht zusammen. Meist ist das ein Tippfehler. Wenn die Nummer genau so auf Ihrem "
            "Bescheid steht, lassen Sie sie so.",
        ),
    ),
    ask(
        "desired_start",
        Answer.ONE,
        "Ab wann brauchen Sie Leistungen?",
        "Der Antrag wirkt auf den Ersten des Monats zurück, in dem er ankommt (§ 37 SGB II).",
        page="Beginn und Dringlichkeit",
        options=options(this_month="ab diesem Monat", later="ab einem späteren Monat"),
        required=True,
    ),
    ask(
        "desired_start_date",
        Answer.DATE,
        "Ab welchem Tag?",
        "Zum Beispiel der Tag, an dem Ihr Arbeitslosengeld endet.",
        when=is_in("applicant.desired_start", "later"),
        required=True,
        earliest_days=0,
        latest_days=366,
    ),
    ask(
        "urgent_need",
        Answer.MANY,
        "Ist es dringend?",
        "Dann kann das Jobcenter einen Vorschuss zahlen (§ 42 SGB I). Lassen Sie die Frage frei, wenn nichts zutrifft.",
        options=options(
            no_food_money="Ich habe kein Geld für Essen",
            rent_arrears="Ich kann die Miete nicht bezahlen",
            eviction="Mir droht die Kündigung oder Räumung",
            energy_cut_off="Strom, Gas oder Wasser werden abgestellt",
        ),
        evidence=("E-ARREARS",),
        evidence_when=("rent_arrears", "eviction", "energy_cut_off"),
        notices=notice(
            "urgent",
            is_answered("applicant.urgent_need"),
            "Rufen Sie das Jobcenter gleich an",
            "Ihr Antrag wird als eilig gekennzeichnet. Sagen Sie am Telefon, dass Sie einen Vorschuss brauchen. "
            "Damit müssen Sie nicht warten, bis alles ausgefüllt ist: In der Übersicht können Sie "
            "Ihr Antragsdatum jetzt sichern.",
        ),
    ),
    ask(
        "previous_benefits",
        Answer.YES_NO,
        "Haben Sie schon einmal Leistungen von einem Jobcenter bekommen?",
        "Dann findet das Jobcenter frühere Unterlagen und fragt nicht alles noch einmal.",
        required=True,
        evidence=("E-DECISION",),
    ),
    ask(
        "previous_jobcenter",
        Answer.TEXT,
        "Von welchem Jobcenter?",
        "Zum Beispiel „Jobcenter Kreis Offenbach“. Es steht oben auf dem Bescheid.",
        when=yes("applicant.previous_benefits"),
        required=True,
    ),
    ask(
        "previous_until",
        Answer.DATE,
        "Bis wann haben Sie dort ungefähr Leistungen bekommen?",
        "Es steht auf dem letzten Bescheid. Ungefähr genügt.",
        when=yes("applicant.previous_benefits"),
    ),
    ask(
        "previous_number",
        Answer.TEXT,
        "Kundennummer oder Nummer der Bedarfsgemeinschaft",
        "Freiwillig. Sie steht oben auf jedem Brief des Jobcenters.",
        when=yes("applicant.previous_benefits"),
        max_length=40,
    ),
)

APPLICANT = Section(
    id="applicant",
    title="Angaben zu Ihnen",
    help="Diese Angaben brauchen wir nur einmal. Nach dieser Seite können Sie sich schon das Datum sichern.",
    questions=(*_PERSON, *_CONTACT, *_RESIDENCE, *_MORE),
)
