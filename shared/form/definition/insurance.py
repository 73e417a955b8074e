"""Health and care insurance of everyone in the community (annex SV)."""

from __future__ import annotations

from shared.form.conditions import is_in
from shared.form.definition._make import ask, notice, options
from shared.form.model import Answer, Doubt, Repeat, Section

_KIND = "health_insurance.kind"
_STATUTORY = is_in(_KIND, "compulsory", "family", "voluntary")
_PRIVATE = is_in(_KIND, "private")

HEALTH_INSURANCE = Section(
    id="health_insurance",
    title="Krankenversicherung und Pflegeversicherung",
    title_other="Krankenversicherung von {name}",
    annex="SV",
    repeat=Repeat.PERSON,
    questions=(
        ask(
            "kind",
            Answer.ONE,
            "Wie sind Sie krankenversichert?",
            "Das Jobcenter meldet Sie bei der Krankenkasse an und zahlt die Beiträge. Pflichtversichert sind die "
            "meisten, die gearbeitet oder Arbeitslosengeld bekommen haben.",
            label_other="Wie ist {name} krankenversichert?",
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
            evidence_when=("compulsory", "family", "voluntary", "private", "abroad"),
        ),
        ask(
            "fund_name",
            Answer.TEXT,
            "Name der Krankenkasse",
            "Er steht auf der Gesundheitskarte, zum Beispiel AOK Hessen.",
            when=_STATUTORY,
            required=True,
        ),
        ask(
            "insured_number",
            Answer.TEXT,
            "Versichertennummer",
            "Ein Buchstabe und neun Ziffern, auf der Gesundheitskarte, zum Beispiel A123456789.",
            pattern="^[A-Z][0-9]{9}$",
            when=_STATUTORY,
            required=is_in(_KIND, "compulsory", "voluntary"),
            notices=notice(
                "check_digit",
                Doubt.INSURED_NUMBER,
                "Bitte vergleichen Sie die Versichertennummer",
                "Die letzte Ziffer passt nicht zu den anderen. Meist ist das ein Tippfehler. Wenn die Nummer genau "
                "so auf der Karte steht, lassen Sie sie so.",
            ),
        ),
        ask(
            "main_insured",
            Answer.PERSON,
            "Über wen sind Sie familienversichert?",
            "Meistens über die Ehefrau, den Ehemann oder einen Elternteil.",
            label_other="Über wen ist {name} familienversichert?",
            when=is_in(_KIND, "family"),
            required=True,
        ),
        ask(
            "private_premium_monthly",
            Answer.MONEY,
            "Beitrag zur privaten Krankenversicherung im Monat",
            "Er steht auf dem letzten Schreiben der Versicherung. Das Jobcenter kann einen Zuschuss zahlen.",
            when=_PRIVATE,
            required=True,
        ),
        ask(
            "private_care_premium_monthly",
            Answer.MONEY,
            "Beitrag zur privaten Pflegeversicherung im Monat",
            "Er steht auf demselben Schreiben.",
            when=_PRIVATE,
            required=True,
        ),
        ask(
            "private_basic_tariff",
            Answer.YES_NO,
            "Sind Sie im Basistarif?",
            "Fragen Sie Ihre Versicherung: Im Basistarif ist der Beitrag für Menschen mit wenig Geld halbiert.",
            label_other="Ist {name} im Basistarif?",
            when=_PRIVATE,
            required=True,
        ),
        ask(
            "last_insurance",
            Answer.TEXT,
            "Wo waren Sie zuletzt versichert?",
            "Das Jobcenter meldet Sie an. Dafür brauchen Sie eine Krankenkasse; die letzte muss Sie aufnehmen.",
            label_other="Wo war {name} zuletzt versichert?",
            when=is_in(_KIND, "none", "abroad"),
            required=True,
        ),
        ask(
            "last_insured_until",
            Answer.DATE,
            "Bis wann waren Sie dort versichert?",
            "Freiwillig. Ungefähr genügt.",
            label_other="Bis wann war {name} dort versichert?",
            when=is_in(_KIND, "none", "abroad"),
        ),
    ),
)
