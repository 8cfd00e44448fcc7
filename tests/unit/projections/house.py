"""A read model that facts are projected into as a test likes: in which batches, doubled, after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

from sqlalchemy import select

from ownstack_bus.port import Record
from ownstack_projections.sink import HistorySink
from ownstack_readmodel import ReadModel
from ownstack_readmodel.tables import METADATA, REBUILT

Dump = dict[str, list[tuple[Any, ...]]]


class House:
    """The read model, its present sink, and how many records were given to it."""

    def __init__(self, readmodel: ReadModel, suffix: str = "") -> None:
        self.readmodel = readmodel
        self._suffix = suffix
        self._executor = ThreadPoolExecutor(1)
        self._given = 0
        self.sink = self._new()

    def _new(self) -> HistorySink:
        return HistorySink(self.readmodel, self._executor, self.readmodel.changes, self._suffix)

    async def restart(self) -> None:
        """A new process goes on from what is stored."""
        self.sink = self._new()
        self._given = (await self.sink.positions()).get(0, 0)

    async def take(self, records: Sequence[Record], batch: int = 1_000) -> None:
        """Apply the records that were not applied yet, so many at a time."""
        if self._given == 0:
            await self.sink.positions()
        while self._given < len(records):
            part = records[self._given : self._given + batch]
            await self.sink.apply(0, part)
            self._given += len(part)

    def close(self) -> None:
        """Let go of the threads and the file."""
        self._executor.shutdown()
        self.readmodel.close()


def dump(readmodel: ReadModel, *, but: Sequence[str] = ()) -> Dump:
    """All rows that the history fills, in the order of their keys."""
    with readmodel.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in REBUILT
            if table.name not in but
        }


def empty(readmodel: ReadModel) -> None:
    """Delete all rows."""
    with readmodel.writing() as connection:
        for table in METADATA.sorted_tables:
            connection.execute(table.delete())


def at_new_offsets(records: Sequence[Record]) -> list[Record]:
    """The same records, one after another from offset 0 on."""
    offsets = count()
    return [Record(r.topic, r.partition, next(offsets), r.timestamp, r.key, r.value) for r in records]
