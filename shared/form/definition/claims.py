"""Other claims that come first (HA; annex UF), and maintenance (annexes UH)."""

from __future__ import annotations

from shared.form.conditions import either, every, fact, is_in, yes
from shared.form.definition._make import ask, options
from shared.form.model import Answer, Fact, Not, Protection, Question, Repeat, Section

_APPLIED = "prior_claims.applied_benefits"
_CLAIMS = "prior_claims.claims"
_DAMAGE = is_in(_CLAIMS, "third_party_damage")

PRIOR_CLAIMS = Section(
    id="prior_claims",
    title="Andere Leistungen und Ansprüche",
    help="Manche Leistungen gehen vor. Das Jobcenter hilft Ihnen, sie zu bekommen.",
    questions=(
        ask(
            "applied_benefits",
            Answer.MANY,
            "Welche anderen Leistungen haben Sie oder jemand in Ihrer Bedarfsgemeinschaft beantragt?",
            "Auch Leistungen, die Sie vielleicht bekommen könnten. Bewilligte stehen schon bei den Einnahmen.",
            options=options(
                alg1="Arbeitslosengeld",
                housing_benefit="Wohngeld",
                child_supplement="Kinderzuschlag",
                advance_maintenance="Unterhaltsvorschuss",
                parental_allowance="Elterngeld",
                sickness_benefit="Krankengeld",
                pension="Rente",
                training_grant="BAföG oder Berufsausbildungsbeihilfe",
                foreign_pension="Rente aus dem Ausland",
                none="keine",
            ),
            required=True,
            evidence=("E-DECISION",),
        ),
        ask(
            "alg1_sanction",
            Answer.YES_NO_UNKNOWN,
            "Zahlt die Agentur für Arbeit gerade nicht, zum Beispiel wegen einer Sperrzeit?",
            "Es steht im Bescheid der Agentur für Arbeit.",
            when=is_in(_APPLIED, "alg1"),
            required=True,
        ),
        ask(
            "alg1_sanction_until",
            Answer.DATE,
            "Bis wann zahlt sie nicht?",
            "So lange braucht das Jobcenter nicht auf die Agentur zu warten. Das Datum steht im Bescheid.",
            when=is_in("prior_claims.alg1_sanction", "yes"),
        ),
        ask(
            "claims",
            Answer.MANY,
            "Haben Sie Ansprüche gegen jemanden?",
            "Wenn jemand anderes zahlen muss, holt sich das Jobcenter das Geld dort. Beispiel: Nach einem "
            "Verkehrsunfall zahlt die Versicherung der anderen Seite.",
            options=options(
                third_party_damage="Ich brauche Leistungen, weil mich jemand verletzt oder geschädigt hat",
                other="Ich habe Ansprüche aus einem Erbe, einem Vertrag oder auf Rückgabe eines Geschenks",
                none="nichts davon",
            ),
            required=True,
        ),
        ask(
            "damage_date",
            Answer.DATE,
            "Wann ist das passiert?",
            "Ab diesem Tag kann jemand anderes zahlen müssen. Der Tag des Unfalls oder der Tat.",
            page="Unfall oder Schaden",
            when=_DAMAGE,
            required=True,
            annex="UF",
            latest_days=0,
            evidence=("E-ACCIDENT",),
        ),
        ask(
            "damage_place",
            Answer.TEXT,
            "Wo ist das passiert?",
            "Damit das Jobcenter die Polizei oder Versicherung findet. Ort und Straße, zum Beispiel Dreieich, "
            "Hauptstraße.",
            when=_DAMAGE,
            annex="UF",
        ),
        ask(
            "damage_what",
            Answer.LONG,
            "Was ist passiert?",
            "Ein oder zwei Sätze. Verletzungen müssen Sie nicht beschreiben.",
            when=_DAMAGE,
            required=True,
            annex="UF",
            max_length=1000,
            protection=Protection.HEALTH,
        ),
        ask(
            "damage_who",
            Answer.TEXT,
            "Wer war schuld?",
            "Diese Person oder ihre Versicherung muss vielleicht zahlen. Der Name, wenn Sie ihn kennen.",
            when=_DAMAGE,
            annex="UF",
        ),
        ask(
            "damage_insurance",
            Answer.TEXT,
            "Versicherung der anderen Seite",
            "Name und Schadennummer, wenn Sie sie kennen.",
            when=_DAMAGE,
            annex="UF",
        ),
        ask(
            "damage_police_number",
            Answer.TEXT,
            "Aktenzeichen der Polizei",
            "Es steht auf dem Schreiben der Polizei.",
            when=_DAMAGE,
            annex="UF",
            max_length=60,
        ),
        ask(
            "other_claims_detail",
            Answer.LONG,
            "Welche Ansprüche, und gegen wen?",
            "Das Jobcenter prüft, ob es das Geld für Sie holen kann. Ein oder zwei Sätze, zum Beispiel „Pflichtteil "
            "nach meinem Vater“.",
            page="Sonstige Ansprüche",
            when=is_in(_CLAIMS, "other"),
            required=True,
            max_length=1000,
            evidence=("E-OTHER",),
        ),
    ),
)

_SPOUSE, _CARE = fact(Fact.MAINTENANCE_SPOUSE), fact(Fact.MAINTENANCE_CARE)
_CHILD, _PARENTS = fact(Fact.MAINTENANCE_CHILD), fact(Fact.MAINTENANCE_PARENTS)


