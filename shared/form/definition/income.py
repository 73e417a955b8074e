"""Income of everyone of 15 and more (annex EK), self-employment (annex EKS)."""

from __future__ import annotations

from shared.form.conditions import every, fact, is_answered, is_in, yes
from shared.form.definition._make import ask, options
from shared.form.definition.conditions import GROWN_UP
from shared.form.definition.trade import SELF_EMPLOYMENT
from shared.form.model import Answer, Fact, Not, Repeat, Section

_KINDS = "income.kinds"
_WORK = options(employment="Arbeit", minijob="Minijob", training_pay="Ausbildung")
_SELF = options(self_employment="Selbstständigkeit")
_BENEFITS = options(
    alg1="Arbeitslosengeld",
    sickness_benefit="Krankengeld",
    parental_allowance="Elterngeld",
    maternity="Mutterschaftsgeld",
    old_age_pension="Altersrente",
    disability_pension="Erwerbsminderungsrente",
    survivors_pension="Witwenrente, Witwerrente oder Waisenrente",
    accident_pension="Unfallrente",
    foreign_pension="Rente aus dem Ausland",
    child_supplement="Kinderzuschlag",
    housing_benefit="Wohngeld",
    advance_maintenance="Unterhaltsvorschuss",
    training_grant="BAföG oder Berufsausbildungsbeihilfe",
    short_time_work="Kurzarbeitergeld",
    insolvency_money="Insolvenzgeld",
)
_OTHER = options(
    child_benefit="Kindergeld",
    maintenance="Unterhalt",
    rental="Miete oder Pacht",
    interest="Zinsen oder Dividenden",
    tax_refund="Steuererstattung",
    one_off="Erbschaft oder andere einmalige Einnahme",
    family_support="Unterstützung von der Familie",
    foster_money="Pflegegeld für Pflegekinder",
    volunteer_allowance="Aufwandsentschädigung im Ehrenamt",
    compensation="Entschädigung",
    foreign="Einnahmen aus dem Ausland",
)
_WORKING = is_in(_KINDS, *(option.value for option in _WORK))
_HAS_INCOME = every(is_answered(_KINDS), Not(of=is_in(_KINDS, "none")))

_JOB = (
    ask(
        "kind",
        Answer.ONE,
        "Was für eine Arbeit ist es?",
        "Es steht im Vertrag. In einem Minijob verdienen Sie höchstens die Minijob-Grenze.",
        options=_WORK,
        required=True,
    ),
    ask("employer", Answer.TEXT, "Arbeitgeber", "Name der Firma oder Person, für die Sie arbeiten.", required=True),
    ask(
        "since",
        Answer.DATE,
        "Beginn der Arbeit",
        "Davon hängt ab, ab wann der Lohn zählt. Er steht im Arbeitsvertrag.",
        required=True,
        latest_days=31,
    ),
    ask("until", Answer.DATE, "Ende der Arbeit", "Nur wenn die Arbeit befristet oder schon zu Ende ist."),
    ask(
        "weekly_hours",
        Answer.INTEGER,
        "Stunden in der Woche",
        "Wie im Arbeitsvertrag, oder im Durchschnitt.",
        required=True,
        maximum=80,
    ),
    ask(
        "gross_monthly",
        Answer.MONEY,
        "Brutto im Monat",
        "Es steht auf der Lohnabrechnung. Wenn der Lohn schwankt: der letzte Monat.",
        required=True,
    ),
    ask(
        "net_monthly",
        Answer.MONEY,
        "Netto im Monat",
        "Davon geht das Jobcenter bei der Rechnung aus. Der Betrag, der auf Ihrem Konto ankommt.",
        required=True,
    ),
    ask(
        "pay_day",
        Answer.INTEGER,
        "An welchem Tag im Monat kommt der Lohn?",
        "Es zählt der Monat, in dem das Geld ankommt. Zum Beispiel 15.",
        minimum=1,
        maximum=31,
    ),
    ask(
        "varying",
        Answer.YES_NO,
        "Ist der Lohn jeden Monat anders?",
        "Dann brauchen wir Lohnabrechnungen von sechs Monaten.",
        required=True,
    ),
    ask(
        "commute_km",
        Answer.INTEGER,
        "Weg zur Arbeit in Kilometern (einfach)",
        "Fahrkosten können Ihr Einkommen mindern.",
        maximum=1000,
    ),
    ask(
        "commute_days",
        Answer.INTEGER,
        "Arbeitstage in der Woche",
        "Davon hängt ab, wie viel Fahrkosten zählen. Zum Beispiel 5.",
        maximum=7,
    ),
    ask(
        "commute_means",
        Answer.ONE,
        "Wie kommen Sie zur Arbeit?",
        "Davon hängt ab, welche Fahrkosten zählen.",
        options=options(
            public="mit Bus oder Bahn", car="mit dem Auto", bicycle="mit dem Fahrrad", foot="zu Fuß", other="anders"
        ),
    ),
    ask("commute_cost_monthly", Answer.MONEY, "Fahrkosten im Monat", "Zum Beispiel der Preis der Monatskarte."),
    ask(
        "work_expenses_monthly",
        Answer.MONEY,
        "Andere Ausgaben für die Arbeit im Monat",
        "Zum Beispiel Arbeitskleidung, Werkzeug oder der Beitrag zur Gewerkschaft.",
    ),
)

