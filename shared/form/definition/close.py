"""Remarks, what the applicant has to know, and the declaration instead of a signature (§ 36a (2c) SGB I)."""

from __future__ import annotations

from shared.form.definition._make import ask, options
from shared.form.model import Answer, Section

CLOSE = Section(
    id="close",
    title="Prüfen und absenden",
    questions=(
        ask(
            "remarks",
            Answer.LONG,
            "Möchten Sie noch etwas mitteilen?",
            "Freiwillig. Zum Beispiel, wann Sie gut erreichbar sind.",
        ),
        ask(
            "consents",
            Answer.MANY,
            "Freiwillige Einwilligungen",
            "Jede ist freiwillig. Sie haben keinen Nachteil, wenn Sie nichts ankreuzen.",
            options=options(
                email_contact="Das Jobcenter darf mir per E-Mail schreiben",
                confidentiality_release="Ich entbinde Stellen von der Schweigepflicht, die ich genannt habe",
                share_with_landlord="Das Jobcenter darf mit meiner Vermieterin oder meinem Vermieter sprechen",
            ),
        ),
        ask(
            "privacy_read",
            Answer.YES_NO,
            "Ich habe die Hinweise zum Datenschutz gelesen.",
            "Dort steht, wer Ihre Angaben sieht und wann sie gelöscht werden.",
            must_be=True,
            required=True,
        ),
        ask(
            "duty_to_report_read",
            Answer.YES_NO,
            "Ich weiß, dass ich Änderungen sofort mitteilen muss (§ 60 SGB I).",
            "Zum Beispiel eine neue Arbeit, einen Umzug oder eine Reise.",
            must_be=True,
            required=True,
        ),
        ask(
            "data_matching_read",
            Answer.YES_NO,
            "Ich weiß, dass das Jobcenter Daten mit anderen Stellen abgleicht (§ 52 SGB II).",
            "Zum Beispiel mit der Rentenversicherung und dem Bundeszentralamt für Steuern.",
            must_be=True,
            required=True,
        ),
        ask(
            "truth_declaration",
            Answer.YES_NO,
            "Ich erkläre, dass alle meine Angaben wahr und vollständig sind.",
            "Wenn Sie Angaben später nachreichen, gilt die Erklärung für das, was Sie jetzt senden.",
            must_be=True,
            required=True,
            early=True,
        ),
        ask(
            "identification",
            Answer.ONE,
            "Wie haben Sie sich ausgewiesen?",
            "Das trägt die Stelle ein, bei der Sie sich angemeldet haben. Für den Antrag ist es nicht nötig.",
            options=options(none="gar nicht", bundid="mit der BundID", eid="mit dem Online-Ausweis"),
            by_portal=True,
        ),
    ),
)
