"""Every test of this folder draws from a seed that it prints. They take time: `make faults`, `make faults-kafka`."""

from __future__ import annotations

import random

import pytest
from tests.faults.seeds import new_seed

pytest.register_assert_rewrite("tests.faults.kafka.house")


@pytest.fixture(autouse=True)
def seed() -> int:
    """It comes before what captures a test's output, so that it is seen."""
    seed = new_seed()
    random.seed(seed)
    return seed
