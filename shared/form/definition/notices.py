"""What an applicant's age means: told, never a reason to stop (form.md, section 2)."""

from __future__ import annotations

from shared.form.conditions import every, fact
from shared.form.definition._make import notice
from shared.form.model import Fact

AGES = (
    *notice(
        "under_15",
        fact(Fact.UNDER_15),
        "Sie sind noch keine 15 Jahre alt",
        "Wer jünger als 15 ist, kann den Antrag nicht allein stellen (§ 36 SGB I). Kinder bekommen Leistungen "
        "zusammen mit ihren Eltern. Bitten Sie Ihre Eltern oder Ihren Vormund, den Antrag zu stellen und Sie dort "
        "anzugeben. Geht das nicht, hilft das Jugendamt. Wenn das Datum ein Versehen ist, ändern Sie es hier. Sie "
        "können auch so weitermachen: Das Jobcenter wendet sich dann an Ihre gesetzliche Vertretung.",
    ),
    *notice(
        "under_18",
        every(fact(Fact.AGE_15_OR_OLDER), fact(Fact.UNDER_18)),
        "Sie dürfen den Antrag selbst stellen",
        "Das dürfen Sie ab 15 Jahren (§ 36 SGB I). Das Jobcenter soll Ihre Eltern oder Ihren Vormund darüber "
        "informieren. Ist das für Sie gefährlich? Dann rufen Sie das Jobcenter oder das Jugendamt an. Schreiben Sie "
        "es auch am Ende unter „Möchten Sie noch etwas mitteilen?“.",
    ),
    *notice(
        "pension_age",
        fact(Fact.PENSION_AGE),
        "Für Sie ist wahrscheinlich das Sozialamt zuständig",
        "Sie haben das Alter erreicht, ab dem es kein Grundsicherungsgeld mehr gibt (§ 7a SGB II). Dafür gibt es "
        "die Grundsicherung im Alter. Stellen Sie diesen Antrag beim Sozialamt Ihrer Stadt oder Ihres Landkreises. "
        "Wenn das Datum ein Versehen ist, ändern Sie es hier. Sie können auch so weitermachen: Das Jobcenter gibt "
        "den Antrag dann weiter, und es zählt der Tag, an dem er hier ankam (§ 16 SGB I).",
    ),
)
