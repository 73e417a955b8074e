"""Limits of an application. One place, so that schema, validation, intake and tests agree."""

from __future__ import annotations

MAX_APPLICATION_BYTES = 1_048_576
"""The application as canonical JSON; larger ones are refused before they are parsed."""
MAX_DEPTH = 12
"""Nesting of the application's JSON. The form itself needs six."""
MAX_NODES = 50_000
"""Values in the application's JSON, containers included."""
MAX_ERRORS = 100
"""Errors reported at once; the rest shows when these are mended."""
MAX_TEXT = 120
MAX_LONG = 2_000
MAX_PERSONS = 30
"""Further persons of one household."""
MAX_ITEMS = 50
"""Entries of one repeatable group."""
MAX_EVIDENCE = 300
MAX_MONEY_CENTS = 10_000_000_000
"""100 million euro: above it is a typing mistake."""
EARLIEST_YEAR = 1900
"""No date of a living person's application lies before."""
MAX_FILENAME_BYTES = 100
