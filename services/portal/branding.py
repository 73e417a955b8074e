"""What differs between Jobcenters on the same portal: names, contact texts, a colour. Data from one JSON file.

    {"default": {…}, "jobcenters": {"<id>": {…}}}

A Jobcenter's entry replaces single fields of the default; pages use it as soon as the responsible one is known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Misconfigured

DEFAULT_FILE = Path(__file__).with_name("branding.json")


class Branding(BaseModel):
    """Texts are German, plain, without markup."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    benefit: str = Field(description="name of the benefit")
    benefit_before: str = Field(default="", description="what it was called before, for those who look for it")
    portal: str = Field(description="name of this portal, in the head of each page")
    operator: str = Field(description="who runs it, with address, one line each part")
    operator_email: str
    operator_telephone: str = ""
    data_protection_email: str = ""
    help_text: str = Field(default="", description="where citizens get help with filling in")
    next_steps: tuple[str, ...] = Field(default=(), description="what happens after sending")
    accessibility_body: str = Field(default="", description="who settles disputes about accessibility (§ 16 BGG)")
    accent: str | None = Field(default=None, pattern="^(blue|green|red|petrol)$")


class Brandings:
    """The default and each Jobcenter's own."""

    def __init__(self, document: dict[str, Any]) -> None:
        try:
            default = document["default"]
            self.default = Branding.model_validate(default)
            own = document.get("jobcenters", {})
            self._own = {name: Branding.model_validate(default | fields) for name, fields in own.items()}
        except (KeyError, TypeError, AttributeError, ValidationError):
            raise Misconfigured("the branding file is not what services/portal/branding.py describes") from None

    @classmethod
    def from_file(cls, path: Path | None) -> Brandings:
        try:
            return cls(json.loads((path or DEFAULT_FILE).read_bytes()))
        except (OSError, ValueError):
            raise Misconfigured(f"no readable branding in {path or DEFAULT_FILE}") from None

    def of(self, jobcenter: str | None) -> Branding:
        return self._own.get(jobcenter, self.default) if jobcenter is not None else self.default
