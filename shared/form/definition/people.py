"""Personal conditions, household and health insurance (paper HA 2 to 5, annexes WEP, KI, HG, VE, SV)."""

from __future__ import annotations

from shared.form.conditions import fact, is_in, no, yes
from shared.form.definition._make import GENDERS, ask, options
from shared.form.limits import MAX_PERSONS
from shared.form.model import Answer, Fact, Not, Protection, Repeat, Section

_15 = fact(Fact.AGE_15_OR_OLDER)
_STUDIES = "conditions.education_status"

CONDITIONS = Section(
    id="conditions",
    title="Ihre Lebenslage",
    repeat=Repeat.PERSON,
    questions=(
        ask(
            "can_work_3h",
            Answer.YES_NO_UNKNOWN,
            "Können Sie mindestens drei Stunden am Tag arbeiten?",
            help="Auch „Ja“, wenn Sie gerade keine Arbeit finden. Eine Diagnose fragen wir nicht.",
            when=_15,
            required=True,
            evidence=("E-MED",),
        ),
        ask(
            "incapacity_since",
            Answer.DATE,
            "Seit wann können Sie nicht oder nur wenig arbeiten?",
            when=is_in("conditions.can_work_3h", "no", "unknown"),
            required=is_in("conditions.can_work_3h", "no"),
            evidence=("E-MED",),
            protection=Protection.HEALTH,
        ),
        ask(
            "education_status",
            Answer.ONE,
            "Gehen Sie zur Schule, machen Sie eine Ausbildung oder studieren Sie?",
            options=options(
                none="nein",
                school="Schule",
                vocational="Ausbildung",
                university="Studium",
                measure="berufsvorbereitende Maßnahme",
            ),
            when=fact(Fact.AGE_15_TO_64),
            required=True,
            evidence=("E-EDU",),
        ),
        ask(
            "training_pay",
            Answer.MONEY,
            "Ausbildungsvergütung im Monat (brutto)",
            when=is_in(_STUDIES, "vocational", "measure"),
            required=True,
        ),
        ask(
            "lives_with_parents",
            Answer.YES_NO,
            "Wohnen Sie bei Ihren Eltern?",
            when=is_in(_STUDIES, "school", "vocational", "university", "measure"),
            required=True,
        ),
        ask(
            "in_institution",
            Answer.YES_NO,
            "Sind Sie in einer Klinik, einem Heim oder in Haft?",
            required=True,
            evidence=("E-INST",),
        ),
        ask("institution_from", Answer.DATE, "Seit wann?", when=yes("conditions.in_institution"), required=True),
        ask("institution_until", Answer.DATE, "Bis wann voraussichtlich?", when=yes("conditions.in_institution")),
        ask(
            "pension_age_or_pension",
            Answer.YES_NO,
            "Beziehen Sie eine Altersrente oder etwas Ähnliches?",
            when=fact(Fact.AGE_60_OR_OLDER),
            required=True,
            evidence=("E-DECISION",),
        ),
        ask("absence_planned", Answer.YES_NO, "Sind Sie in den nächsten Wochen nicht am Wohnort erreichbar?"),
        ask("absence_from", Answer.DATE, "Ab wann?", when=yes("conditions.absence_planned"), required=True),
        ask("absence_until", Answer.DATE, "Bis wann?", when=yes("conditions.absence_planned"), required=True),
        ask(
            "caring",
            Answer.MANY,
            "Pflegen Sie Angehörige oder betreuen Sie ein Kind unter drei Jahren?",
            help="Davon hängt ab, welche Arbeit man von Ihnen erwarten darf.",
            options=options(
                relative="Ich pflege Angehörige",
                child_under_3="Ich betreue ein Kind unter drei Jahren",
                none="nein",
            ),
            when=_15,
        ),
        ask("employed_now", Answer.YES_NO, "Haben Sie zurzeit Arbeit?", when=_15, required=True),
        ask("looking_for_work", Answer.YES_NO, "Sind Sie arbeitslos gemeldet?", when=_15, required=True),
        ask(
            "recent_periods",
            Answer.GROUP,
            "Was haben Sie in den letzten fünf Jahren gemacht?",
            help="Arbeit, Wehrdienst oder Freiwilligendienst, Pflege, Krankengeld, Elternzeit. "
            "Vielleicht haben Sie Anspruch auf Arbeitslosengeld.",
            when=_15,
            fields=(
                ask(
                    "kind",
                    Answer.ONE,
                    "Art",
                    options=options(
                        work="Arbeit",
                        service="Wehrdienst oder Freiwilligendienst",
                        care="Pflege von Angehörigen",
                        sickness_benefit="Krankengeld",
                        parental_leave="Elternzeit",
                    ),
                    required=True,
                ),
                ask("since", Answer.DATE, "Von", required=True),
                ask("until", Answer.DATE, "Bis"),
                ask("employer", Answer.TEXT, "Bei wem?"),
            ),
            evidence=("E-WORK",),
        ),
    ),
)

