"""Projects so many batches of a bus's history, saying when each begins, and waits: `until_killed.py BUS DATABASE N`."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ownstack_bus.connect import open_bus
from ownstack_bus.port import At, Bus, Record
from ownstack_contracts.topics import HISTORY
from ownstack_projections.sink import HistorySink
from ownstack_readmodel import open_readmodel

FEW = 23


async def main(url: str, database: str, batches: str) -> None:
    """Until somebody ends it."""
    lock = threading.Lock()
    bus = await open_bus(url, write_lock=lock)
    readmodel = open_readmodel(database, lock)
    executor = ThreadPoolExecutor(1)
    sink = HistorySink(readmodel, executor, readmodel.changes)
    positions = await sink.positions()
    left = int(batches)
    async for partition, batch in _batches(bus, positions):
        if not left:
            await asyncio.Event().wait()
        left -= 1
        print("next", flush=True)
        await sink.apply(partition, batch)
        assert sink.counts.doubled == 0


async def _batches(bus: Bus, positions: Mapping[int, int]) -> AsyncIterator[tuple[int, Sequence[Record]]]:
    for partition in range(await bus.partitions(HISTORY.name)):
        batch: list[Record] = []
        async for record in bus.read(HISTORY.name, partition, At(offset=positions.get(partition, 0))):
            batch.append(record)
            if len(batch) == FEW:
                yield partition, batch
                batch = []
        if batch:
            yield partition, batch


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
