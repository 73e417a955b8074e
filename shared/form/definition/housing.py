"""Housing (annex KDU)."""

from __future__ import annotations

from shared.form.conditions import either, every, fact, is_in, no, yes
from shared.form.definition._make import ask, options
from shared.form.definition.responsibility import SITUATION
from shared.form.model import Answer, Fact, Not, Question, Section

_KIND = "housing.housing_kind"
_RENT = is_in(_KIND, "rent", "sublet")
_OWN = is_in(_KIND, "own")
_MOVED = fact(Fact.MOVED_RECENTLY)
_SPECIAL = "housing.special"
_SUBLETS = either(is_in(_SPECIAL, "sublets"), yes("housing.sublets"))
_MOVES = either(is_in(_SPECIAL, "move"), yes("housing.move_intended"))
_ARREARS = is_in(_SPECIAL, "rent_arrears")


def _yearly(question_id: str, label: str, help_text: str, *, required: bool) -> Question:
    return ask(question_id, Answer.MONEY, label, help_text, when=_OWN, required=required)


_HOME = (
    ask(
        "housing_kind",
        Answer.ONE,
        "Wie wohnen Sie genau?",
        "Davon hängt ab, welche Kosten wir fragen. „Mietfrei“ zum Beispiel bei den Eltern.",
        options=options(
            rent="zur Miete",
            sublet="zur Untermiete",
            own="im Eigentum",
            free="mietfrei",
            shelter="in einer Unterkunft oder einem Heim",
        ),
        required=True,
    ),
    ask(
        "persons_in_home",
        Answer.INTEGER,
        "Wie viele Personen wohnen dort?",
        "Zählen Sie alle mit, auch Sie selbst. Die Kosten werden meist nach Köpfen geteilt.",
        when=no("household.lives_alone"),
        required=True,
        minimum=1,
        maximum=500,
    ),
    ask(
        "move_in_date",
        Answer.DATE,
        "Eingezogen am",
        "Es steht im Mietvertrag. Ungefähr genügt.",
        required=True,
        latest_days=92,
    ),
    ask(
        "living_area",
        Answer.INTEGER,
        "Wohnfläche in Quadratmetern",
        "Sie steht im Mietvertrag, zum Beispiel 48. Lassen Sie das frei, wenn Sie es nicht wissen.",
        minimum=1,
        maximum=2000,
    ),
    ask(
        "rooms",
        Answer.INTEGER,
        "Zahl der Zimmer",
        "Das hilft zu prüfen, ob die Wohnung angemessen ist. Ohne Küche und Bad, wie im Mietvertrag, zum Beispiel 2.",
        minimum=1,
        maximum=50,
    ),
    ask(
        "year_built",
        Answer.INTEGER,
        "Baujahr, falls bekannt",
        "Freiwillig. Alte Häuser brauchen mehr Heizung. Es steht im Energieausweis, zum Beispiel 1965.",
        minimum=1000,
        maximum=2100,
    ),
    ask(
        "assurance",
        Answer.YES_NO,
        "Sie sind vor Kurzem eingezogen. Hat ein Jobcenter dem Umzug vorher zugestimmt?",
        "Das fragen wir, wenn Sie noch keine sechs Monate dort wohnen. Wenn Sie damals keine Leistungen bekommen "
        "haben, antworten Sie „Nein“. Das schadet nicht.",
        when=_MOVED,
        required=True,
        evidence=("E-DECISION",),
    ),
    ask(
        "moved_out_reason",
        Answer.LONG,
        "Warum sind Sie ausgezogen?",
        "Wer unter 25 ist und bei den Eltern auszieht, braucht einen wichtigen Grund (§ 22 SGB II), zum Beispiel "
        "Streit oder einen Ausbildungsplatz. Ein Satz genügt.",
        when=every(_MOVED, fact(Fact.UNDER_25)),
        required=True,
        max_length=1000,
    ),
)

_RENTED = (
    ask(
        "cold_rent",
        Answer.MONEY,
        "Grundmiete im Monat",
        "Ohne Nebenkosten und Heizung. Sie steht im Mietvertrag oder im letzten Schreiben zur Miete.",
        page="Kosten der Wohnung",
        when=_RENT,
        required=True,
        evidence=("E-RENT",),
    ),
    ask(
        "operating_costs",
        Answer.MONEY,
        "Nebenkosten im Monat",
        "Zum Beispiel Wasser, Müll und Treppenhaus. Wenn sie in der Miete enthalten sind, schreiben Sie 0.",
        when=_RENT,
        required=True,
    ),
    ask(
        "heating_costs",
        Answer.MONEY,
        "Heizkosten im Monat",
        "Der Abschlag für die Heizung. Wenn er in der Miete enthalten ist, schreiben Sie 0.",
        when=_RENT,
        required=True,
    ),
)