def _block(prefix: str, annex: str, who: str, title: str, when: object, *, child: bool = False) -> tuple[Question, ...]:
    """The questions about one person who may have to pay maintenance; `who` in the nominative."""
    known = every(when, yes(f"maintenance.{prefix}_known"))  # type: ignore[arg-type]
    titled = yes(f"maintenance.{prefix}_title")
    questions = [
        ask(
            f"{prefix}_known",
            Answer.YES_NO,
            f"Können Sie sagen, wer {who} ist?",
            "Das Jobcenter prüft, ob diese Person Unterhalt zahlen muss. „Nein“ ist erlaubt.",
            label_other=f"Können Sie sagen, wer {who} von {{name}} ist?",
            page=title,
            when=when,
            required=True,
            annex=annex,
        ),
        ask(
            f"{prefix}_name",
            Answer.TEXT,
            f"Name: {who}",
            "Das Jobcenter muss wissen, an wen es schreibt. Vorname und Familienname.",
            when=known,
            required=True,
            annex=annex,
        ),
        ask(
            f"{prefix}_address",
            Answer.ADDRESS,
            f"Anschrift: {who}",
            "Damit der Brief ankommt. Nur wenn Sie sie kennen; der Ort genügt.",
            when=known,
            annex=annex,
            protection=Protection.PROTECTED_ADDRESS,
        ),
        ask(
            f"{prefix}_title",
            Answer.YES_NO,
            f"Gibt es eine Urkunde oder ein Urteil über den Unterhalt ({who})?",
            "Zum Beispiel vom Jugendamt oder vom Familiengericht.",
            when=known,
            required=True,
            annex=annex,
            evidence=("E-TITLE",),
        ),
        ask(
            f"{prefix}_amount",
            Answer.MONEY,
            f"Unterhalt im Monat laut Urkunde ({who})",
            "Der Betrag aus der Urkunde oder dem Urteil.",
            when=titled,
            annex=annex,
        ),
        ask(
            f"{prefix}_paid",
            Answer.MONEY,
            f"Was wird im Monat wirklich gezahlt ({who})?",
            "Wenn nichts gezahlt wird, schreiben Sie 0.",
            when=known,
            required=True,
            annex=annex,
        ),
        ask(
            f"{prefix}_none_reason",
            Answer.LONG,
            f"Warum wird kein Unterhalt gezahlt, oder warum wissen Sie nicht, wer {who} ist?",
            "Freiwillig. Dann fragt das Jobcenter nicht noch einmal. Ein Satz genügt, zum Beispiel „Er ist "
            "arbeitslos“.",
            when=when,
            annex=annex,
            max_length=500,
        ),
    ]
    if child:
        questions[3:3] = [
            ask(
                "child_paternity",
                Answer.YES_NO_UNKNOWN,
                "Ist die Elternschaft anerkannt oder festgestellt?",
                "Beim Jugendamt, Standesamt oder Gericht.",
                when=known,
                required=True,
                annex=annex,
                evidence=("E-TITLE",),
                evidence_when=("yes",),
            ),
            ask(
                "child_uvg",
                Answer.YES_NO,
                "Haben Sie Unterhaltsvorschuss beantragt?",
                "Beim Jugendamt. Er geht den Leistungen des Jobcenters vor.",
                when=when,
                required=True,
                annex=annex,
                evidence=("E-DECISION",),
            ),
        ]
    return tuple(questions)


MAINTENANCE = Section(
    id="maintenance",
    title="Unterhalt",
    title_other="Unterhalt für {name}",
    help="Wer Unterhalt bekommen könnte, soll ihn auch bekommen. Das Jobcenter kümmert sich um die andere Seite.",
    annex="HA",
    repeat=Repeat.PERSON,
    persons=either(_SPOUSE, _CARE, _CHILD, _PARENTS),
    questions=(
        ask(
            "hardship",
            Answer.YES_NO,
            "Gibt es Gründe, die andere Seite nicht anzuschreiben?",
            "Zum Beispiel Gewalt oder Angst. Sie müssen nichts erklären. Bei „Ja“ fragen wir nicht weiter, und das "
            "Jobcenter schreibt niemanden an, ohne vorher mit Ihnen zu sprechen.",
            protection=Protection.HEALTH,
        ),
        *_block(
            "spouse",
            "UH-spouse",
            "die frühere Partnerin oder der frühere Partner",
            "Unterhalt nach der Trennung",
            every(_SPOUSE, Not(of=yes("maintenance.hardship"))),
        ),
        *_block(
            "care",
            "UH-care",
            "der andere Elternteil Ihres Kindes",
            "Unterhalt für die Betreuung eines Kindes",
            every(_CARE, Not(of=yes("maintenance.hardship"))),
        ),
        *_block(
            "child",
            "UH-child",
            "der andere Elternteil",
            "Unterhalt für ein Kind",
            every(_CHILD, Not(of=yes("maintenance.hardship"))),
            child=True,
        ),
        *_block(
            "mother",
            "UH-parents",
            "die Mutter",
            "Unterhalt der Mutter",
            every(_PARENTS, Not(of=yes("maintenance.hardship"))),
        ),
        *_block(
            "father",
            "UH-parents",
            "der Vater",
            "Unterhalt des Vaters",
            every(_PARENTS, Not(of=yes("maintenance.hardship"))),
        ),
    ),
)
