"""The applicant, who acts for them, and where the money goes (paper HA 1)."""

from __future__ import annotations

from shared.form.conditions import every, is_answered, is_in, no, yes
from shared.form.definition._make import EU_COUNTRIES, GENDERS, RESIDENCE_TITLES, ask, options
from shared.form.definition.responsibility import NO_FIXED_HOME
from shared.form.model import Answer, Condition, Not, Protection, Section

_NATIONALITY = "applicant.nationality"
FOREIGN: Condition = Not(of=is_in(_NATIONALITY, "DE"))
_EU: Condition = every(FOREIGN, is_in(_NATIONALITY, *EU_COUNTRIES))
_THIRD_COUNTRY: Condition = every(FOREIGN, Not(of=is_in(_NATIONALITY, *EU_COUNTRIES)))

APPLICANT = Section(
    id="applicant",
    title="Angaben zu Ihnen",
    help="Diese Angaben brauchen wir nur einmal.",
    questions=(
        ask("family_name", Answer.TEXT, "Familienname", required=True, early=True, evidence=("E-ID",)),
        ask("given_names", Answer.TEXT, "Vornamen", help="Alle, wie im Ausweis.", required=True, early=True),
        ask("birth_name", Answer.TEXT, "Geburtsname", help="Nur wenn er anders ist als der Familienname."),
        ask("birth_date", Answer.DATE, "Geburtsdatum", required=True, early=True),
        ask("birth_place", Answer.TEXT, "Geburtsort", required=True),
        ask("birth_country", Answer.COUNTRY, "Geburtsland", required=True),
        ask("gender", Answer.ONE, "Geschlecht", help="Freiwillig.", options=GENDERS),
        ask(
            "nationality",
            Answer.COUNTRIES,
            "Staatsangehörigkeit",
            help="Wenn Sie mehrere haben, geben Sie alle an.",
            required=True,
        ),
        ask(
            "entry_date",
            Answer.DATE,
            "Seit wann leben Sie in Deutschland?",
            when=every(is_answered(_NATIONALITY), FOREIGN),
            required=True,
            evidence=("E-RES",),
        ),
        ask(
            "residence_title",
            Answer.ONE,
            "Ihr Aufenthaltsrecht",
            options=RESIDENCE_TITLES,
            when=every(is_answered(_NATIONALITY), FOREIGN),
            required=True,
            evidence=("E-RES",),
        ),
        ask(
            "title_valid_until",
            Answer.DATE,
            "Der Aufenthaltstitel gilt bis",
            when=is_in(
                "applicant.residence_title", "residence_permit", "temporary_protection", "fictional_certificate"
            ),
        ),
        ask(
            "azr_number",
            Answer.TEXT,
            "AZR-Nummer",
            help="Die Nummer im Ausländerzentralregister steht auf der Rückseite des Aufenthaltstitels. Freiwillig.",
            when=every(is_answered(_NATIONALITY), _THIRD_COUNTRY),
            max_length=20,
        ),
        ask(
            "pkz_number",
            Answer.TEXT,
            "Persönliche Kennnummer (Rumänien oder Bulgarien)",
            help="Sie steht in Ihrem Ausweis. Freiwillig.",
            when=is_in(_NATIONALITY, "RO", "BG"),
            max_length=20,
        ),
        ask(
            "eu_reason",
            Answer.ONE,
            "Warum sind Sie in Deutschland?",
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
            when=every(is_answered(_NATIONALITY), _THIRD_COUNTRY),
            required=True,
            evidence=("E-RES",),
        ),
        ask(
            "asylblg_current",
            Answer.YES_NO,
            "Bekommen Sie Leistungen nach dem Asylbewerberleistungsgesetz?",
            when=every(is_answered(_NATIONALITY), FOREIGN),
            required=True,
            evidence=("E-DECISION",),
        ),
        ask(
            "pension_insurance",
            Answer.ONE,
            "Haben Sie eine Rentenversicherungsnummer?",
            options=options(known="Ja", applied_for="Sie ist beantragt", unknown="Ich weiß sie nicht"),
            required=True,
        ),
        ask(
            "pension_insurance_number",
            Answer.TEXT,
            "Rentenversicherungsnummer",
            help="Sie steht auf dem Sozialversicherungsausweis und auf Briefen der Rentenversicherung, "
            "zum Beispiel 65170839J003.",
            pattern=r"^[0-9]{8}[A-Z][0-9]{3}$",
            when=is_in("applicant.pension_insurance", "known"),
            required=True,
        ),
        ask("tax_id", Answer.TEXT, "Steuer-ID", help="11 Ziffern. Freiwillig.", pattern="^[0-9]{11}$"),
        ask(
            "marital_status",
            Answer.ONE,
            "Familienstand",
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
            when=every(is_answered("applicant.marital_status"), Not(of=is_in("applicant.marital_status", "single"))),
            required=True,
        ),
        ask(
            "address",
            Answer.ADDRESS,
            "Ihre Anschrift",
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
            help="Zum Beispiel über eine Beratungsstelle. Freiwillig, aber ohne Angabe kann die Antwort länger dauern.",
            when=NO_FIXED_HOME,
            max_length=500,
        ),
        ask("phone", Answer.TEXT, "Telefon", help="Freiwillig, nur für Rückfragen.", pattern=r"^[0-9+()/ -]{4,40}$"),
        ask(
            "email",
            Answer.TEXT,
            "E-Mail",
            help="Freiwillig, nur für Rückfragen.",
            pattern=r"^[^@\s\u0000-\u001F]{1,64}@[^@\s\u0000-\u001F]{1,120}$",
            max_length=185,
        ),
        ask(
            "contact_language",
            Answer.TEXT,
            "In welcher Sprache möchten Sie sprechen?",
            help="Freiwillig.",
            max_length=60,
        ),
        ask(
            "interpreter",
            Answer.YES_NO,
            "Brauchen Sie eine Dolmetscherin oder einen Dolmetscher?",
            help="Auch für Gebärdensprache.",
        ),
        ask(
            "desired_start",
            Answer.ONE,
            "Ab wann brauchen Sie Leistungen?",
            help="Der Antrag wirkt auf den Ersten dieses Monats zurück.",
            options=options(this_month="ab diesem Monat", later="ab einem späteren Monat"),
            required=True,
        ),
        ask(
            "desired_start_date",
            Answer.DATE,
            "Ab welchem Tag?",
            when=is_in("applicant.desired_start", "later"),
            required=True,
        ),
        ask(
            "urgent_need",
            Answer.MANY,
            "Ist es dringend?",
            help="Dann kann das Jobcenter vorläufig zahlen.",
            options=options(
                no_food_money="Ich habe kein Geld für Essen",
                rent_arrears="Ich kann die Miete nicht bezahlen",
                eviction="Mir droht die Kündigung oder Räumung",
                energy_cut_off="Strom, Gas oder Wasser werden abgestellt",
            ),
            evidence=("E-ARREARS",),
        ),
        ask(
            "previous_benefits",
            Answer.YES_NO,
            "Haben Sie schon einmal Leistungen von einem Jobcenter bekommen?",
            required=True,
            evidence=("E-DECISION",),
        ),
        ask(
            "previous_jobcenter",
            Answer.TEXT,
            "Von welchem Jobcenter?",
            when=yes("applicant.previous_benefits"),
            required=True,
        ),
        ask("previous_until", Answer.DATE, "Bis wann ungefähr?", when=yes("applicant.previous_benefits")),
        ask(
            "previous_number",
            Answer.TEXT,
            "Kundennummer oder Nummer der Bedarfsgemeinschaft",
            when=yes("applicant.previous_benefits"),
            max_length=40,
        ),
    ),
)

