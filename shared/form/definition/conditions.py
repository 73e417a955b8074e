"""Personal conditions of everyone of 15 and more (paper HA 2 and 3, annex WEP)."""

from __future__ import annotations

from shared.form.conditions import either, every, fact, is_in, yes
from shared.form.definition._make import ask, options
from shared.form.model import Answer, Fact, Protection, Repeat, Section

_15 = fact(Fact.AGE_15_OR_OLDER)
_STUDIES = "conditions.education_status"
_SPECIAL = "conditions.special"
GROWN_UP = either(fact(Fact.APPLICANT), every(fact(Fact.SPOKEN_FOR), _15))
"""Everyone of 15 and more for whom the application is, and the applicant whatever the age."""

CONDITIONS = Section(
    id="conditions",
    title="Ihre Lebenslage",
    title_other="Lebenslage von {name}",
    repeat=Repeat.PERSON,
    persons=GROWN_UP,
    questions=(
        ask(
            "can_work_3h",
            Answer.YES_NO_UNKNOWN,
            "Können Sie mindestens drei Stunden am Tag arbeiten?",
            "Auch „Ja“, wenn Sie gerade keine Arbeit finden. „Nein“ nur, wenn eine Krankheit oder Behinderung das auf "
            "lange Zeit verhindert. Eine Diagnose fragen wir nicht.",
            label_other="Kann {name} mindestens drei Stunden am Tag arbeiten?",
            when=_15,
            required=True,
            evidence=("E-MED",),
            evidence_when=("no", "unknown"),
        ),
        ask(
            "incapacity_since",
            Answer.DATE,
            "Seit wann können Sie nicht oder nur wenig arbeiten?",
            "Es steht auf der Krankschreibung oder im Rentenbescheid.",
            label_other="Seit wann kann {name} nicht oder nur wenig arbeiten?",
            when=is_in("conditions.can_work_3h", "no", "unknown"),
            required=is_in("conditions.can_work_3h", "no"),
            protection=Protection.HEALTH,
            latest_days=0,
        ),
        ask(
            "employed_now",
            Answer.YES_NO,
            "Haben Sie zurzeit Arbeit?",
            "Auch ein Minijob oder eine Ausbildung ist Arbeit. Nach dem Lohn fragen wir bei den Einnahmen.",
            label_other="Hat {name} zurzeit Arbeit?",
            when=_15,
            required=True,
        ),
        ask(
            "looking_for_work",
            Answer.YES_NO,
            "Sind Sie arbeitslos gemeldet?",
            "Bei der Agentur für Arbeit oder bei einem Jobcenter.",
            label_other="Ist {name} arbeitslos gemeldet?",
            when=_15,
            required=True,
        ),
        ask(
            "education_status",
            Answer.ONE,
            "Gehen Sie zur Schule, machen Sie eine Ausbildung oder studieren Sie?",
            "In Ausbildung oder Studium geht oft BAföG oder Berufsausbildungsbeihilfe vor.",
            label_other="Geht {name} zur Schule, macht {name} eine Ausbildung oder ein Studium?",
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
            "Sie steht im Ausbildungsvertrag und auf der Lohnabrechnung. Wenn es keine gibt, schreiben Sie 0.",
            when=is_in(_STUDIES, "vocational", "measure"),
            required=True,
        ),
        ask(
            "lives_with_parents",
            Answer.YES_NO,
            "Wohnen Sie bei Ihren Eltern?",
            "Davon hängt ab, ob BAföG oder das Jobcenter zuständig ist.",
            label_other="Wohnt {name} bei den Eltern?",
            when=is_in(_STUDIES, "school", "vocational", "university", "measure"),
            required=True,
        ),
        ask(
            "pension_age_or_pension",
            Answer.YES_NO,
            "Beziehen Sie eine Altersrente oder etwas Ähnliches?",
            "Zum Beispiel eine Rente aus dem Ausland oder eine Pension. Dann ist meist das Sozialamt zuständig.",
            label_other="Bezieht {name} eine Altersrente oder etwas Ähnliches?",
            when=fact(Fact.AGE_60_OR_OLDER),
            required=True,
            evidence=("E-DECISION",),
        ),
        ask(
            "special",
            Answer.MANY,
            "Trifft etwas davon auf Sie zu?",
            "Ein langer Aufenthalt in einer Einrichtung kann Leistungen ausschließen. An Werktagen muss das "
            "Jobcenter Sie erreichen können (§ 7b SGB II), auch im Urlaub. Und wer pflegt oder ein kleines Kind "
            "betreut, von dem darf man weniger Arbeit erwarten.",
            label_other="Trifft etwas davon auf {name} zu?",
            page="Weiteres zur Lebenslage",
            options=options(
                institution="Aufenthalt in einer Klinik, einem Heim oder in Haft",
                absence="in den nächsten Wochen nicht am Wohnort erreichbar",
                caring_relative="Pflege von Angehörigen",
                caring_child="Betreuung eines Kindes unter drei Jahren",
                none="nichts davon",
            ),
            required=True,
            evidence=("E-INST",),
            evidence_when=("institution",),
        ),
        ask(
            "caring_decision",
            Answer.EVIDENCE,
            "Bescheid über den Pflegegrad der gepflegten Person",
            "Nur wenn Sie ihn haben.",
            when=is_in(_SPECIAL, "caring_relative"),
            evidence=("E-CARE",),
        ),
        ask(
            "institution_from",
            Answer.DATE,
            "Seit wann in der Einrichtung?",
            "Der Tag der Aufnahme. Wichtig ist es, wenn es länger als sechs Monate dauert.",
            when=is_in(_SPECIAL, "institution"),
            required=True,
            latest_days=0,
        ),
        ask(
            "institution_until",
            Answer.DATE,
            "Bis wann voraussichtlich?",
            "Freiwillig. Ungefähr genügt.",
            when=is_in(_SPECIAL, "institution"),
        ),
        ask(
            "absence_from",
            Answer.DATE,
            "Ab wann nicht erreichbar?",
            "In dieser Zeit gibt es nur Leistungen, wenn das Jobcenter zustimmt. Der erste Tag, zum Beispiel der "
            "Abreise.",
            when=is_in(_SPECIAL, "absence"),
            required=True,
        ),
        ask(
            "absence_until",
            Answer.DATE,
            "Bis wann nicht erreichbar?",
            "Der letzte Tag, zum Beispiel der Tag vor der Rückkehr.",
            when=is_in(_SPECIAL, "absence"),
            required=True,
        ),
        ask(
            "recent_work",
            Answer.YES_NO,
            "Hatten Sie in den letzten fünf Jahren Arbeit oder eine ähnliche Zeit?",
            "Arbeit, Wehr- oder Freiwilligendienst, Pflege, Krankengeld oder Elternzeit. Vielleicht haben Sie noch "
            "Anspruch auf Arbeitslosengeld; das ist meist mehr.",
            label_other="Hatte {name} in den letzten fünf Jahren Arbeit oder eine ähnliche Zeit?",
            when=_15,
            required=True,
        ),
        ask(
            "recent_periods",
            Answer.GROUP,
            "Zeiten in den letzten fünf Jahren",
            "Eine Zeit nach der anderen; die letzte zuerst. Ungefähre Daten genügen.",
            when=yes("conditions.recent_work"),
            required=True,
            evidence=("E-WORK",),
            fields=(
                ask(
                    "kind",
                    Answer.ONE,
                    "Was war es?",
                    "Davon hängt ab, ob die Zeit für das Arbeitslosengeld zählt.",
                    options=options(
                        work="Arbeit",
                        service="Wehrdienst oder Freiwilligendienst",
                        care="Pflege von Angehörigen",
                        sickness_benefit="Krankengeld",
                        parental_leave="Elternzeit",
                    ),
                    required=True,
                ),
                ask(
                    "since",
                    Answer.DATE,
                    "Von",
                    "Die Dauer zählt für das Arbeitslosengeld. Der erste Tag, ungefähr, wie im Vertrag oder Zeugnis.",
                    required=True,
                    latest_days=0,
                ),
                ask("until", Answer.DATE, "Bis", "Der letzte Tag. Lassen Sie das frei, wenn es noch andauert."),
                ask(
                    "employer",
                    Answer.TEXT,
                    "Bei wem?",
                    "Dort kann das Jobcenter nachfragen. Firma, Verein oder Krankenkasse, zum Beispiel Bäckerei "
                    "Müller.",
                ),
            ),
        ),
    ),
)