_RELATION = "household.persons.relation"
_CHILD = is_in(_RELATION, "own_child", "partners_child", "foster_child")
_RELATIVE = is_in(_RELATION, "parent", "sibling", "other_relative")

HOUSEHOLD = Section(
    id="household",
    title="Wer wohnt mit Ihnen zusammen?",
    questions=(
        ask("lives_alone", Answer.YES_NO, "Wohnen Sie allein?", required=True),
        ask(
            "persons",
            Answer.GROUP,
            "Weitere Personen im Haushalt",
            when=no("household.lives_alone"),
            required=True,
            maximum=MAX_PERSONS,
            fields=(
                ask("id", Answer.PERSON_ID, "Kennung der Person im Antrag", required=True, early=True),
                ask(
                    "relation",
                    Answer.ONE,
                    "Wer ist diese Person für Sie?",
                    options=options(
                        spouse="Ehefrau oder Ehemann",
                        registered_partner="eingetragene Lebenspartnerin oder eingetragener Lebenspartner",
                        partner="Partnerin oder Partner",
                        own_child="mein Kind",
                        partners_child="Kind meiner Partnerin oder meines Partners",
                        foster_child="Pflegekind",
                        parent="Mutter oder Vater",
                        sibling="Schwester oder Bruder",
                        other_relative="andere Verwandte oder Verschwägerte",
                        flatmate="Mitbewohnerin, Mitbewohner oder zur Untermiete",
                    ),
                    required=True,
                    early=True,
                ),
                ask("family_name", Answer.TEXT, "Familienname", required=True, evidence=("E-ID",)),
                ask("given_names", Answer.TEXT, "Vornamen", required=True),
                ask("birth_date", Answer.DATE, "Geburtsdatum", required=True, evidence=("E-ID",)),
                ask("gender", Answer.ONE, "Geschlecht", help="Freiwillig.", options=GENDERS),
                ask(
                    "nationality",
                    Answer.COUNTRIES,
                    "Staatsangehörigkeit",
                    when=Not(of=is_in(_RELATION, "flatmate")),
                    required=True,
                    evidence=("E-RES",),
                ),
                ask(
                    "together_since",
                    Answer.DATE,
                    "Seit wann wohnen Sie zusammen?",
                    when=is_in(_RELATION, "spouse", "registered_partner", "partner", "flatmate"),
                    required=True,
                ),
                ask(
                    "joint_household",
                    Answer.MANY,
                    "Was trifft zu?",
                    help="In einer Wohngemeinschaft zu leben ist keine Partnerschaft.",
                    options=options(
                        joint_budget="Wir wirtschaften gemeinsam",
                        common_child="Wir haben ein gemeinsames Kind",
                        access_to_money="Eine Person kann über das Geld der anderen verfügen",
                        care_for_relatives="Wir versorgen gemeinsam Kinder oder Angehörige",
                        none="nichts davon",
                    ),
                    when=is_in(_RELATION, "partner", "flatmate"),
                    required=True,
                ),
                ask(
                    "supports_applicant",
                    Answer.YES_NO,
                    "Unterstützt diese Person Sie mit Geld oder Sachen?",
                    when=_RELATIVE,
                    required=True,
                ),
                ask(
                    "support_monthly",
                    Answer.MONEY,
                    "Wie viel ungefähr im Monat?",
                    when=yes("household.persons.supports_applicant"),
                    required=True,
                ),
                ask(
                    "custody_share",
                    Answer.ONE,
                    "Wie oft lebt das Kind bei Ihnen?",
                    options=options(full="immer", half="etwa die Hälfte der Zeit", visits="zu Besuch"),
                    when=_CHILD,
                    required=True,
                    evidence=("E-CUSTODY",),
                ),
                ask(
                    "custody_days",
                    Answer.INTEGER,
                    "An wie vielen Tagen im Monat?",
                    when=is_in("household.persons.custody_share", "half", "visits"),
                    required=True,
                    maximum=31,
                ),
                ask(
                    "other_parent_in_household",
                    Answer.YES_NO,
                    "Wohnt der andere Elternteil auch im Haushalt?",
                    when=_CHILD,
                    required=True,
                ),
                ask(
                    "child_benefit",
                    Answer.YES_NO,
                    "Bekommt jemand Kindergeld für das Kind?",
                    when=_CHILD,
                    required=True,
                    evidence=("E-DECISION",),
                ),
                ask(
                    "child_benefit_monthly",
                    Answer.MONEY,
                    "Kindergeld im Monat",
                    when=yes("household.persons.child_benefit"),
                    required=True,
                ),
                ask(
                    "child_benefit_recipient",
                    Answer.ONE,
                    "Wer bekommt das Kindergeld?",
                    options=options(
                        applicant="ich",
                        partner="meine Partnerin oder mein Partner",
                        child="das Kind",
                        other="jemand anders",
                    ),
                    when=yes("household.persons.child_benefit"),
                    required=True,
                ),
                ask(
                    "child_school",
                    Answer.ONE,
                    "Geht das Kind in eine Kita oder Schule?",
                    options=options(none="nein", kita="Kita oder Tagespflege", school="Schule"),
                    when=_CHILD,
                ),
                ask(
                    "school_name",
                    Answer.TEXT,
                    "Welche?",
                    when=is_in("household.persons.child_school", "kita", "school"),
                ),
                ask(
                    "school_class",
                    Answer.TEXT,
                    "Klasse",
                    when=is_in("household.persons.child_school", "school"),
                    max_length=20,
                ),
                ask("absent_now", Answer.YES_NO, "Ist die Person zurzeit nicht im Haushalt?"),
                ask(
                    "absence_reason",
                    Answer.LONG,
                    "Warum?",
                    when=yes("household.persons.absent_now"),
                    max_length=500,
                ),
            ),
            evidence=("E-ID", "E-RES"),
        ),
    ),
)

