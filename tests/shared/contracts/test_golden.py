"""What was ever written stays readable: golden examples, `full` with every field and `least` with none that may miss.

A golden file is never changed. A change of a model that makes one unreadable needs a new major version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from devtools.contract_docs import schema_file, schemas
from shared.contracts.schemas import ALL_SCHEMAS, dataschema_of

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"
FILES = sorted(GOLDEN.glob("*.json"))


def schema_name(path: Path) -> str:
    return "/".join(path.name.split(".")[:2])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_example_is_read_and_written_as_it_was(path: Path) -> None:
    content = path.read_bytes()
    model = ALL_SCHEMAS[schema_name(path)]
    read = model.model_validate_json(content)
    assert model.model_validate_json(read.to_bytes()) == read
    written: dict[str, Any] = json.loads(read.to_bytes())
    golden: dict[str, Any] = json.loads(content)
    assert golden.items() <= without_defaults_added(written, golden).items()


def without_defaults_added(written: dict[str, Any], golden: dict[str, Any]) -> dict[str, Any]:
    """Fields that newer models add with a default are no difference; below the top level they are left alone."""

    def trim(new: Any, old: Any) -> Any:
        if isinstance(new, dict) and isinstance(old, dict):
            return {key: trim(value, old[key]) for key, value in new.items() if key in old}
        if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
            return [trim(a, b) for a, b in zip(new, old, strict=True)]
        return new

    trimmed: dict[str, Any] = trim(written, golden)
    return trimmed


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_example_fits_the_published_schema(path: Path) -> None:
    schema = schemas()[schema_file(schema_name(path))]
    jsonschema.Draft202012Validator(schema).validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("name", sorted(ALL_SCHEMAS))
def test_every_model_has_a_golden_example_with_every_field_of_its_first_version(name: str) -> None:
    full = GOLDEN / f"{name.replace('/', '.')}.full.json"
    assert set(json.loads(full.read_bytes())) <= set(ALL_SCHEMAS[name].model_fields)
    assert dataschema_of(ALL_SCHEMAS[name]) == name


def test_unknown_fields_of_newer_writers_are_ignored() -> None:
    for path in FILES:
        model = ALL_SCHEMAS[schema_name(path)]
        content = json.loads(path.read_bytes())
        assert model.model_validate(content | {"added_later": [1]}) == model.model_validate(content)
