"""Additional needs (§ 21 SGB II; annexes MEB, BB), education and participation (§ 28), one-off needs (§ 24)."""

from __future__ import annotations

from shared.form.conditions import fact, is_in, yes
from shared.form.definition._make import ask, options, own_requests
from shared.form.model import Answer, Fact, Protection, Repeat, Section

ADDITIONAL_NEEDS = Section(
    id="additional_needs",
    title="Mehrbedarf",
    title_other="Mehrbedarf von {name}",
    help="Wer aus bestimmten Gründen mehr Geld braucht, kann einen Mehrbedarf bekommen (§ 21 SGB II).",
    repeat=Repeat.PERSON,
    questions=(
        ask(
            "pregnant",
            Answer.YES_NO,
            "Sind Sie schwanger?",
            "Freiwillig. Ab der 13. Woche gibt es mehr Geld. Sie können das auch später mitteilen.",
            label_other="Ist {name} schwanger?",
            when=fact(Fact.MAY_BE_PREGNANT),
            evidence=("E-PREG",),
            protection=Protection.HEALTH,
        ),
        ask(
            "due_date",
            Answer.DATE,
            "Voraussichtlicher Tag der Geburt",
            "Ab der 13. Woche gibt es mehr Geld. Der Tag steht im Mutterpass.",
            when=yes("additional_needs.pregnant"),
            earliest_days=-30,
            latest_days=305,
            protection=Protection.HEALTH,
        ),
        ask(
            "single_parent",
            Answer.YES_NO,
            "Sind Sie alleinerziehend?",
            "„Ja“, wenn Sie sich allein um Ihr Kind kümmern.",
            when=fact(Fact.LONE_PARENT),
            required=True,
        ),
        ask(
            "costly_diet",
            Answer.YES_NO,
            "Brauchen Sie aus medizinischen Gründen eine teurere Ernährung?",
            "Zum Beispiel bei Zöliakie. Die Ärztin oder der Arzt bescheinigt das; die Diagnose fragen wir nicht.",
            label_other="Braucht {name} aus medizinischen Gründen eine teurere Ernährung?",
            required=True,
            annex="MEB",
            evidence=("E-DIET",),
            protection=Protection.HEALTH,
        ),
        ask(
            "disability_participation",
            Answer.YES_NO,
            "Bekommen Sie wegen einer Behinderung Leistungen zur Teilhabe am Arbeitsleben oder Eingliederungshilfe?",
            "Zum Beispiel von der Rentenversicherung oder der Agentur für Arbeit.",
            label_other="Bekommt {name} wegen einer Behinderung Leistungen zur Teilhabe oder Eingliederungshilfe?",
            when=fact(Fact.AGE_15_OR_OLDER),
            required=True,
            evidence=("E-DECISION",),
            protection=Protection.HEALTH,
        ),
        ask(
            "reduced_mobility_pass",
            Answer.YES_NO,
            "Haben Sie einen Schwerbehindertenausweis mit dem Merkzeichen G oder aG?",
            "Die Merkzeichen stehen auf dem Ausweis.",
            label_other="Hat {name} einen Schwerbehindertenausweis mit dem Merkzeichen G oder aG?",
            when=fact(Fact.CANNOT_WORK),
            evidence=("E-PASS",),
            protection=Protection.HEALTH,
        ),
        ask(
            "special_need_ongoing",
            Answer.YES_NO,
            "Haben Sie einen dauernden besonderen Bedarf?",
            "Zum Beispiel Fahrten zu Ihrem Kind, das woanders lebt, oder besondere Mittel zur Hygiene.",
            label_other="Hat {name} einen dauernden besonderen Bedarf?",
            required=True,
            annex="BB",
        ),
        ask(
            "special_need_kinds",
            Answer.MANY,
            "Welcher besondere Bedarf?",
            "Davon hängt ab, welcher Nachweis nötig ist. Kreuzen Sie alles an, was zutrifft.",
            options=options(
                visits="Umgang mit Kindern, die woanders leben",
                hygiene="besondere Mittel zur Hygiene",
                household_help="Hilfe im Haushalt",
                other="etwas anderes",
            ),
            when=yes("additional_needs.special_need_ongoing"),
            required=True,
            annex="BB",
            evidence=("E-NEED",),
        ),
        ask(
            "special_need_detail",
            Answer.LONG,
            "Wofür genau?",
            "Zum Beispiel „Zwei Fahrten im Monat nach Kassel“. Eine Diagnose müssen Sie nicht nennen.",
            when=yes("additional_needs.special_need_ongoing"),
            required=True,
            annex="BB",
            max_length=1000,
            protection=Protection.HEALTH,
        ),
        ask(
            "special_need_monthly",
            Answer.MONEY,
            "Was kostet es im Monat?",
            "So viel kann der Mehrbedarf sein. Es steht auf den Rechnungen oder Fahrkarten. Ungefähr genügt, zum "
            "Beispiel 45 Euro.",
            when=yes("additional_needs.special_need_ongoing"),
            required=True,
            annex="BB",
        ),
        ask(
            "school_books",
            Answer.YES_NO,
            "Müssen Sie Schulbücher oder Arbeitshefte selbst bezahlen?",
            "Das gibt es, wo die Schule Bücher nicht ausleiht.",
            label_other="Muss {name} Schulbücher oder Arbeitshefte selbst bezahlen?",
            when=fact(Fact.PUPIL),
            evidence=("E-SCHOOL",),
        ),
        ask(
            "school_books_cost",
            Answer.MONEY,
            "Was kosten die Bücher und Hefte?",
            "Die Summe der Rechnungen dieses Schuljahrs.",
            when=yes("additional_needs.school_books"),
            required=True,
        ),
    ),
)

