"""Who lives in the household (paper HA 5; annexes WEP, KI, HG, VE)."""

from __future__ import annotations

from shared.form.conditions import either, every, fact, is_answered, is_in, no, yes
from shared.form.definition._make import GENDERS, RESIDENCE_TITLES, ask, notice, options
from shared.form.limits import MAX_PERSONS
from shared.form.model import Answer, Fact, Not, Section

_RELATION = "household.persons.relation"
_NATIONALITY = "household.persons.nationality"
_CHILD = every(is_in(_RELATION, "own_child", "partners_child", "foster_child"), fact(Fact.UNDER_25))
_RELATIVE = either(is_in(_RELATION, "parent", "sibling", "other_relative"), fact(Fact.HOUSEHOLD_RELATIVE))
_FOREIGN = every(is_answered(_NATIONALITY), Not(of=is_in(_NATIONALITY, "DE")))

_WHO = (
    ask("id", Answer.PERSON_ID, "Kennung der Person im Antrag", required=True, early=True),
    ask(
        "relation",
        Answer.ONE,
        "Wer ist diese Person für Sie?",
        "Davon hängt ab, ob die Person zu Ihrer Bedarfsgemeinschaft gehört und was wir fragen.",
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
    ask(
        "family_name",
        Answer.TEXT,
        "Familienname der Person",
        "So wie er im Ausweis oder in der Geburtsurkunde steht.",
        required=True,
        evidence=("E-ID",),
    ),
    ask(
        "given_names",
        Answer.TEXT,
        "Vornamen der Person",
        "Alle, wie im Ausweis oder in der Geburtsurkunde.",
        required=True,
    ),
    ask(
        "birth_date",
        Answer.DATE,
        "Geburtsdatum der Person",
        "Zum Beispiel 3.7.2015. Vom Alter hängt ab, was wir fragen.",
        required=True,
        latest_days=0,
    ),
    ask(
        "gender",
        Answer.ONE,
        "Geschlecht der Person",
        "Freiwillig. Das Jobcenter schreibt die Person dann richtig an.",
        options=GENDERS,
    ),
    ask(
        "nationality",
        Answer.COUNTRIES,
        "Welche Staatsangehörigkeit hat {name}?",
        "Wenn es mehrere sind, geben Sie alle an.",
        page="Staatsangehörigkeit und Zusammenleben",
        when=Not(of=is_in(_RELATION, "flatmate")),
        required=True,
    ),
    ask(
        "residence_title",
        Answer.ONE,
        "Aufenthaltsrecht von {name}",
        "Es steht auf der Karte oder im Pass.",
        options=RESIDENCE_TITLES,
        when=every(_FOREIGN, fact(Fact.IN_COMMUNITY)),
        required=True,
        evidence=("E-RES",),
    ),
    ask(
        "title_valid_until",
        Answer.DATE,
        "Der Aufenthaltstitel von {name} gilt bis",
        "Das Datum steht auf der Vorderseite der Karte.",
        when=is_in(
            "household.persons.residence_title", "residence_permit", "temporary_protection", "fictional_certificate"
        ),
    ),
    ask(
        "asylblg_current",
        Answer.YES_NO,
        "Bekommt {name} Leistungen nach dem Asylbewerberleistungsgesetz?",
        "Meistens vom Sozialamt. Es steht auf dem Bescheid. Beides zugleich gibt es nicht.",
        when=every(_FOREIGN, fact(Fact.IN_COMMUNITY)),
        required=True,
        evidence=("E-DECISION",),
    ),
    ask(
        "entry_date",
        Answer.DATE,
        "Seit wann lebt {name} in Deutschland?",
        "Wenn Sie den Tag nicht genau wissen, nehmen Sie den Ersten des Monats.",
        when=every(_FOREIGN, fact(Fact.IN_COMMUNITY)),
        required=True,
        latest_days=0,
    ),
    ask(
        "together_since",
        Answer.DATE,
        "Seit wann wohnen Sie mit {name} zusammen?",
        "Ungefähr genügt. Wer noch kein Jahr zusammenwohnt, muss meist nicht füreinander einstehen.",
        when=is_in(_RELATION, "spouse", "registered_partner", "partner", "flatmate"),
        required=True,
        latest_days=0,
    ),
    ask(
        "joint_household",
        Answer.MANY,
        "Was trifft auf Sie und {name} zu?",
        "Nur wer füreinander einsteht wie ein Paar, wird zusammen gerechnet (§ 7 SGB II). In einer "
        "Wohngemeinschaft zu leben ist keine Partnerschaft.",
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
)

_CHILDREN = (
    ask(
        "own_family",
        Answer.YES_NO,
        "Ist {name} verheiratet oder hat {name} selbst ein Kind?",
        "Dann gehört {name} nicht zu Ihrer Bedarfsgemeinschaft.",
        page="Angaben zum Kind",
        when=every(is_in(_RELATION, "own_child", "partners_child", "sibling"), fact(Fact.AGE_15_TO_24)),
        required=True,
    ),
    ask(
        "custody_share",
        Answer.ONE,
        "Wie oft lebt {name} bei Ihnen?",
        "Auch für Tage zu Besuch kann es Leistungen geben.",
        options=options(full="immer", half="etwa die Hälfte der Zeit", visits="zu Besuch"),
        when=_CHILD,
        required=True,
        evidence=("E-CUSTODY",),
        evidence_when=("half", "visits"),
    ),
    ask(
        "custody_days",
        Answer.INTEGER,
        "An wie vielen Tagen im Monat ist {name} bei Ihnen?",
        "Ein Tag zählt, wenn das Kind mehr als zwölf Stunden da ist.",
        when=is_in("household.persons.custody_share", "half", "visits"),
        required=True,
        maximum=31,
    ),
    ask(
        "other_parent_in_household",
        Answer.YES_NO,
        "Wohnt der andere Elternteil von {name} auch im Haushalt?",
        "Wenn nicht, fragen wir später nach Unterhalt.",
        when=_CHILD,
        required=True,
    ),
    ask(
        "child_benefit",
        Answer.YES_NO,
        "Bekommt jemand Kindergeld für {name}?",
        "Kindergeld zählt als Einkommen des Kindes. Sie finden es auf dem Kontoauszug (Familienkasse).",
        when=_CHILD,
        required=True,
        evidence=("E-DECISION",),
    ),
    ask(
        "child_benefit_monthly",
        Answer.MONEY,
        "Kindergeld im Monat",
        "Es zählt als Einkommen des Kindes. Der Betrag für dieses Kind steht auf dem Kontoauszug (Familienkasse).",
        when=yes("household.persons.child_benefit"),
        required=True,
    ),
    ask(
        "child_benefit_recipient",
        Answer.ONE,
        "Wer bekommt das Kindergeld?",
        "Bei dieser Person oder beim Kind wird es angerechnet. Sehen Sie nach, auf wessen Konto es ankommt.",
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
        "child_income",
        Answer.MANY,
        "Welche anderen Einnahmen hat {name}?",
        "Alles, was für das Kind gezahlt wird. Sie finden es auf dem Kontoauszug oder im Bescheid.",
        options=options(
            maintenance="Unterhalt",
            advance_maintenance="Unterhaltsvorschuss",
            orphans_pension="Waisenrente",
            other="andere Einnahmen",
            none="keine",
        ),
        when=every(_CHILD, fact(Fact.UNDER_15)),
        evidence=("E-DECISION",),
    ),
    ask(
        "child_income_monthly",
        Answer.MONEY,
        "Wie viel ist das zusammen im Monat?",
        "Es zählt als Einkommen des Kindes. Sie finden es auf dem Kontoauszug. Ohne das Kindergeld, zum Beispiel "
        "230 Euro.",
        when=is_in("household.persons.child_income", "maintenance", "advance_maintenance", "orphans_pension", "other"),
        required=True,
    ),
    ask(
        "child_school",
        Answer.ONE,
        "Geht {name} in eine Kita oder Schule?",
        "Dann fragen wir, ob Sie Hilfe für Ausflüge, Schulsachen oder Mittagessen brauchen.",
        options=options(none="nein", kita="Kita oder Tagespflege", school="Schule"),
        when=_CHILD,
    ),
    ask(
        "school_name",
        Answer.TEXT,
        "Name der Kita oder Schule",
        "Dort werden Mittagessen und Ausflüge bezahlt. Zum Beispiel „Grundschule am See“.",
        when=is_in("household.persons.child_school", "kita", "school"),
    ),
    ask(
        "school_class",
        Answer.TEXT,
        "Klasse",
        "Davon hängt ab, welche Fahrten und Bücher gezahlt werden. Zum Beispiel 3b.",
        when=is_in("household.persons.child_school", "school"),
        max_length=20,
    ),
)

_MORE = (
    ask(
        "supports_applicant",
        Answer.YES_NO,
        "Unterstützt {name} Sie mit Geld oder Sachen?",
        "Zum Beispiel mit Essen oder mit der Miete. Verwandte, die selbst wenig haben, müssen das nicht.",
        page="Unterstützung im Haushalt",
        when=_RELATIVE,
        required=True,
    ),
    ask(
        "support_monthly",
        Answer.MONEY,
        "Wie viel ungefähr im Monat?",
        "Geld und der Wert der Sachen zusammen, zum Beispiel 50 Euro.",
        when=yes("household.persons.supports_applicant"),
        required=True,
    ),
    ask(
        "absent_now",
        Answer.YES_NO,
        "Ist {name} zurzeit nicht im Haushalt?",
        "Zum Beispiel im Krankenhaus, im Internat oder auf Reisen. Lassen Sie die Frage frei, wenn nicht.",
        page="Zeitweise nicht im Haushalt",
    ),
    ask(
        "absence_reason",
        Answer.LONG,
        "Warum, und wie lange?",
        "Ein Satz genügt. Eine Krankheit müssen Sie nicht nennen.",
        when=yes("household.persons.absent_now"),
        max_length=500,
    ),
)

HOUSEHOLD = Section(
    id="household",
    title="Wer wohnt mit Ihnen zusammen?",
    questions=(
        ask(
            "lives_alone",
            Answer.YES_NO,
            "Wohnen Sie allein?",
            "„Nein“ auch dann, wenn Sie mit Kindern, Eltern oder in einer Wohngemeinschaft leben. "
            "In einem Heim oder einer Unterkunft zählen nur Menschen, mit denen Sie gemeinsam leben.",
            required=True,
        ),
        ask(
            "persons",
            Answer.GROUP,
            "Weitere Personen im Haushalt",
            "Nennen Sie alle, die mit Ihnen wohnen. Zu jeder Person fragen wir nur, was für sie nötig ist. "
            "Wer 15 oder älter ist, darf auch selbst einen Antrag stellen.",
            when=no("household.lives_alone"),
            required=True,
            maximum=MAX_PERSONS,
            fields=(*_WHO, *_CHILDREN, *_MORE),
        ),
        ask(
            "speaks_for",
            Answer.ONE,
            "Für wen stellen Sie den Antrag?",
            "Wer mit Partnerin, Partner oder Familie lebt, stellt meist einen Antrag für alle. Das Gesetz nimmt an, "
            "dass Sie das dürfen (§ 38 SGB II), solange niemand widerspricht. Wer 15 oder älter ist, darf aber "
            "selbst einen Antrag stellen. Sprechen Sie vorher miteinander. Beispiel: Ihre Partnerin möchte ihre "
            "Angaben lieber selbst machen. Dann wählen Sie „nur für mich …“.",
            page="Für wen Sie sprechen",
            options=options(
                community="für alle, die zu meiner Bedarfsgemeinschaft gehören",
                only_self="nur für mich und meine Kinder unter 15 Jahren",
            ),
            when=fact(Fact.MAY_SPEAK_FOR_OTHERS),
            required=True,
            notices=notice(
                "only_self",
                is_in("household.speaks_for", "only_self"),
                "Die anderen stellen selbst einen Antrag",
                "Nach Einnahmen, Vermögen und Versicherung der anderen fragen wir Sie dann nicht. Sie gehören "
                "trotzdem zu Ihrer Bedarfsgemeinschaft: Was sie haben, zählt mit (§ 9 SGB II), und das Jobcenter "
                "fragt sie selbst danach. Sagen Sie ihnen, dass sie bald einen eigenen Antrag stellen müssen, wenn "
                "sie Leistungen brauchen: Er gilt erst ab dem Ersten des Monats, in dem er ankommt.",
            ),
        ),
    ),
)
