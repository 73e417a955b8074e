"""Who is responsible. The routing answers stand here; see `shared.form.routing`."""

from __future__ import annotations

from shared.form.conditions import is_in
from shared.form.definition._make import ask, notice, options
from shared.form.model import Answer, Not, Protection, Section

SITUATION = "responsibility.residence_situation"
NO_FIXED_HOME = is_in(SITUATION, "no_fixed_home")
WOMENS_SHELTER = is_in(SITUATION, "womens_shelter")
REFUGEE_ACCOMMODATION = is_in(SITUATION, "refugee_accommodation")
OBLIGED = is_in("responsibility.residence_obligation", "yes")
OBLIGATION_HELP = (
    "Das steht im Bescheid oder auf dem Zusatzblatt zum Aufenthaltstitel, zum Beispiel „Wohnsitznahme in …“ "
    "(§ 12a AufenthG). Dann ist das Jobcenter an diesem Ort zuständig."
)

RESPONSIBILITY = Section(
    id="responsibility",
    title="Welches Jobcenter ist zuständig?",
    help="Mit Postleitzahl und Gemeinde finden wir das Jobcenter, das Ihren Antrag bekommt.",
    deferrable=False,
    questions=(
        ask(
            "residence_situation",
            Answer.ONE,
            "Wie wohnen Sie zurzeit?",
            "Davon hängt ab, welches Jobcenter zuständig ist und was wir Sie zur Wohnung fragen. "
            "Beispiel: Sie schlafen bei einer Freundin auf dem Sofa. Dann wählen Sie „bei Verwandten, Freunden …“.",
            options=options(
                own_home="in einer eigenen Wohnung oder einem eigenen Haus",
                rented_home="zur Miete oder Untermiete",
                with_others="bei Verwandten, Freunden oder Bekannten",
                shelter="in einer Notunterkunft oder Obdachlosenunterkunft",
                womens_shelter="in einem Frauenhaus",
                refugee_accommodation="in einer Unterkunft für Geflüchtete",
                institution="in einer Klinik, einem Heim oder einer anderen Einrichtung",
                prison="in Haft",
                no_fixed_home="ohne feste Wohnung",
            ),
            required=True,
            early=True,
            notices=notice(
                "womens_shelter",
                WOMENS_SHELTER,
                "Ihre Anschrift bleibt geheim",
                "Ihr Antrag sagt dem Jobcenter auf der ersten Seite, dass niemand Ihre Anschrift erfahren darf. Sie "
                "steht in keiner Benachrichtigung. Als Anschrift genügt die Postanschrift, die das Frauenhaus Ihnen "
                "nennt, zum Beispiel ein Postfach. Achten Sie darauf, dass niemand diesen Antrag auf Ihrem Gerät "
                "sehen kann.",
            ),
        ),
        ask(
            "residence_postcode",
            Answer.POSTCODE,
            "Postleitzahl Ihrer Wohnung",
            "Die Postleitzahl des Ortes, an dem Sie jetzt wohnen, zum Beispiel 63303. "
            "Bitte nicht die Postleitzahl eines Postfachs.",
            page="Ihr Wohnort",
            when=Not(of=NO_FIXED_HOME),
            required=True,
            early=True,
        ),
        ask(
            "residence_municipality",
            Answer.MUNICIPALITY,
            "In welcher Stadt oder Gemeinde wohnen Sie?",
            "Manche Postleitzahlen gelten in mehreren Gemeinden. Die Gemeinde entscheidet, welches Jobcenter "
            "zuständig ist. Sie steht im Ausweis und im Mietvertrag.",
            when=Not(of=NO_FIXED_HOME),
        ),
        ask(
            "actual_stay_postcode",
            Answer.POSTCODE,
            "Postleitzahl des Ortes, an dem Sie sich meistens aufhalten",
            "Ohne feste Wohnung ist das Jobcenter an dem Ort zuständig, an dem Sie sich tatsächlich aufhalten "
            "(§ 36 SGB II). Beispiel: die Postleitzahl des Tagestreffs oder der Beratungsstelle.",
            when=NO_FIXED_HOME,
            required=True,
            early=True,
        ),
        ask(
            "actual_stay_municipality",
            Answer.MUNICIPALITY,
            "In welcher Stadt oder Gemeinde halten Sie sich meistens auf?",
            "Manche Postleitzahlen gelten in mehreren Gemeinden. Die Gemeinde entscheidet, welches Jobcenter "
            "zuständig ist.",
            when=NO_FIXED_HOME,
        ),
        ask(
            "residence_obligation",
            Answer.YES_NO_UNKNOWN,
            "Müssen Sie nach einem Bescheid der Ausländerbehörde an einem bestimmten Ort wohnen?",
            OBLIGATION_HELP,
            when=REFUGEE_ACCOMMODATION,
            required=True,
        ),
        ask(
            "obligation_postcode",
            Answer.POSTCODE,
            "Postleitzahl des Ortes, an dem Sie wohnen müssen",
            "Der Ort steht im Bescheid der Ausländerbehörde. Wenn dort nur ein Landkreis steht, nehmen Sie eine "
            "Postleitzahl aus diesem Landkreis.",
            when=OBLIGED,
            required=True,
            early=True,
            evidence=("E-RES",),
        ),
        ask(
            "obligation_municipality",
            Answer.MUNICIPALITY,
            "In welcher Stadt oder Gemeinde müssen Sie wohnen?",
            "Der Ort steht im Bescheid der Ausländerbehörde.",
            when=OBLIGED,
        ),
        ask(
            "previous_residence",
            Answer.ADDRESS,
            "Letzter Wohnort vor dem Frauenhaus",
            "Freiwillig. Die Städte rechnen die Kosten untereinander ab und brauchen dafür den Ort; er genügt. "
            "Die Anschrift des Frauenhauses behandelt das Jobcenter vertraulich.",
            when=WOMENS_SHELTER,
            protection=Protection.PROTECTED_ADDRESS,
        ),
    ),
)