_HEATING = (
    ask(
        "heating_energy",
        Answer.ONE,
        "Womit wird geheizt?",
        "Davon hängt ab, wie hoch die Heizkosten sein dürfen.",
        page="Heizung und Warmwasser",
        options=options(
            gas="Gas",
            oil="Öl",
            district="Fernwärme",
            electric="Strom",
            wood="Holz oder Pellets",
            other="etwas anderes",
        ),
        when=either(_RENT, _OWN, is_in(_KIND, "free")),
        required=either(_RENT, _OWN),
    ),
    ask(
        "hot_water_by",
        Answer.ONE,
        "Wie wird das Wasser warm?",
        "Mit Boiler oder Durchlauferhitzer gibt es einen Mehrbedarf (§ 21 SGB II). Das Gerät hängt in Bad oder Küche.",
        options=options(central="über die Heizung", decentral="über Boiler oder Durchlauferhitzer"),
        when=either(_RENT, _OWN, is_in(_KIND, "free")),
        required=either(_RENT, _OWN),
        evidence=("E-WATER",),
        evidence_when=("decentral",),
    ),
    ask(
        "heating_paid_to",
        Answer.ONE,
        "An wen zahlen Sie die Heizkosten?",
        "Wer Öl oder Holz selbst kauft, bekommt die Kosten, wenn sie anfallen.",
        options=options(
            landlord="an die Vermieterin oder den Vermieter",
            supplier="an einen Versorger",
            self="Ich kaufe den Brennstoff selbst",
        ),
        when=either(_RENT, _OWN),
        required=True,
        evidence=("E-HEAT",),
        evidence_when=("supplier", "self"),
    ),
)

_TENANCY = (
    ask(
        "last_settlement",
        Answer.EVIDENCE,
        "Letzte Abrechnung der Nebenkosten und Heizkosten",
        "Wenn Sie schon eine bekommen haben.",
        when=_RENT,
        evidence=("E-SETTLE",),
    ),
    ask(
        "special",
        Answer.MANY,
        "Gibt es bei Ihrer Wohnung etwas davon?",
        "Manches davon kann das Jobcenter zusätzlich zahlen, zum Beispiel einen Stellplatz im Mietvertrag, Schulden "
        "oder Kaution. Der Strom zum Kochen und für Licht ist schon in der Leistung enthalten.",
        page="Besonderheiten der Wohnung",
        options=options(
            other_costs="weitere Kosten im Mietvertrag, zum Beispiel Stellplatz, Möbel oder Kabelanschluss",
            energy_in_rent="Der Haushaltsstrom ist in der Miete enthalten",
            settlement="Nachzahlung oder Guthaben aus der letzten Abrechnung",
            rent_arrears="Mietschulden",
            sublets="Ich vermiete einen Teil der Wohnung weiter",
            move="Ich möchte umziehen",
            none="nichts davon",
        ),
        when=_RENT,
        required=True,
        evidence=("E-ARREARS",),
        evidence_when=("rent_arrears",),
    ),
    ask(
        "other_costs",
        Answer.MONEY,
        "Weitere Kosten der Wohnung im Monat",
        "Was Sie nach dem Vertrag zahlen müssen, kann zur Miete zählen. Zusammen, zum Beispiel 30 Euro für den "
        "Stellplatz.",
        when=is_in(_SPECIAL, "other_costs"),
        required=True,
    ),
    ask(
        "settlement_balance",
        Answer.MONEY,
        "Ergebnis der letzten Abrechnung",
        "Nachzahlung als Plus, Guthaben als Minus, zum Beispiel -45,12.",
        when=is_in(_SPECIAL, "settlement"),
        required=True,
        minimum=-100_000_000,
        maximum=100_000_000,
    ),
    ask(
        "arrears_amount",
        Answer.MONEY,
        "Wie hoch sind die Mietschulden?",
        "Ungefähr genügt. Das Jobcenter kann Schulden übernehmen, damit Sie die Wohnung behalten.",
        when=_ARREARS,
    ),
    ask(
        "termination_date",
        Answer.DATE,
        "Gekündigt oder geräumt werden soll zum",
        "Das Datum steht in der Kündigung. Lassen Sie das frei, wenn es keine gibt.",
        when=_ARREARS,
    ),
    ask(
        "sublets",
        Answer.YES_NO,
        "Vermieten Sie einen Teil der Wohnung?",
        "Zum Beispiel ein Zimmer an eine Mitbewohnerin.",
        when=_OWN,
        required=True,
    ),
    ask(
        "sublet_income",
        Answer.MONEY,
        "Einnahmen aus der Vermietung im Monat",
        "Sie mindern Ihre eigenen Wohnkosten. Was Sie im Monat bekommen, mit Nebenkosten, zum Beispiel 250 Euro.",
        when=_SUBLETS,
        required=True,
        evidence=("E-RENT",),
    ),
    ask(
        "landlord_name",
        Answer.TEXT,
        "Name der Vermieterin oder des Vermieters",
        "Damit das Jobcenter direkt zahlen kann. Sonst muss die Vermieterin oder der Vermieter nichts erfahren.",
        when=yes("payment.direct_to_landlord"),
        required=True,
    ),
    ask(
        "landlord_address",
        Answer.ADDRESS,
        "Anschrift der Vermieterin oder des Vermieters",
        "Für Rückfragen zur Zahlung. Sie steht im Mietvertrag.",
        when=yes("payment.direct_to_landlord"),
    ),
    ask(
        "landlord_iban",
        Answer.IBAN,
        "IBAN der Vermieterin oder des Vermieters",
        "Sie steht im Mietvertrag oder auf Ihrem Kontoauszug.",
        when=yes("payment.direct_to_landlord"),
        required=True,
    ),
)

