"""A circle for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.api.circle import Circle, running


@pytest.fixture
async def circle(tmp_path: Path) -> AsyncIterator[Circle]:
    async with running(tmp_path) as circle:
        yield circle
