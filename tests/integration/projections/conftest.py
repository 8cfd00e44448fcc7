"""A bus in a file, and a read model in the same one, as `ownstack up` has them, or in a PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.real.databases import BOTH, new_database

from ownstack_bus.connect import open_bus
from ownstack_bus.port import Bus, Outgoing, Record
from ownstack_contracts.topics import HISTORY
from ownstack_projections.main import Projections, Settings
from ownstack_readmodel import ReadModel, open_readmodel

FILE = "ownstack.db"


@dataclass
class Circle:
    """What a test talks to."""

    bus: Bus
    readmodel: ReadModel
    published: int = 0

    async def publish(self, records: Sequence[Record]) -> None:
        """Write those of a chronicle's records that were not written yet to the history of the bus."""
        new = records[self.published :]
        self.published += len(new)
        await self.bus.publish([Outgoing(HISTORY.name, record.key, record.value) for record in new])

    @asynccontextmanager
    async def projecting(self) -> AsyncIterator[Projections]:
        """The projections run meanwhile."""
        projections = Projections(self.bus, self.readmodel, Settings())
        running = asyncio.create_task(projections.run())
        try:
            yield projections
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the read model is: in the file of the bus, or in a PostgreSQL."""
    with new_database(request.param, tmp_path, FILE) as url:
        yield url


@pytest.fixture
async def circle(tmp_path: Path, database: str) -> AsyncIterator[Circle]:
    lock = threading.Lock()
    bus = await open_bus(f"sqlite:///{tmp_path / FILE}", write_lock=lock)
    readmodel = open_readmodel(database, lock if database.startswith("sqlite") else None)
    yield Circle(bus, readmodel)
    await bus.close()
    readmodel.close()
