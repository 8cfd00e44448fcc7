"""The bus on a real Kafka keeps all promises."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.bus.contract import BusContract
from tests.real.kafka import new_bus

from ownstack_bus.port import Bus


class TestKafkaBus(BusContract):
    """As it is used."""

    @pytest.fixture
    async def bus(self) -> AsyncIterator[Bus]:
        async with new_bus(partitions=4) as bus:
            yield bus
