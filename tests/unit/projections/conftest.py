"""What the tests of projections share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bench.histories import Chronicle, shop
from tests.unit.projections.house import House

from ownstack_readmodel import open_readmodel


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(open_readmodel(f"sqlite:///{tmp_path / 'house.db'}", threading.Lock()))
    yield house
    house.close()


@pytest.fixture
def chronicle() -> Chronicle:
    """The team acme: shop-staging on staging-1, shop on eu-1, eu-2 and eu-3, one pipeline; nothing is deployed yet."""
    return shop(Chronicle())