_BENEFIT = (
    ask(
        "kind",
        Answer.ONE,
        "Welche Leistung?",
        "Jede Leistung rechnet das Jobcenter anders an. Der Name steht oben auf dem Bescheid.",
        options=_BENEFITS,
        required=True,
    ),
    ask(
        "carrier",
        Answer.TEXT,
        "Von welcher Stelle?",
        "Zum Beispiel Agentur für Arbeit Offenbach. Sie steht oben auf dem Bescheid.",
        required=True,
    ),
    ask("file_number", Answer.TEXT, "Aktenzeichen", "Freiwillig. Es steht oben auf dem Bescheid.", max_length=60),
    ask(
        "status",
        Answer.ONE,
        "Stand",
        "Auch eine beantragte Leistung ist wichtig.",
        options=options(granted="bewilligt", applied="beantragt", refused="abgelehnt"),
        required=True,
    ),
    ask(
        "monthly",
        Answer.MONEY,
        "Betrag im Monat",
        "Er steht auf dem Bescheid oder Kontoauszug.",
        when=is_in("income.benefits.status", "granted"),
        required=True,
    ),
    ask("since", Answer.DATE, "Bewilligt von", "Es steht auf dem Bescheid."),
    ask("until", Answer.DATE, "Bewilligt bis", "Es steht auf dem Bescheid."),
)

_LIST = (
    ask(
        "kinds",
        Answer.MANY,
        "Welche Einnahmen haben Sie?",
        "Alles, was in diesem Monat ankommt oder angekommen ist. Sehen Sie auf dem Kontoauszug nach.",
        label_other="Welche Einnahmen hat {name}?",
        options=(*_WORK, *_SELF, *_BENEFITS, *_OTHER, *options(none="keine")),
        required=True,
    ),
    ask(
        "living_means",
        Answer.LONG,
        "Wovon leben Sie zurzeit?",
        "Zum Beispiel: „Von Erspartem“ oder „Meine Schwester leiht mir Geld“. Ein Satz genügt.",
        label_other="Wovon lebt {name} zurzeit?",
        when=is_in(_KINDS, "none"),
        required=every(is_in(_KINDS, "none"), fact(Fact.AGE_15_OR_OLDER)),
    ),
    ask(
        "jobs",
        Answer.GROUP,
        "Arbeit und Lohn",
        "Eine Arbeit nach der anderen, auch Minijob und Ausbildung.",
        when=_WORKING,
        required=True,
        evidence=("E-WORK", "E-PAY"),
        fields=_JOB,
    ),
    ask(
        "benefits",
        Answer.GROUP,
        "Sozialleistungen",
        "Jede Leistung, die Sie angekreuzt haben, einzeln.",
        when=is_in(_KINDS, *(option.value for option in _BENEFITS)),
        required=True,
        evidence=("E-DECISION",),
        fields=_BENEFIT,
    ),
)

_SINGLE = (
    ask(
        "child_benefit_monthly",
        Answer.MONEY,
        "Kindergeld im Monat, das bei Ihnen ankommt",
        "Nur Kindergeld, das Sie noch nicht bei einem Kind im Haushalt angegeben haben. Sonst schreiben Sie 0.",
        label_other="Kindergeld im Monat, das bei {name} ankommt",
        page="Weitere Einnahmen",
        when=is_in(_KINDS, "child_benefit"),
    ),
    ask(
        "maintenance_monthly",
        Answer.MONEY,
        "Unterhalt im Monat",
        "Was wirklich ankommt. Es steht auf dem Kontoauszug.",
        when=is_in(_KINDS, "maintenance"),
        required=True,
        evidence=("E-TITLE",),
    ),
    ask(
        "maintenance_from",
        Answer.TEXT,
        "Von wem kommt der Unterhalt?",
        "Das Jobcenter prüft, ob der Betrag stimmt. Vorname und Familienname.",
        when=is_in(_KINDS, "maintenance"),
        required=True,
    ),
    ask(
        "rental_monthly",
        Answer.MONEY,
        "Miete oder Pacht im Monat",
        "Einnahmen aus einer Wohnung, einer Garage oder einem Grundstück, die Sie vermieten.",
        when=is_in(_KINDS, "rental"),
        required=True,
        evidence=("E-RENT",),
    ),
    ask(
        "other_monthly",
        Answer.MONEY,
        "Andere Einnahmen im Monat",
        "Unterstützung der Familie, Pflegegeld, Ehrenamt und Einnahmen aus dem Ausland zusammen.",
        when=is_in(_KINDS, "family_support", "foster_money", "volunteer_allowance", "foreign"),
        required=True,
        evidence=("E-OTHER",),
    ),
    ask(
        "one_off",
        Answer.GROUP,
        "Einmalige Einnahmen",
        "Zum Beispiel eine Steuererstattung, Zinsen oder ein Erbe.",
        when=is_in(_KINDS, "one_off", "tax_refund", "compensation", "interest"),
        required=True,
        evidence=("E-OTHER",),
        fields=(
            ask("what", Answer.TEXT, "Was war es?", "Zum Beispiel „Steuererstattung 2025“.", required=True),
            ask(
                "amount",
                Answer.MONEY,
                "Betrag",
                "Es zählt der Monat, in dem das Geld ankam. Der Betrag steht auf dem Kontoauszug.",
                required=True,
            ),
            ask("received_on", Answer.DATE, "Erhalten am", "Das Datum steht auf dem Kontoauszug.", required=True),
        ),
    ),
)

