"""Builds the read model anew from the history, in tables beside the live ones; then exchanges them in one transaction.

The live tables serve, and are kept in step, until then. What an interrupted rebuild leaves is dropped by the next one.
A database or a bus that goes away meanwhile is waited for, and it goes on from what is stored beside the live tables.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, aclosing, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from ownstack_bus.port import At, Bus, Record, Sink
from ownstack_contracts.topics import HISTORY
from ownstack_projections.patience import Patience, Patient
from ownstack_projections.sink import HistorySink
from ownstack_readmodel import DatabaseUnusable, ReadModel
from ownstack_readmodel.shadows import Shadows

log = logging.getLogger(__name__)

BATCH = 2_000
"""So many records are folded at once: the lock on the file is held for some tens of milliseconds."""
CLOSE = 2_000
"""The live projections are held up only once the new tables are that many records from where it is."""

GIVE_UP_S = 300.0
"""So long it waits for what passes by itself: a rebuild of hours outlives a restart, and nobody waits for ever."""
DISK_FULL = "53100"
"""PostgreSQL's code for it."""

T = TypeVar("T")


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
    Raises ProjectionStopped if the history can't be folded, DatabaseUnusable if another process builds already, or
    there is no room, and sqlalchemy.exc.DBAPIError or BusError if the database or the bus is away at the beginning, or
    for too long; the live tables stay as they were then, unless it went away in the very commit that exchanges them.
    """
    worker = ThreadPoolExecutor(1, thread_name_prefix="rebuild")
    shadows = Shadows(readmodel, secrets.token_hex(4))
    alone = ExitStack()
    try:
        await _in(worker, lambda: alone.enter_context(shadows.alone()))
        return await _Build(bus, readmodel, shadows, worker).rebuilt(live)
    finally:
        await _in(worker, alone.close)
        worker.shutdown()


class _Build:
    """Fills the tables beside the live ones. Each step may be taken again from its beginning, whatever came of it."""

    def __init__(self, bus: Bus, readmodel: ReadModel, shadows: Shadows, worker: ThreadPoolExecutor) -> None:
        self._bus, self._readmodel, self._shadows, self._worker = bus, readmodel, shadows, worker
        self._sink = HistorySink(readmodel, worker, None, shadows.suffix)
        self._building = Patience("building the tables anew", GIVE_UP_S)
        self._exchanging = Patience("putting the new tables in place", GIVE_UP_S)

    async def rebuilt(self, live: HistorySink | None) -> Rebuilt:
        """See `rebuild`."""
        started = time.monotonic()
        try:
            await self._fill()
            await _with_room(self._exchanging, lambda: self._exchange(live))
        except BaseException:
            await self._drop(0)
            raise
        self._readmodel.changes.all_stored()
        rebuilt = Rebuilt(self._sink.counts.facts, time.monotonic() - started)
        await self._drop(GIVE_UP_S)
        return rebuilt

    async def _fill(self) -> None:
        await _with_room(self._building, self._create)
        while await _with_room(self._building, self._fold) > CLOSE:
            log.info("%d facts are folded", self._sink.counts.facts)
        await _with_room(self._building, self._index)

    async def _create(self) -> None:
        await _in(self._worker, self._shadows.keep_alone)  # what others build is dropped by nobody
        await _in(self._worker, self._shadows.create)

    async def _fold(self) -> int:
        """Returns how many records were left."""
        await self._are_exchanged()
        return await self._catch_up(Patient(self._sink, self._building), await _ends(self._bus))

    async def _index(self) -> None:
        await self._are_exchanged()
        await _in(self._worker, self._shadows.index)

    async def _exchange(self, live: HistorySink | None) -> None:
        """Nobody writes to the live tables while the new ones come to where they are, and take their place.

        A commit whose answer is lost may have been one: so it looks first.
        """
        if await self._are_exchanged():
            return
        async with live.paused() if live is not None else nullcontext():
            try:
                await _in(self._worker, self._shadows.hold_writers)
                await self._catch_up(self._sink, await self._readmodel.positions(HISTORY.name))
                await _in(self._worker, self._shadows.exchange)
            finally:
                await _in(self._worker, self._shadows.let_go)

    async def _are_exchanged(self) -> bool:
        """Raises DatabaseUnusable if another process builds, or has dropped what was built here."""
        await _in(self._worker, self._shadows.keep_alone)
        return await _in(self._worker, self._shadows.are_exchanged)

    async def _catch_up(self, sink: Sink, ends: Mapping[int, int]) -> int:
        """Fold each partition up to its end. Returns how many records that were."""
        positions = await sink.positions()
        folded = 0
        for partition, end in ends.items():
            start = At(offset=positions.get(partition, 0))
            async with aclosing(_ahead(_batches(self._bus, partition, start, end))) as batches:
                async for batch in batches:
                    await _in(self._worker, self._shadows.keep_alone)
                    await sink.apply(partition, batch)
                    folded += len(batch)
        return folded

    async def _drop(self, limit: float) -> None:
        """What can't be dropped changes nothing about how the rebuild ended."""
        try:
            await Patience("dropping the old tables", limit).through(lambda: _in(self._worker, self._shadows.drop))
        except DBAPIError as error:
            log.warning("tables are left beside the live ones, and dropped by the next rebuild: %s", error.orig)


async def _with_room(patience: Patience, work: Callable[[], Awaitable[T]]) -> T:
    """Do it with patience; but a full disk is full of the new tables, and everybody else waits until they are dropped.

    Raises DatabaseUnusable (`rebuild-no-room`) then.
    """

    async def working() -> T:
        try:
            return await work()
        except DBAPIError as error:
            if not _is_full(error):
                raise
            raise DatabaseUnusable(
                "rebuild-no-room",
                f"There is no room for new tables beside the live ones: {error.orig}.",
                "Make room for a second read model of the same size; the live one stays as it was.",
            ) from error

    return await patience.through(working)


def _is_full(error: DBAPIError) -> bool:
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == DISK_FULL


async def _in(worker: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(worker, work)


async def _ends(bus: Bus) -> Mapping[int, int]:
    return {p: await bus.end(HISTORY.name, p) for p in range(await bus.partitions(HISTORY.name))}


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
