"""Deletes what is past its topic's retention: in the background, in small batches; offsets are never given again."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Mapping

from ownstack_bus.clocks import Clock
from ownstack_bus.embedded.ledger import Ledger
from ownstack_bus.embedded.log import Log, Logs
from ownstack_bus.embedded.segments import OFFSET_BITS
from ownstack_bus.embedded.writer import Writer
from ownstack_bus.port import PASSING, BusError
from ownstack_contracts.topics import Topic

logger = logging.getLogger(__name__)

INTERVAL_S = 300.0
BATCH = 200
"""Commits that are deleted at once: nobody waits long for the file."""


class Retention:
    """Sweeps all logs every few minutes."""

    def __init__(self, writer: Writer, logs: Logs, topics: Mapping[str, Topic], clock: Clock) -> None:
        self._writer = writer
        self._logs = logs
        self._clock = clock
        self._kept = {name: topic.retention for name, topic in topics.items() if topic.retention is not None}
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ownstack-bus-retention")

    async def sweep(self) -> int:
        """Delete what is past its retention, and say how many records that were.

        Raises BusError.
        """
        now = self._clock()
        deleted = 0
        for topic, kept in self._kept.items():
            before = now - int(kept.total_seconds() * 1000)
            for log in self._logs.of(topic):
                deleted += await self._sweep(log, before)
        return deleted

    async def stop(self) -> None:
        """End the background task."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                deleted = await self.sweep()
            except BusError as error:
                logger.log(logging.WARNING if error.code in PASSING else logging.ERROR, "Retention waits: %s", error)
            else:
                if deleted:
                    logger.info("%d records were past their retention and are deleted", deleted)

    async def _sweep(self, log: Log, before: int) -> int:
        deleted = 0
        while log.start < log.end:
            start = await self._writer.run(lambda ledger, connection: _delete(ledger, connection, log.id, before))
            if start is None:
                break
            deleted += start - log.start
            log.forget(start)
        return deleted


def _delete(ledger: Ledger, connection: sqlite3.Connection, log: int, before: int) -> int | None:
    """Delete the oldest segments, if they are older than `before` (ms). Where the log starts now; None: nothing was."""
    low, high = log << OFFSET_BITS, (log + 1) << OFFSET_BITS
    rows = connection.execute(
        "SELECT id, timestamp FROM bus_segments WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", (low, high, BATCH)
    ).fetchall()
    expired = [row for row in rows if row[1] < before]
    if not expired:
        return None
    last, timestamp = expired[-1]
    start = int(last - low) + 1
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM bus_segments WHERE id >= ? AND id <= ?", (low, last))
    connection.execute("UPDATE bus_logs SET start = ?, start_timestamp = ? WHERE id = ?", (start, timestamp, log))
    connection.execute("COMMIT")
    ledger.started(log, start)
    return start