_SELF = "representation.acts_for_self"
_KIND = "representation.representative_kind"

REPRESENTATION = Section(
    id="representation",
    title="Vertretung",
    questions=(
        ask("acts_for_self", Answer.YES_NO, "Füllen Sie den Antrag für sich selbst aus?", required=True),
        ask(
            "representative_kind",
            Answer.ONE,
            "Wer füllt den Antrag aus?",
            options=options(
                guardian="rechtliche Betreuung",
                proxy="Person mit Vollmacht",
                legal_representative="gesetzliche Vertretung",
                advice_centre="eine Beratungsstelle hilft nur beim Ausfüllen",
            ),
            when=no(_SELF),
            required=True,
            evidence=("E-PROXY",),
        ),
        ask("representative_name", Answer.TEXT, "Name der Vertretung", when=no(_SELF), required=True),
        ask(
            "representative_address",
            Answer.ADDRESS,
            "Anschrift der Vertretung",
            when=is_in(_KIND, "guardian", "proxy", "legal_representative"),
            required=True,
        ),
        ask(
            "mail_to_representative",
            Answer.YES_NO,
            "Soll die Post an die Vertretung gehen?",
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
            help="Ohne Konto zahlt das Jobcenter auf anderem Weg. Sie haben das Recht auf ein Basiskonto.",
            required=True,
        ),
        ask(
            "iban",
            Answer.IBAN,
            "IBAN",
            help="Sie steht auf der Bankkarte und auf dem Kontoauszug.",
            when=yes("payment.has_account"),
            required=True,
        ),
        ask(
            "account_holder",
            Answer.TEXT,
            "Wem gehört das Konto?",
            help="Wenn es nicht Ihr Konto ist, brauchen wir das Einverständnis der Inhaberin oder des Inhabers.",
            when=yes("payment.has_account"),
            required=True,
        ),
        ask(
            "direct_to_landlord",
            Answer.YES_NO,
            "Soll das Jobcenter die Miete direkt an die Vermieterin oder den Vermieter zahlen?",
            when=is_in("responsibility.residence_situation", "rented_home"),
        ),
    ),
)