_DEDUCTIONS = (
    ask(
        "income_unstable",
        Answer.YES_NO,
        "Schwankt Ihr Einkommen?",
        "Dann entscheidet das Jobcenter erst einmal vorläufig (§ 41a SGB II).",
        label_other="Schwankt das Einkommen von {name}?",
        page="Was Ihr Einkommen mindert",
        when=is_in(_KINDS, "employment", "minijob", "self_employment"),
        required=True,
    ),
    ask(
        "insurance_deductions_monthly",
        Answer.MONEY,
        "Beiträge für Kfz-Haftpflicht, Riester und vorgeschriebene Versicherungen im Monat",
        "Sie können Ihr Einkommen mindern (§ 11b SGB II). Sie stehen auf den Rechnungen der Versicherungen.",
        when=_HAS_INCOME,
        evidence=("E-INSURANCE",),
    ),
    ask(
        "maintenance_paid_monthly",
        Answer.MONEY,
        "Unterhalt, den Sie zahlen müssen, im Monat",
        "Nur wenn es einen Titel gibt, zum Beispiel vom Gericht oder Jugendamt.",
        label_other="Unterhalt, den {name} zahlen muss, im Monat",
        when=_HAS_INCOME,
        evidence=("E-TITLE",),
    ),
)

_LAST_JOB = (
    ask(
        "job_ended",
        Answer.YES_NO,
        "Hat in den letzten sechs Monaten eine Arbeit geendet?",
        "Dann steht Ihnen vielleicht noch Lohn oder Arbeitslosengeld zu.",
        label_other="Hat für {name} in den letzten sechs Monaten eine Arbeit geendet?",
        page="Letzte Arbeit",
        when=fact(Fact.WORKED_RECENTLY),
        required=True,
        evidence=("E-WORK",),
    ),
    ask(
        "job_end_date",
        Answer.DATE,
        "Letzter Arbeitstag",
        "Er steht in der Kündigung.",
        when=yes("income.job_ended"),
        required=True,
        latest_days=92,
    ),
    ask(
        "job_end_reason",
        Answer.ONE,
        "Warum endete die Arbeit?",
        "Es steht in der Kündigung oder im Aufhebungsvertrag.",
        options=options(
            dismissed="Kündigung durch den Arbeitgeber",
            own_notice="eigene Kündigung",
            agreement="Aufhebungsvertrag",
            fixed_term="Befristung zu Ende",
            other="anderer Grund",
        ),
        when=yes("income.job_ended"),
        required=True,
    ),
    ask(
        "open_wages",
        Answer.YES_NO,
        "Schuldet Ihnen der Arbeitgeber noch Lohn, Urlaubsgeld oder eine Abfindung?",
        "Auch wenn darüber gestritten wird (§ 115 SGB X).",
        label_other="Schuldet der Arbeitgeber {name} noch Lohn, Urlaubsgeld oder eine Abfindung?",
        when=yes("income.job_ended"),
        required=True,
    ),
    ask(
        "open_wages_amount",
        Answer.MONEY,
        "Wie viel steht noch aus?",
        "Bis das Geld kommt, kann das Jobcenter einspringen. Es steht in der Abrechnung oder Klage. Ungefähr genügt.",
        when=yes("income.open_wages"),
    ),
    ask(
        "bank_statements",
        Answer.EVIDENCE,
        "Kontoauszüge der letzten drei Monate (alle Konten)",
        "Bei Ausgaben dürfen Sie schwärzen, was Religion, Partei, Gewerkschaft, Gesundheit oder Sexualleben "
        "verrät. Bei Einnahmen bitte nichts schwärzen.",
        when=fact(Fact.AGE_15_OR_OLDER),
        evidence=("E-BANK",),
    ),
)

INCOME = Section(
    id="income",
    title="Einnahmen",
    title_other="Einnahmen von {name}",
    help="Einnahmen sind alles, was im Monat des Antrags hereinkommt, auch vor dem Antrag.",
    annex="EK",
    repeat=Repeat.PERSON,
    persons=GROWN_UP,
    questions=(*_LIST, *SELF_EMPLOYMENT, *_SINGLE, *_DEDUCTIONS, *_LAST_JOB),
)
