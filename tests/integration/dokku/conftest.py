"""Fixtures of the tests before a stand-in for Dokku."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.dokku.driving import Stand, up


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with up(tmp_path) as stand:
        yield stand
