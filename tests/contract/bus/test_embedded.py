"""The embedded bus keeps all promises: out of its memory, and when everything has to come from the file."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.bus.contract import BusContract

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Bus


class TestEmbeddedBus(BusContract):
    """As it is used."""

    @pytest.fixture
    async def bus(self, tmp_path: Path) -> AsyncIterator[Bus]:
        bus = await EmbeddedBus.open(tmp_path / "bus.db", write_lock=threading.Lock())
        yield bus
        await bus.close()


class TestEmbeddedBusWithoutMemory(BusContract):
    """Only the last commit is in memory."""

    @pytest.fixture
    async def bus(self, tmp_path: Path) -> AsyncIterator[Bus]:
        bus = await EmbeddedBus.open(tmp_path / "bus.db", partitions=3, window_bytes=0)
        yield bus
        await bus.close()
