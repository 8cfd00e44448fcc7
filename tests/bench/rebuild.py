"""One measurement of a rebuild, in a process of its own: `python -m tests.bench.rebuild EVENTS [DATABASE]`.

The history is what the promoter writes over promotions of four teams to 50 stacks each. DATABASE: the URL of an empty
PostgreSQL database for the read model; else it is in the file of the bus. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
from pathlib import Path

from tests.bench.histories import promotions

from ownstack_bus.connect import open_bus
from ownstack_bus.port import Bus, Outgoing
from ownstack_contracts.topics import HISTORY
from ownstack_projections.rebuild import rebuild
from ownstack_readmodel import open_readmodel

BATCH = 5_000


async def fill(bus: Bus, events: int) -> None:
    """Write a history of at least so many facts."""
    records = promotions(events)
    for start in range(0, len(records), BATCH):
        batch = records[start : start + BATCH]
        await bus.publish([Outgoing(HISTORY.name, record.key, record.value, partition=0) for record in batch])


async def main(events: int, database: str | None = None) -> None:
    """Fill, rebuild, print."""
    with tempfile.TemporaryDirectory(prefix="ownstack-bench-") as folder:
        url, lock = f"sqlite:///{Path(folder) / 'ownstack.db'}", threading.Lock()
        bus = await open_bus(url, write_lock=lock)
        readmodel = open_readmodel(database) if database else open_readmodel(url, lock)
        try:
            await fill(bus, events)
            rebuilt = await rebuild(bus, readmodel)
        finally:
            await bus.close()
            readmodel.close()
    print(json.dumps({"events": rebuilt.facts, "seconds": rebuilt.seconds}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