_OWNED = (
    ask(
        "own_kind",
        Answer.ONE,
        "Haus oder Eigentumswohnung?",
        "Davon hängt ab, welche Kosten es gibt. Die Wohnung zählt auch zum Vermögen.",
        page="Ihr Eigentum",
        options=options(house="Haus", flat="Eigentumswohnung"),
        when=_OWN,
        required=True,
        evidence=("E-OWN",),
    ),
    ask(
        "own_area",
        Answer.INTEGER,
        "Wohnfläche des Eigentums in Quadratmetern",
        "Sie steht im Kaufvertrag oder im Grundsteuerbescheid.",
        when=_OWN,
        required=True,
        maximum=5000,
    ),
    ask(
        "plot_area",
        Answer.INTEGER,
        "Grundstück in Quadratmetern",
        "Ein sehr großes Grundstück ist nicht ganz geschützt. Die Größe steht im Grundbuchauszug.",
        when=is_in("housing.own_kind", "house"),
        maximum=10_000_000,
    ),
    _yearly(
        "interest_yearly",
        "Schuldzinsen im Jahr, ohne Tilgung",
        "Sie stehen auf der Zinsbescheinigung der Bank.",
        required=True,
    ),
    _yearly("ground_tax_yearly", "Grundsteuer im Jahr", "Sie steht im Bescheid der Gemeinde.", required=True),
    _yearly(
        "building_insurance_yearly",
        "Gebäudeversicherung im Jahr",
        "Sie steht auf der Rechnung der Versicherung.",
        required=True,
    ),
    ask(
        "owners_fee_yearly",
        Answer.MONEY,
        "Hausgeld im Jahr",
        "Es steht im Wirtschaftsplan der Eigentümergemeinschaft.",
        when=is_in("housing.own_kind", "flat"),
        required=True,
    ),
    _yearly(
        "repairs_yearly",
        "Instandhaltung im Jahr",
        "Nötige Reparaturen zählen zu den Wohnkosten. Was Sie dafür im Jahr ausgeben, nach den Rechnungen.",
        required=False,
    ),
    _yearly(
        "chimney_yearly",
        "Schornsteinfeger im Jahr",
        "Auch das zählt zu den Wohnkosten. Es steht auf der Rechnung, zum Beispiel 80 Euro.",
        required=False,
    ),
    _yearly(
        "water_yearly",
        "Wasser und Abwasser im Jahr",
        "Auch das zählt zu den Wohnkosten. Es steht im Gebührenbescheid, zum Beispiel 320 Euro.",
        required=False,
    ),
    _yearly(
        "own_heating_yearly",
        "Heizkosten im Jahr",
        "Die Abschläge oder die Rechnung für Öl, Gas oder Holz.",
        required=False,
    ),
)

_SHELTER = (
    ask(
        "shelter_fee",
        Answer.MONEY,
        "Gebühr der Unterkunft im Monat",
        "Sie steht im Gebührenbescheid. Wenn es keine gibt, schreiben Sie 0.",
        when=is_in(_KIND, "shelter"),
        required=True,
        evidence=("E-DECISION",),
    ),
    ask(
        "move_intended",
        Answer.YES_NO,
        "Wollen Sie umziehen?",
        "Dann kann das Jobcenter bei Kaution und Umzug helfen.",
        when=Not(of=_RENT),
    ),
    ask(
        "deposit_needed",
        Answer.YES_NO,
        "Brauchen Sie Hilfe bei Kaution oder Umzugskosten?",
        "Bitte fragen Sie das Jobcenter, bevor Sie einen neuen Mietvertrag unterschreiben.",
        when=_MOVES,
        required=True,
    ),
)

HOUSING = Section(
    id="housing",
    title="Ihre Wohnung",
    annex="KDU",
    when=Not(of=is_in(SITUATION, "no_fixed_home", "prison")),
    questions=(*_HOME, *_RENTED, *_OWNED, *_HEATING, *_TENANCY, *_SHELTER),
)
