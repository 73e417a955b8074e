from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.delivery.running import World
from tests.services.delivery.running import world as open_world


@pytest.fixture
async def world(kafka: str, s3: Any, bucket: str, tmp_path: Path) -> AsyncIterator[World]:
    """A real broker, a real store, the directory published; services are started by the test."""
    async with open_world(kafka, s3, bucket, tmp_path) as world:
        yield world
