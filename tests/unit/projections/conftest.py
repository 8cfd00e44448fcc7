"""What the tests of projections share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bench.histories import Chronicle, shop
from tests.real.databases import BOTH, new_database
from tests.unit.projections.house import House
from tests.unit.projections.remembering import Remembering

from ownstack_readmodel import open_readmodel


@pytest.fixture(params=BOTH)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with new_database(request.param, tmp_path) as url:
        house = House(open_readmodel(url, threading.Lock()))
        yield house
        house.close()


@pytest.fixture
def chronicle() -> Chronicle:
    """The team acme: shop-staging on staging-1, shop on eu-1, eu-2 and eu-3, one pipeline; nothing is deployed yet."""
    return shop(Remembering())
