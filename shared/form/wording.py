"""What the PDF calls things, for each Jobcenter: the benefit's name, annex numbers. The portal has its own branding."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Wording(BaseModel):
    """The words of one Jobcenter: the benefit's name, and what staff call an annex where it is not its code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    benefit: str = "Grundsicherungsgeld"
    annexes: dict[str, str] = Field(default_factory=dict)

    def annex(self, code: str) -> str:
        """What this Jobcenter calls the annex."""
        return self.annexes.get(code, code)


def load(text: str) -> dict[str, Wording]:
    """Jobcenter id → its wording; `default` for all others. Raises ValueError for a file that does not fit."""
    tables: dict[str, Any] = tomllib.loads(text)
    default = tables.get("default", {})
    return {
        name: Wording.model_validate(_over(default, table)) for name, table in ({"default": default} | tables).items()
    }


def _over(default: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    return default | own | {"annexes": default.get("annexes", {}) | own.get("annexes", {})}


@cache
def wordings(file: Path | None = None) -> dict[str, Wording]:
    """From the operator's file, or what is shipped."""
    if file is not None:
        return load(file.read_text("utf-8"))
    return load((resources.files("shared.form") / "wording.toml").read_text("utf-8"))


def wording_for(jobcenter_id: str | None, file: Path | None = None) -> Wording:
    """The Jobcenter's wording, or everybody's."""
    known = wordings(file)
    return known.get(jobcenter_id or "", known["default"])
