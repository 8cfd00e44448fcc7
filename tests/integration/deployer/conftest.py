"""Fixtures of the deployer's tests with real programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.deployer.programs import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)
