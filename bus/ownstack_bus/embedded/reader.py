"""Reads what is no longer in memory: from the file, in batches, in a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from ownstack_bus.embedded.errors import corrupt, translated
from ownstack_bus.embedded.log import Log
from ownstack_bus.embedded.schema import connect
from ownstack_bus.embedded.segments import OFFSET_BITS, Damaged, decode
from ownstack_bus.port import At, BusError, Record

T = TypeVar("T")
_OFFSET = (1 << OFFSET_BITS) - 1
_BATCH_BYTES = 4 * 1024 * 1024


class Reader:
    """Owns the reading connection and its thread. Called on the event loop."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ownstack-bus-reader")

    @classmethod
    def open(cls, path: Path) -> Reader:
        """Raises BusError if the file can't be opened."""
        connection = connect(path)
        connection.execute("PRAGMA query_only=ON")
        return cls(path, connection)

    async def fetch(self, log: Log, position: int, limit: int) -> list[Record]:
        """Up to about `limit` records of `log` from `position` on, or from the first that is kept; [] at the end.

        Raises BusError `bus-corrupt`, `bus-io-error`.
        """
        recent = log.recent(position, limit)
        if recent is not None:
            return recent
        end = log.end
        return await self._run(lambda: self._read(log, position, end, limit))

    async def find(self, log: Log, start: At) -> int:
        """The offset at which `start` is; the end if nothing is there yet."""
        if start.time is None:
            return max(start.offset or 0, 0)
        recent = log.recent_since(start.time)
        if recent is not None:
            return recent
        time, first, end = start.time, log.start, log.end
        return await self._run(lambda: self._search(log, first, end, time))

    def close(self) -> None:
        """Let go of the file."""
        self._thread.submit(self._connection.close)
        self._thread.shutdown()

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except sqlite3.Error as error:
            raise translated(error, self._path) from error
        except Damaged as error:
            raise corrupt(self._path, str(error)) from error
        except RuntimeError as error:  # the executor was shut down
            raise BusError("bus-closed", "The bus is closed. Open it again.") from error

    def _read(self, log: Log, position: int, end: int, limit: int) -> list[Record]:
        records: list[Record] = []
        size = 0
        rows = self._connection.execute(
            "SELECT id, first, timestamp, checksum, body FROM bus_segments WHERE id BETWEEN ? AND ? ORDER BY id",
            (log.id << OFFSET_BITS | position, log.id << OFFSET_BITS | _OFFSET),
        )
        with closing(rows):
            for row in rows:
                records += decode(log.place, row)
                size += len(row[4])
                if len(records) >= limit or size >= _BATCH_BYTES or records[-1].offset >= end:
                    break
        if records and not records[0].offset <= position <= records[-1].offset:
            return [record for record in records if record.offset < end]  # what was before was deleted
        before = position - records[0].offset if records else 0
        beyond = max(records[-1].offset + 1 - end, 0) if records else 0
        return records[before : len(records) - beyond]

    def _search(self, log: Log, first: int, end: int, time: int) -> int:
        """Append times never go back, so half of what is left is ruled out at each step."""
        low, high = first, end
        while low < high:
            middle = (low + high) // 2
            row = self._connection.execute(
                "SELECT id, first, timestamp FROM bus_segments WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1",
                (log.id << OFFSET_BITS | middle, log.id << OFFSET_BITS | _OFFSET),
            ).fetchone()
            if row is None:
                high = middle
            elif row[2] >= time:
                high = min(middle, row[1])
            else:
                low = (row[0] & _OFFSET) + 1
        return low


class Cursor:
    """A place in a log that goes forward."""

    __slots__ = ("_reader", "log", "position")

    def __init__(self, reader: Reader, log: Log, position: int) -> None:
        self._reader = reader
        self.log = log
        self.position = position

    @property
    def behind(self) -> bool:
        """Whether there is more to read."""
        return self.position < self.log.end

    async def peek(self, limit: int) -> list[Record]:
        """Up to about `limit` records from here on, without going forward; [] at the end.

        What was deleted is passed over.
        """
        while self.behind:
            records = await self._reader.fetch(self.log, self.position, limit)
            if records:
                return records
            self.position = max(self.log.start, self.position + 1)
        return []

    async def take(self, limit: int) -> list[Record]:
        """As `peek`, and goes forward."""
        records = await self.peek(limit)
        if records:
            self.position = records[-1].offset + 1
        return records