_BUT = "education_participation.but_needs"

EDUCATION_PARTICIPATION = Section(
    id="education_participation",
    title="Bildung und Teilhabe",
    title_other="Bildung und Teilhabe für {name}",
    help="Für Kinder und junge Menschen in Kita und Schule zahlt das Jobcenter vieles zusätzlich (§ 28 SGB II).",
    annex="BuT",
    repeat=Repeat.PERSON,
    persons=fact(Fact.LEARNS),
    questions=(
        ask(
            "but_needs",
            Answer.MANY,
            "Was brauchen Sie für Kita, Schule oder Freizeit?",
            "Kreuzen Sie alles an, was passt, auch wenn Sie die Kosten noch nicht kennen.",
            label_other="Was braucht {name} für Kita, Schule oder Freizeit?",
            options=own_requests(
                "learning_support",
                among=options(
                    trips="Ausflüge und Klassenfahrten",
                    supplies="Schulbedarf",
                    transport="Fahrten zur Schule",
                    learning_support="Nachhilfe (Lernförderung)",
                    lunch="Mittagessen in Kita oder Schule",
                    activities="Sport, Musik und Kultur (unter 18 Jahren)",
                    none="nichts davon",
                ),
            ),
            required=True,
            evidence=("E-SCHOOL",),
        ),
        ask(
            "trips_detail",
            Answer.LONG,
            "Welcher Ausflug oder welche Klassenfahrt?",
            "Wohin, wann und was es kostet, wenn Sie es schon wissen. Es steht im Brief der Schule.",
            when=is_in(_BUT, "trips"),
            max_length=500,
        ),
        ask(
            "transport_monthly",
            Answer.MONEY,
            "Was kosten die Fahrten zur Schule im Monat?",
            "Das Jobcenter zahlt die Fahrkarte, wenn die Schule weit weg ist. Der Preis im Monat, zum Beispiel 49 "
            "Euro.",
            when=is_in(_BUT, "transport"),
        ),
        ask(
            "learning_support_detail",
            Answer.LONG,
            "In welchem Fach und wie oft?",
            "Zum Beispiel „Mathematik, zwei Stunden in der Woche, bei Lernhilfe Müller“. Das gilt als eigener Antrag.",
            when=is_in(_BUT, "learning_support"),
            required=True,
            max_length=1000,
        ),
        ask(
            "activities_detail",
            Answer.TEXT,
            "Welcher Verein oder welches Angebot?",
            "Zum Beispiel „TV Dreieichenhain, Turnen“.",
            when=is_in(_BUT, "activities"),
        ),
    ),
)

_ONE_OFF = "one_off_needs.kinds"

ONE_OFF_NEEDS = Section(
    id="one_off_needs",
    title="Einmaliger Bedarf",
    help="Manches zahlt das Jobcenter zusätzlich, wenn Sie es vor dem Kauf beantragen (§ 24 SGB II).",
    questions=(
        ask(
            "kinds",
            Answer.MANY,
            "Brauchen Sie jetzt etwas davon?",
            "Beantragen Sie es, bevor Sie es kaufen. Jedes gilt als eigener Antrag.",
            options=own_requests(
                "first_furnishing",
                "first_clothing",
                "pregnancy_birth_set",
                "orthopaedic",
                "unavoidable_loan",
                among=options(
                    first_furnishing="Erste Möbel und Geräte für eine Wohnung",
                    first_clothing="Erste Kleidung, zum Beispiel nach einem Brand",
                    pregnancy_birth_set="Ausstattung für Schwangerschaft und Geburt",
                    orthopaedic="Orthopädische Schuhe oder Reparatur von Hilfsmitteln",
                    unavoidable_loan="Darlehen für etwas Unvermeidbares, zum Beispiel einen Kühlschrank",
                    none="nichts davon",
                ),
            ),
            required=True,
            evidence=("E-COST",),
        ),
        ask(
            "items",
            Answer.LONG,
            "Was genau brauchen Sie?",
            "Eine Liste genügt, zum Beispiel „Bett, Tisch, zwei Stühle, Herd“.",
            when=is_in(
                _ONE_OFF, "first_furnishing", "first_clothing", "pregnancy_birth_set", "orthopaedic", "unavoidable_loan"
            ),
            required=True,
        ),
        ask(
            "reason",
            Answer.LONG,
            "Warum brauchen Sie es jetzt?",
            "Zum Beispiel „erste eigene Wohnung“ oder „Kühlschrank ist kaputt“.",
            when=is_in(_ONE_OFF, "first_furnishing", "first_clothing", "unavoidable_loan"),
            required=True,
            max_length=1000,
        ),
    ),
)
