"""Assets of the whole community (annex VM)."""

from __future__ import annotations

from shared.form.conditions import fact, is_in, yes
from shared.form.definition._make import ask, options
from shared.form.model import Answer, Fact, Repeat, Section

_HAS = "assets.has"

_HELD = (
    ask(
        "has",
        Answer.MANY,
        "Was besitzen Sie?",
        "Ein angemessenes Auto, eine angemessene selbst bewohnte Wohnung, Altersvorsorge und ein Freibetrag sind "
        "geschützt (§ 12 SGB II). Geben Sie trotzdem alles an.",
        label_other="Was besitzt {name}?",
        options=options(
            accounts="Konto, Sparbuch, PayPal oder Bargeld",
            securities="Wertpapiere, Fonds, Bausparen oder Kryptowerte",
            life_insurance="Lebensversicherung oder private Rentenversicherung",
            old_age_provision="Riester, Rürup oder betriebliche Altersvorsorge",
            vehicle="Auto, Motorrad oder anderes Fahrzeug",
            real_estate="Haus, Wohnung oder Grundstück, auch im Ausland",
            valuables="Wertvolle Gegenstände, zum Beispiel Schmuck, Gold oder Kunst",
            claims="Verliehenes Geld, Erbteil oder Schadensersatz",
            business="Vermögen eines Betriebs",
            none="nichts davon",
        ),
        required=True,
    ),
)

_GIFTS = (
    ask(
        "gifts_10y",
        Answer.YES_NO,
        "Haben Sie in den letzten zehn Jahren größeres Vermögen verschenkt oder übertragen?",
        "Zum Beispiel ein Haus an die Kinder. Gewöhnliche Geschenke zählen nicht.",
        label_other="Hat {name} in den letzten zehn Jahren größeres Vermögen verschenkt oder übertragen?",
        when=fact(Fact.AGE_15_OR_OLDER),
        required=True,
        evidence=("E-OTHER",),
    ),
    ask(
        "gift_amount",
        Answer.MONEY,
        "Wert des Geschenks",
        "Vielleicht können Sie es zurückverlangen (§ 528 BGB). Er steht im Vertrag. Ungefähr genügt.",
        when=yes("assets.gifts_10y"),
        required=True,
    ),
    ask(
        "gift_date",
        Answer.DATE,
        "Wann war das?",
        "Das Datum des Vertrags oder der Überweisung.",
        when=yes("assets.gifts_10y"),
        required=True,
        latest_days=0,
    ),
    ask(
        "gift_to",
        Answer.TEXT,
        "An wen?",
        "Das Jobcenter prüft, ob Sie es zurückbekommen können. Vorname und Familienname.",
        when=yes("assets.gifts_10y"),
    ),
)

_ACCOUNTS = (
    ask(
        "accounts",
        Answer.GROUP,
        "Konten und Bargeld",
        "Jedes Konto einzeln, auch wenn es leer oder im Minus ist.",
        when=is_in(_HAS, "accounts"),
        required=True,
        evidence=("E-BANK",),
        fields=(
            ask(
                "kind",
                Answer.ONE,
                "Art des Kontos",
                "PayPal und ähnliche sind Online-Konten.",
                options=options(
                    current="Girokonto",
                    savings="Sparkonto",
                    overnight="Tagesgeld",
                    online="Online-Konto",
                    cash="Bargeld",
                ),
                required=True,
            ),
            ask("bank", Answer.TEXT, "Bank", "Zum Beispiel Sparkasse Langen-Seligenstadt. Bei Bargeld frei lassen."),
            ask(
                "iban_last4",
                Answer.TEXT,
                "Letzte vier Ziffern der IBAN",
                "Damit das Jobcenter die Konten unterscheiden kann, zum Beispiel 0123.",
                pattern="^[0-9]{4}$",
            ),
            ask(
                "balance",
                Answer.MONEY,
                "Kontostand",
                "Er steht auf dem letzten Kontoauszug. Schulden mit Minus, zum Beispiel -120,00.",
                required=True,
                minimum=-100_000_000,
            ),
            ask(
                "balance_on",
                Answer.DATE,
                "Stand vom",
                "Es zählt, was am Tag des Antrags da ist. Am besten der Stand von heute, aus der App oder vom Auszug.",
                required=True,
                latest_days=0,
            ),
        ),
    ),
)

_SAVINGS = (
    ask(
        "securities_value",
        Answer.MONEY,
        "Wert der Wertpapiere, Fonds, Bausparverträge und Kryptowerte",
        "Er steht auf dem Depotauszug oder in der App. Der Wert von heute genügt.",
        page="Sparen und Vorsorge",
        when=is_in(_HAS, "securities"),
        required=True,
        evidence=("E-VALUE",),
    ),
    ask(
        "life_insurance_value",
        Answer.MONEY,
        "Rückkaufswert der Versicherungen",
        "Was Sie bei einer Kündigung bekämen. Fragen Sie die Versicherung oder sehen Sie auf die Jahresmitteilung.",
        when=is_in(_HAS, "life_insurance"),
        required=True,
        evidence=("E-VALUE",),
    ),
    ask(
        "life_insurance_paid_in",
        Answer.MONEY,
        "Bisher in die Versicherungen eingezahlt",
        "Es steht auf der Jahresmitteilung.",
        when=is_in(_HAS, "life_insurance"),
    ),
    ask(
        "old_age_provision_value",
        Answer.MONEY,
        "Wert der Altersvorsorge",
        "Er steht auf der Jahresmitteilung. Altersvorsorge ist meist geschützt.",
        when=is_in(_HAS, "old_age_provision"),
        required=True,
        evidence=("E-VALUE",),
    ),
)

