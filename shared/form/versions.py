"""Earlier versions of the form: what was sent under them can still be read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from shared.form.model import Definition

_EARLIER: Mapping[str, tuple[str, ...]] = {"sgb2-hauptantrag": ("1.0.0", "2.0.0")}


@cache
def earlier(service: str) -> Mapping[str, Definition]:
    """Version → definition, without the current one. Empty for an unknown service."""
    folder = resources.files("shared.form") / "definition"
    return {
        version: Definition.model_validate_json((folder / f"{service}-{version}.json").read_bytes())
        for version in _EARLIER.get(service, ())
    }
