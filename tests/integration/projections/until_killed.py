"""Projects the history of a bus, a few facts at a time, saying how far it has come: `until_killed.py BUS DATABASE`.

Ends when all is projected, if nobody ends it before.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ownstack_bus.connect import open_bus
from ownstack_bus.port import At, Record
from ownstack_contracts.topics import HISTORY
from ownstack_projections.sink import HistorySink
from ownstack_readmodel import open_readmodel

FEW = 23


async def main(url: str, database: str) -> None:
    """Project everything."""
    lock = threading.Lock()
    bus = await open_bus(url, write_lock=lock)
    readmodel = open_readmodel(database, lock)
    executor = ThreadPoolExecutor(1)
    sink = HistorySink(readmodel, executor, readmodel.changes)
    positions = await sink.positions()
    for partition in range(await bus.partitions(HISTORY.name)):
        batch: list[Record] = []
        async for record in bus.read(HISTORY.name, partition, At(offset=positions.get(partition, 0))):
            batch.append(record)
            if len(batch) == FEW:
                await _apply(sink, partition, batch)
                batch = []
        if batch:
            await _apply(sink, partition, batch)
    executor.shutdown()
    await bus.close()
    readmodel.close()


async def _apply(sink: HistorySink, partition: int, batch: Sequence[Record]) -> None:
    print("next", flush=True)
    await sink.apply(partition, batch)
    assert sink.counts.doubled == 0


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
