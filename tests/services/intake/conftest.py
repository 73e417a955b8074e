from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.intake.world import Replica, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
async def replica(world: World) -> AsyncIterator[Replica]:
    async with world.replica() as found:
        yield found
