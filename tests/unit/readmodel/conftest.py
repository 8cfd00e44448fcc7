"""What the tests of the read model share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ownstack_readmodel import ReadModel, open_readmodel


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'read model.db'}"


@pytest.fixture
def readmodel(url: str) -> Iterator[ReadModel]:
    readmodel = open_readmodel(url, threading.Lock())
    yield readmodel
    readmodel.close()