_KIND = "health_insurance.kind"
_STATUTORY = is_in(_KIND, "compulsory", "family", "voluntary")

HEALTH_INSURANCE = Section(
    id="health_insurance",
    title="Krankenversicherung und Pflegeversicherung",
    annex="SV",
    repeat=Repeat.PERSON,
    questions=(
        ask(
            "kind",
            Answer.ONE,
            "Wie sind Sie krankenversichert?",
            options=options(
                compulsory="gesetzlich, pflichtversichert",
                family="gesetzlich, familienversichert",
                voluntary="gesetzlich, freiwillig versichert",
                private="privat",
                none="gar nicht",
                abroad="im Ausland",
            ),
            required=True,
            evidence=("E-HI",),
        ),
        ask("fund_name", Answer.TEXT, "Name der Krankenkasse", when=_STATUTORY, required=True),
        ask(
            "insured_number",
            Answer.TEXT,
            "Versichertennummer",
            help="Ein Buchstabe und neun Ziffern, auf der Gesundheitskarte.",
            pattern="^[A-Z][0-9]{9}$",
            when=_STATUTORY,
            required=is_in(_KIND, "compulsory", "voluntary"),
        ),
        ask(
            "main_insured",
            Answer.PERSON,
            "Über wen sind Sie familienversichert?",
            when=is_in(_KIND, "family"),
            required=True,
        ),
        ask(
            "private_premium_monthly",
            Answer.MONEY,
            "Beitrag zur privaten Krankenversicherung im Monat",
            when=is_in(_KIND, "private"),
            required=True,
            evidence=("E-HI",),
        ),
        ask(
            "private_care_premium_monthly",
            Answer.MONEY,
            "Beitrag zur privaten Pflegeversicherung im Monat",
            when=is_in(_KIND, "private"),
            required=True,
        ),
        ask(
            "private_basic_tariff",
            Answer.YES_NO,
            "Sind Sie im Basistarif?",
            when=is_in(_KIND, "private"),
            required=True,
        ),
        ask(
            "last_insurance",
            Answer.TEXT,
            "Wo waren Sie zuletzt versichert?",
            help="Das Jobcenter meldet Sie an. Dafür brauchen Sie eine Krankenkasse.",
            when=is_in(_KIND, "none", "abroad"),
            required=True,
        ),
        ask("last_insured_until", Answer.DATE, "Bis wann?", when=is_in(_KIND, "none", "abroad")),
    ),
)
