"""Countries by ISO 3166-1 alpha-2, with their German names as the Foreign Office uses them in everyday writing."""

from __future__ import annotations

_NAMES = """
AF Afghanistan|EG Ägypten|AL Albanien|DZ Algerien|AD Andorra|AO Angola|AG Antigua und Barbuda|GQ Äquatorialguinea
AR Argentinien|AM Armenien|AZ Aserbaidschan|ET Äthiopien|AU Australien|BS Bahamas|BH Bahrain|BD Bangladesch
BB Barbados
BY Belarus|BE Belgien|BZ Belize|BJ Benin|BT Bhutan|BO Bolivien|BA Bosnien und Herzegowina|BW Botsuana|BR Brasilien
BN Brunei|BG Bulgarien|BF Burkina Faso|BI Burundi|CV Cabo Verde|CL Chile|CN China|CR Costa Rica|CI Côte d’Ivoire
DK Dänemark|DE Deutschland|DM Dominica|DO Dominikanische Republik|DJ Dschibuti|EC Ecuador|SV El Salvador|ER Eritrea
EE Estland|SZ Eswatini|FJ Fidschi|FI Finnland|FR Frankreich|GA Gabun|GM Gambia|GE Georgien|GH Ghana|GD Grenada
GR Griechenland|GT Guatemala|GN Guinea|GW Guinea-Bissau|GY Guyana|HT Haiti|HN Honduras|IN Indien|ID Indonesien|IQ Irak
IR Iran|IE Irland|IS Island|IL Israel|IT Italien|JM Jamaika|JP Japan|YE Jemen|JO Jordanien|KH Kambodscha|CM Kamerun
CA Kanada|KZ Kasachstan|QA Katar|KE Kenia|KG Kirgisistan|KI Kiribati|CO Kolumbien|KM Komoren
CD Kongo, Demokratische Republik
CG Kongo, Republik|KP Korea, Nord|KR Korea, Süd|XK Kosovo|HR Kroatien|CU Kuba|KW Kuwait|LA Laos|LS Lesotho|LV Lettland
LB Libanon|LR Liberia|LY Libyen|LI Liechtenstein|LT Litauen|LU Luxemburg|MG Madagaskar|MW Malawi|MY Malaysia
MV Malediven
ML Mali|MT Malta|MA Marokko|MH Marshallinseln|MR Mauretanien|MU Mauritius|MX Mexiko|FM Mikronesien|MD Moldau|MC Monaco
MN Mongolei|ME Montenegro|MZ Mosambik|MM Myanmar|NA Namibia|NR Nauru|NP Nepal|NZ Neuseeland|NI Nicaragua
NL Niederlande
NE Niger|NG Nigeria|MK Nordmazedonien|NO Norwegen|OM Oman|AT Österreich|PK Pakistan
PS Palästinensische Gebiete|PW Palau
PA Panama|PG Papua-Neuguinea|PY Paraguay|PE Peru|PH Philippinen|PL Polen|PT Portugal|RW Ruanda|RO Rumänien
RU Russische Föderation|SB Salomonen|ZM Sambia|WS Samoa|SM San Marino|ST São Tomé und Príncipe
SA Saudi-Arabien|SE Schweden
CH Schweiz|SN Senegal|RS Serbien|SC Seychellen|SL Sierra Leone|ZW Simbabwe|SG Singapur|SK Slowakei
SI Slowenien|SO Somalia
ES Spanien|LK Sri Lanka|KN St. Kitts und Nevis|LC St. Lucia|VC St. Vincent und die Grenadinen|ZA Südafrika|SD Sudan
SS Südsudan|SR Suriname|SY Syrien|TJ Tadschikistan|TW Taiwan|TZ Tansania|TH Thailand|TL Timor-Leste|TG Togo|TO Tonga
TT Trinidad und Tobago|TD Tschad|CZ Tschechien|TN Tunesien|TR Türkei|TM Turkmenistan|TV Tuvalu|UG Uganda|UA Ukraine
HU Ungarn|UY Uruguay|UZ Usbekistan|VU Vanuatu|VA Vatikanstadt|VE Venezuela|AE Vereinigte Arabische Emirate
US Vereinigte Staaten von Amerika|GB Vereinigtes Königreich|VN Vietnam|CF Zentralafrikanische Republik|CY Zypern
"""

COUNTRIES: dict[str, str] = {
    "DE": "Deutschland",
    **{entry[:2]: entry[3:] for line in _NAMES.strip().splitlines() for entry in line.split("|")},
    "XX": "staatenlos oder ungeklärt",
}
"""Code → German name: Germany first, the others in the alphabet's order, `XX` last."""


def country_name(code: str) -> str:
    """The code itself for a country that is not listed."""
    return COUNTRIES.get(code, code)
