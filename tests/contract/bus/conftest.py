"""The suite's asserts are to explain themselves like those of a test module."""

import pytest

pytest.register_assert_rewrite(
    "tests.contract.bus.parts",
    "tests.contract.bus.publishing",
    "tests.contract.bus.processing",
    "tests.contract.bus.recovering",
    "tests.contract.bus.working",
    "tests.contract.bus.projecting",
)
