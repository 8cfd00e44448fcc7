"""Builds the read model anew from the history, in tables beside the live ones; then exchanges them in one transaction.

The live tables serve, and are kept in step, until then. What an interrupted rebuild leaves is dropped by the next one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, aclosing, nullcontext
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from ownstack_bus.port import At, Bus, Record
from ownstack_contracts.topics import HISTORY
from ownstack_projections.sink import HistorySink
from ownstack_readmodel import ReadModel, passes
from ownstack_readmodel.shadows import Shadows

log = logging.getLogger(__name__)

BATCH = 2_000
"""So many records are folded at once: the lock on the file is held for some tens of milliseconds."""
CLOSE = 2_000
"""The live projections are held up only once the new tables are that many records from where it is."""

EXCHANGES = 10
"""So often the exchange is tried, each time for some seconds."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many facts were folded, and how long it took, in seconds."""

    facts: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Facts per second."""
        return self.facts / self.seconds if self.seconds else 0.0


async def rebuild(bus: Bus, readmodel: ReadModel, live: HistorySink | None = None) -> Rebuilt:
    """Build all tables but those of the logs anew, and put them in the place of the live ones, while queries go on.

    live: the sink that feeds the live tables, if it runs in this process; it is held up for the moment of the exchange,
    as are those of other processes, which then go on from the new tables.
    Raises ProjectionStopped if the history can't be folded, and DatabaseUnusable if another process builds already; the
    live tables stay as they were then.
    """
    worker = ThreadPoolExecutor(1, thread_name_prefix="rebuild")
    shadows = Shadows(readmodel, secrets.token_hex(4))
    alone = ExitStack()
    try:
        await _in(worker, lambda: alone.enter_context(shadows.alone()))
        try:
            return await _rebuild(bus, readmodel, live, shadows, worker)
        finally:
            await _in(worker, shadows.drop)
    finally:
        await _in(worker, alone.close)
        worker.shutdown()


async def _rebuild(
    bus: Bus, readmodel: ReadModel, live: HistorySink | None, shadows: Shadows, worker: ThreadPoolExecutor
) -> Rebuilt:
    started = time.monotonic()
    await _in(worker, shadows.create)
    sink = HistorySink(readmodel, worker, None, shadows.suffix)
    while await _catch_up(bus, sink, await _ends(bus)) > CLOSE:
        log.info("%d facts are folded", sink.counts.facts)
    await _in(worker, shadows.index)
    await _when_possible(lambda: _exchange(bus, readmodel, live, shadows, sink, worker))
    readmodel.changes.all_stored()
    return Rebuilt(sink.counts.facts, time.monotonic() - started)


async def _exchange(
    bus: Bus,
    readmodel: ReadModel,
    live: HistorySink | None,
    shadows: Shadows,
    sink: HistorySink,
    worker: ThreadPoolExecutor,
) -> None:
    """Nobody writes to the live tables while the new ones come to where they are, and take their place."""
    async with live.paused() if live is not None else nullcontext():
        try:
            await _in(worker, shadows.hold_writers)
            await _catch_up(bus, sink, await readmodel.positions(HISTORY.name))
            await _in(worker, shadows.exchange)
        finally:
            await _in(worker, shadows.let_go)


async def _when_possible(work: Callable[[], Awaitable[None]]) -> None:
    """Queries that don't end, or a process that was stopped in the middle, may stand in the way for a while."""
    for left in reversed(range(EXCHANGES)):
        try:
            return await work()
        except DBAPIError as error:
            if not left or not passes(error):
                raise
            log.warning("the new tables can't be put in place yet: %s", error.orig)
    raise AssertionError("unreachable")


async def _in(worker: ThreadPoolExecutor, work: Callable[[], object]) -> None:
    await asyncio.get_running_loop().run_in_executor(worker, work)


async def _ends(bus: Bus) -> Mapping[int, int]:
    return {p: await bus.end(HISTORY.name, p) for p in range(await bus.partitions(HISTORY.name))}


async def _catch_up(bus: Bus, sink: HistorySink, ends: Mapping[int, int]) -> int:
    """Fold each partition up to its end. Returns how many records that were."""
    positions = await sink.positions()
    folded = 0
    for partition, end in ends.items():
        start = At(offset=positions.get(partition, 0))
        async with aclosing(_ahead(_batches(bus, partition, start, end))) as batches:
            async for batch in batches:
                await sink.apply(partition, batch)
                folded += len(batch)
    return folded


async def _batches(bus: Bus, partition: int, start: At, end: int) -> AsyncIterator[list[Record]]:
    batch: list[Record] = []
    async for record in bus.read(HISTORY.name, partition, start, end):
        batch.append(record)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _ahead(batches: AsyncIterator[list[Record]]) -> AsyncGenerator[list[Record], None]:
    """The same batches; while one is being folded, the next is read."""
    reading = asyncio.ensure_future(anext(batches, None))
    try:
        while (batch := await reading) is not None:
            reading = asyncio.ensure_future(anext(batches, None))
            yield batch
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