_THINGS = (
    ask(
        "vehicles",
        Answer.GROUP,
        "Fahrzeuge",
        "Auto, Motorrad, Wohnwagen. Ein angemessenes Auto für jede Person, die arbeiten kann, ist geschützt.",
        when=is_in(_HAS, "vehicle"),
        required=True,
        evidence=("E-VEHICLE",),
        fields=(
            ask(
                "make",
                Answer.TEXT,
                "Marke und Modell",
                "Damit lässt sich der Wert prüfen. Es steht im Fahrzeugschein, zum Beispiel Škoda Fabia.",
                required=True,
            ),
            ask(
                "year",
                Answer.INTEGER,
                "Baujahr",
                "Es steht im Fahrzeugschein (Erstzulassung).",
                required=True,
                minimum=1900,
                maximum=2100,
            ),
            ask("mileage_km", Answer.INTEGER, "Kilometerstand", "Ungefähr, zum Beispiel 184000.", maximum=2_000_000),
            ask("registered_to", Answer.TEXT, "Auf wen ist es angemeldet?", "Der Name steht im Fahrzeugschein."),
            ask(
                "value",
                Answer.MONEY,
                "Wert des Fahrzeugs, geschätzt",
                "Was Sie beim Verkauf bekämen. Vergleichen Sie mit Anzeigen im Internet.",
                required=True,
            ),
        ),
    ),
    ask(
        "real_estate",
        Answer.GROUP,
        "Häuser, Wohnungen, Grundstücke",
        "Auch im Ausland, auch Anteile, zum Beispiel aus einem Erbe.",
        when=is_in(_HAS, "real_estate"),
        required=True,
        evidence=("E-OWN",),
        fields=(
            ask("what", Answer.TEXT, "Was ist es?", "Zum Beispiel „halbes Haus in Polen“.", required=True),
            ask("lived_in", Answer.YES_NO, "Wohnen Sie selbst dort?", "Dann ist es oft geschützt.", required=True),
            ask(
                "country",
                Answer.COUNTRY,
                "In welchem Land?",
                "Davon hängt ab, wer den Wert feststellt. Zum Beispiel Polen.",
                required=True,
            ),
            ask("value", Answer.MONEY, "Wert der Immobilie, geschätzt", "Ungefähr genügt.", required=True),
            ask("debts", Answer.MONEY, "Schulden darauf", "Zum Beispiel der Rest eines Kredits."),
        ),
    ),
    ask(
        "valuables",
        Answer.LONG,
        "Welche wertvollen Gegenstände?",
        "Nur was sich für viel Geld verkaufen ließe, nicht der gewöhnliche Hausrat.",
        page="Weiteres Vermögen",
        when=is_in(_HAS, "valuables"),
        required=True,
    ),
    ask(
        "valuables_value",
        Answer.MONEY,
        "Wert der Gegenstände, geschätzt",
        "Was Sie beim Verkauf bekämen. Vergleichen Sie mit Anzeigen im Internet. Ungefähr genügt.",
        when=is_in(_HAS, "valuables"),
        required=True,
    ),
    ask(
        "claims_value",
        Answer.MONEY,
        "Höhe der Forderungen",
        "Was Ihnen andere schulden, ungefähr.",
        when=is_in(_HAS, "claims"),
        required=True,
        evidence=("E-OTHER",),
    ),
    ask(
        "business_value",
        Answer.MONEY,
        "Wert des Betriebsvermögens, geschätzt",
        "Maschinen, Waren, Geld auf dem Betriebskonto.",
        when=is_in(_HAS, "business"),
        required=True,
        annex="EKS",
        evidence=("E-BWA",),
    ),
    ask(
        "note",
        Answer.LONG,
        "Was davon können Sie nicht verwerten und warum?",
        "Zum Beispiel „Das Auto brauche ich für die Arbeit“. Freiwillig.",
        label_other="Was davon kann {name} nicht verwerten und warum?",
        when=is_in(_HAS, "securities", "life_insurance", "vehicle", "real_estate", "valuables", "claims", "business"),
    ),
)

ASSETS = Section(
    id="assets",
    title="Vermögen",
    title_other="Vermögen von {name}",
    annex="VM",
    repeat=Repeat.PERSON,
    questions=(*_HELD, *_GIFTS, *_ACCOUNTS, *_SAVINGS, *_THINGS),
)
