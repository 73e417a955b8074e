"""Housing (annex KDU)."""

from __future__ import annotations

from shared.form.conditions import either, is_in, yes
from shared.form.definition._make import ask, options
from shared.form.definition.responsibility import SITUATION
from shared.form.model import Answer, Not, Section

_RENT = is_in("housing.housing_kind", "rent", "sublet")
_OWN = is_in("housing.housing_kind", "own")

HOUSING = Section(
    id="housing",
    title="Ihre Wohnung",
    annex="KDU",
    when=Not(of=is_in(SITUATION, "no_fixed_home", "prison")),
    questions=(
        ask(
            "housing_kind",
            Answer.ONE,
            "Wie wohnen Sie?",
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
            help="Zählen Sie alle mit, auch Sie selbst.",
            required=True,
            minimum=1,
            maximum=500,
        ),
        ask("move_in_date", Answer.DATE, "Eingezogen am", required=True),
        ask("living_area", Answer.INTEGER, "Wohnfläche in Quadratmetern", minimum=1, maximum=2000),
        ask("rooms", Answer.INTEGER, "Zahl der Zimmer", minimum=1, maximum=50),
        ask("year_built", Answer.INTEGER, "Baujahr, falls bekannt", minimum=1000, maximum=2100),
        ask("moved_recently", Answer.YES_NO, "Sind Sie in den letzten sechs Monaten umgezogen?", required=True),
        ask(
            "assurance",
            Answer.YES_NO,
            "Hat das Jobcenter dem Umzug vorher zugestimmt?",
            when=yes("housing.moved_recently"),
            required=True,
            evidence=("E-DECISION",),
        ),
        ask(
            "cold_rent",
            Answer.MONEY,
            "Grundmiete im Monat",
            help="Ohne Nebenkosten und Heizung. Sie steht im Mietvertrag.",
            when=_RENT,
            required=True,
            evidence=("E-RENT",),
        ),
        ask("operating_costs", Answer.MONEY, "Nebenkosten im Monat", when=_RENT, required=True, evidence=("E-RENT",)),
        ask("heating_costs", Answer.MONEY, "Heizkosten im Monat", when=_RENT, required=True, evidence=("E-RENT",)),
        ask(
            "other_costs",
            Answer.MONEY,
            "Sonstige Kosten im Monat",
            help="Zum Beispiel Stellplatz, Möbel, Kabelanschluss.",
            when=_RENT,
        ),
        ask(
            "heating_energy",
            Answer.ONE,
            "Womit wird geheizt?",
            options=options(
                gas="Gas",
                oil="Öl",
                district="Fernwärme",
                electric="Strom",
                wood="Holz oder Pellets",
                other="etwas anderes",
            ),
            required=either(_RENT, _OWN),
        ),
        ask(
            "hot_water_by",
            Answer.ONE,
            "Wie wird das Wasser warm?",
            options=options(central="über die Heizung", decentral="über Boiler oder Durchlauferhitzer"),
            required=either(_RENT, _OWN),
        ),
        ask(
            "heating_paid_to",
            Answer.ONE,
            "An wen zahlen Sie die Heizkosten?",
            options=options(
                landlord="an die Vermieterin oder den Vermieter",
                supplier="an einen Versorger",
                self="Ich kaufe den Brennstoff selbst",
            ),
            when=either(_RENT, _OWN),
            required=True,
            evidence=("E-RENT",),
        ),
        ask(
            "last_settlement",
            Answer.EVIDENCE,
            "Letzte Abrechnung der Nebenkosten und Heizkosten",
            when=_RENT,
            evidence=("E-SETTLE",),
        ),
        ask(
            "settlement_balance",
            Answer.MONEY,
            "Ergebnis der letzten Abrechnung",
            help="Nachzahlung als Plus, Guthaben als Minus.",
            when=_RENT,
            minimum=-100_000_000,
            maximum=100_000_000,
        ),
        ask("household_energy_in_rent", Answer.YES_NO, "Ist der Haushaltsstrom in der Miete enthalten?", when=_RENT),
        ask(
            "sublets",
            Answer.YES_NO,
            "Vermieten Sie einen Teil der Wohnung weiter?",
            when=either(_RENT, _OWN),
            required=True,
        ),
        ask("sublet_income", Answer.MONEY, "Einnahmen daraus im Monat", when=yes("housing.sublets"), required=True),
        ask("rent_arrears", Answer.YES_NO, "Haben Sie Mietschulden?", when=_RENT, evidence=("E-ARREARS",)),
        ask("arrears_amount", Answer.MONEY, "Wie viel?", when=yes("housing.rent_arrears")),
        ask(
            "termination_date", Answer.DATE, "Gekündigt oder geräumt werden soll zum", when=yes("housing.rent_arrears")
        ),
        ask("landlord_name", Answer.TEXT, "Name der Vermieterin oder des Vermieters", when=_RENT),
        ask("landlord_address", Answer.ADDRESS, "Anschrift der Vermieterin oder des Vermieters", when=_RENT),
        ask(
            "landlord_iban",
            Answer.IBAN,
            "IBAN der Vermieterin oder des Vermieters",
            when=yes("payment.direct_to_landlord"),
            required=True,
        ),
        ask(
            "own_kind",
            Answer.ONE,
            "Haus oder Eigentumswohnung?",
            options=options(house="Haus", flat="Eigentumswohnung"),
            when=_OWN,
            required=True,
            evidence=("E-OWN",),
        ),
        ask(
            "own_area",
            Answer.INTEGER,
            "Wohnfläche des Eigentums in Quadratmetern",
            when=_OWN,
            required=True,
            maximum=5000,
        ),
        ask("plot_area", Answer.INTEGER, "Grundstück in Quadratmetern", when=_OWN, maximum=10_000_000),
        ask("interest_yearly", Answer.MONEY, "Schuldzinsen im Jahr, ohne Tilgung", when=_OWN, required=True),
        ask("ground_tax_yearly", Answer.MONEY, "Grundsteuer im Jahr", when=_OWN, required=True),
        ask("building_insurance_yearly", Answer.MONEY, "Gebäudeversicherung im Jahr", when=_OWN, required=True),
        ask(
            "owners_fee_yearly", Answer.MONEY, "Hausgeld im Jahr", when=is_in("housing.own_kind", "flat"), required=True
        ),
        ask("repairs_yearly", Answer.MONEY, "Instandhaltung im Jahr", when=_OWN),
        ask("chimney_yearly", Answer.MONEY, "Schornsteinfeger im Jahr", when=_OWN),
        ask("water_yearly", Answer.MONEY, "Wasser und Abwasser im Jahr", when=_OWN),
        ask(
            "shelter_fee",
            Answer.MONEY,
            "Gebühr der Unterkunft im Monat",
            when=is_in("housing.housing_kind", "shelter"),
            required=True,
            evidence=("E-DECISION",),
        ),
        ask("move_intended", Answer.YES_NO, "Wollen Sie umziehen?"),
        ask(
            "deposit_needed",
            Answer.YES_NO,
            "Brauchen Sie Hilfe bei Kaution oder Umzugskosten?",
            help="Bitte fragen Sie das Jobcenter, bevor Sie unterschreiben.",
            when=yes("housing.move_intended"),
            required=True,
        ),
    ),
)
