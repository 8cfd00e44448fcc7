"""What a processor handles next, out of its input topics: by append time, each topic in its own order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from heapq import merge
from operator import attrgetter

from ownstack_bus.embedded.log import Log
from ownstack_bus.embedded.reader import Cursor, Reader
from ownstack_bus.port import Record

BATCH = 256
"""Inputs handled at once: few enough that nobody else on the event loop waits long."""


class Inputs:
    """The logs of one partition, over all input topics."""

    def __init__(self, reader: Reader, logs: Sequence[Log]) -> None:
        self.logs = logs
        self.cursors = [Cursor(reader, log, 0) for log in logs]
        self.more = asyncio.Event()
        self._by_topic = {cursor.log.place.topic: cursor for cursor in self.cursors}
        self._careful: dict[str, int] = {}

    def listen(self) -> None:
        """Set `more` whenever something was appended."""
        for log in self.logs:
            log.listen(self.more)

    def unlisten(self) -> None:
        """The opposite of `listen`."""
        for log in self.logs:
            log.unlisten(self.more)

    async def wait(self, seconds: float | None) -> None:
        """Until there may be more, at most so long."""
        if seconds is None:
            await self.more.wait()
        elif seconds > 0:
            timer = asyncio.get_running_loop().call_later(seconds, self.more.set)
            try:
                await self.more.wait()
            finally:
                timer.cancel()

    async def peek(self) -> Sequence[Record]:
        """The next batch, by append time and then by the order of the topics; [] at the end."""
        limit = 1 if self._is_careful() else BATCH
        slices = [(await cursor.peek(limit))[:limit] for cursor in self.cursors]
        present = [records for records in slices if records]
        if len(present) < 2:
            return present[0] if present else []
        merged = list(merge(*present, key=attrgetter("timestamp")))
        # What lies behind the end of a slice may be older than the rest of the others.
        ends = [records[-1] for records in present if records[-1].offset + 1 < self._end(records[-1])]
        if ends:
            merged = merged[: min(_index(merged, record) for record in ends) + 1]
        return merged[:limit]

    def passed(self, record: Record) -> None:
        """This input is handled."""
        self._by_topic[record.topic].position = record.offset + 1

    def careful_until(self, batch: Sequence[Record]) -> None:
        """One of these failed: they come one by one from now on, until all are handled."""
        for record in batch:
            self._careful[record.topic] = max(self._careful.get(record.topic, 0), record.offset + 1)

    def _is_careful(self) -> bool:
        self._careful = {
            topic: until for topic, until in self._careful.items() if self._by_topic[topic].position < until
        }
        return bool(self._careful)

    def _end(self, record: Record) -> int:
        return self._by_topic[record.topic].log.end


def _index(records: Sequence[Record], wanted: Record) -> int:
    return next(i for i, record in enumerate(records) if record is wanted)
