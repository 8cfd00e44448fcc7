"""Fixtures of the deployer's stories."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.unit.deployer.fakes import FakeDriver
from tests.unit.deployer.scene import Scene


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver()


@pytest.fixture
async def scene(driver: FakeDriver) -> AsyncIterator[Scene]:
    scene = Scene(driver)
    yield scene
    await scene.close()
