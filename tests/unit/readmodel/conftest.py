"""What the tests of the read model share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real.databases import BOTH, new_database

from ownstack_readmodel import ReadModel, open_readmodel


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path, "read model.db") as url:
        yield url


@pytest.fixture
def readmodel(url: str) -> Iterator[ReadModel]:
    readmodel = open_readmodel(url, threading.Lock())
    yield readmodel
    readmodel.close()
