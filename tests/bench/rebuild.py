"""One measurement of a rebuild, in a process of its own: `python -m tests.bench.rebuild EVENTS [DATABASE]`.

The history is what the promoter writes over promotions of four teams to 50 stacks each. DATABASE: the URL of an empty
PostgreSQL database for the read model, with the history on the Kafka that OWNSTACK_TEST_KAFKA names; else both are in
one file. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.histories import promotions
from tests.real.kafka import new_bus

from ownstack_bus.connect import open_bus
from ownstack_bus.port import Bus, Outgoing
from ownstack_contracts.topics import HISTORY
from ownstack_projections.rebuild import rebuild
from ownstack_readmodel import ReadModel, open_readmodel

BATCH = 5_000


async def fill(bus: Bus, events: int) -> None:
    """Write a history of at least so many facts."""
    records = promotions(events)
    for start in range(0, len(records), BATCH):
        batch = records[start : start + BATCH]
        await bus.publish([Outgoing(HISTORY.name, record.key, record.value, partition=0) for record in batch])


@asynccontextmanager
async def opened(database: str | None) -> AsyncIterator[tuple[Bus, ReadModel]]:
    """A bus and a read model, empty."""
    if database is not None:
        async with new_bus() as bus:
            readmodel = await asyncio.to_thread(open_readmodel, database)
            yield bus, readmodel
            readmodel.close()
        return
    with tempfile.TemporaryDirectory(prefix="ownstack-bench-") as folder:
        url, lock = f"sqlite:///{Path(folder) / 'ownstack.db'}", threading.Lock()
        embedded = await open_bus(url, write_lock=lock)
        readmodel = open_readmodel(url, lock)
        yield embedded, readmodel
        await embedded.close()
        readmodel.close()


async def main(events: int, database: str | None = None) -> None:
    """Fill, rebuild, print."""
    async with opened(database) as (bus, readmodel):
        await fill(bus, events)
        rebuilt = await rebuild(bus, readmodel)
    print(json.dumps({"events": rebuilt.facts, "seconds": rebuilt.seconds}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
