"""One house for the tests that do not stop it, and one of its own for each that does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.house import House, house_in, set_up_shop


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Running, with shop v1 in a pipeline on two stacks."""
    with house_in(tmp_path_factory.mktemp("shared") / "house") as house:
        house.start()
        set_up_shop(house)
        yield house


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[House]:
    """Not started."""
    with house_in(tmp_path / "house") as house:
        yield house
